"""Spawns a process that records as a worker does, with the settings that are sent to it.

Arguments: the directory, the keyword arguments of the settings as JSON, and a start method.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from typing import Any


def work(settings: Any) -> None:
    from conductor.client.automator import task_runner  # noqa: PLC0415

    create = getattr(task_runner, "create_metrics_collector", None) or task_runner.MetricsCollector
    collector = create(settings)
    for number in range(1, 3001):
        collector.record_task_execute_time("t", number)
    for number in range(30):
        collector.increment_task_poll(f"task {number}")


if __name__ == "__main__":
    from ictus.conductor import MetricsSettings

    worker_settings = MetricsSettings(directory=sys.argv[1], **json.loads(sys.argv[2]))
    context: Any = multiprocessing.get_context(sys.argv[3])
    process = context.Process(target=work, args=(worker_settings,))
    process.start()
    process.join(60)
    sys.exit(process.exitcode)
