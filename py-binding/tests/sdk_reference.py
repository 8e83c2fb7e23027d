"""The SDK's own collector: replays calls from standard input, and prints the output of its provider.

The settings choose the collector, by ``WORKER_CANONICAL_METRICS``.

Ictus is not imported, so everything here is the SDK as it is installed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from conductor.client.configuration.settings.metrics_settings import MetricsSettings
from conductor.client.telemetry.metrics_collector import MetricsCollector

from collector_calls import replay


def collector(settings: MetricsSettings) -> Any:
    if not getattr(settings, "is_canonical", False):
        return MetricsCollector(settings)
    from conductor.client.telemetry.metrics_factory import create_metrics_collector  # noqa: PLC0415

    return create_metrics_collector(settings)


def main(directory: str) -> None:
    settings = MetricsSettings(directory=directory, file_name="reference.prom", update_interval=0.05)
    replay(collector(settings), json.load(sys.stdin))
    assert not any(name.partition(".")[0] == "ictus" for name in sys.modules)
    threading.Thread(target=MetricsCollector.provide_metrics, args=(settings,), daemon=True).start()
    written = Path(getattr(settings, "metrics_directory", directory), "reference.prom")
    while not written.exists():
        time.sleep(0.02)
    sys.stdout.buffer.write(written.read_bytes())
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
