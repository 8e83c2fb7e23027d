"""A process that records with Ictus and with ``prometheus_client``, as a user's worker may.

Prints ``done``, and waits for its standard input to end.
"""

from __future__ import annotations

import os
import sys

directory = sys.argv[1]
os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory

from prometheus_client import Counter, Gauge, Histogram  # noqa: E402

from ictus.conductor import MetricsCollector, MetricsSettings  # noqa: E402

collector = MetricsCollector(MetricsSettings(directory=directory))
collector.increment_task_poll("t")
Counter("cards_charged", "Cards charged.", ["bank"]).labels("b").inc(2)
Gauge("cards_waiting", "Cards waiting.", multiprocess_mode="livesum").set(3)
Histogram("card_seconds", "A card.", buckets=(1, 2)).observe(1.5)
# A name of the catalog, recorded without Ictus: it must not be shown together with Ictus's own.
Counter("task_poll", "Not ours.", ["taskType"]).labels("t").inc(1000)
print("done", flush=True)
sys.stdin.read()
