"""A worker process: makes some observations of one value, prints a line, and ends when its input does."""

from __future__ import annotations

import sys

from ictus.conductor import MetricsSettings, create_metrics_collector


def main(directory: str, value: float, count: int) -> None:
    collector = create_metrics_collector(MetricsSettings(directory=directory))
    collector.set_active_workers("shared", 1)
    for _ in range(count):
        collector.record_task_execute_time("shared", value)
    print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
