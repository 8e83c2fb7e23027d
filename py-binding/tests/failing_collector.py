"""A worker in which the creation of Ictus's collector fails: it records, and waits for its input to end."""

from __future__ import annotations

import sys
from typing import Any

from ictus.conductor import MetricsCollector, MetricsSettings, options


def fail(*_: Any) -> Any:
    raise RuntimeError("broken")


setattr(options, "of", fail)  # noqa: B010 - of another type
collector = MetricsCollector(MetricsSettings(directory=sys.argv[1]))
for _ in range(3):
    collector.increment_task_poll("failing")
    collector.record_task_execute_time("failing", 0.5)
    collector.increment_external_payload_used("failing", "READ", "x")
print("done", flush=True)
sys.stdin.read()
