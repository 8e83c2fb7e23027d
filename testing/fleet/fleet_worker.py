"""Executes tasks of a type with Conductor's Python SDK: ``fleet_worker.py SERVER DIRECTORY TASK_TYPE``."""

from __future__ import annotations

import sys

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker import Worker
from ictus.conductor import MetricsSettings


def work(_: object) -> dict[str, str]:
    """The task."""
    return {"by": "python"}


def main() -> None:
    """Works until standard input ends."""
    server, directory, kind = sys.argv[1:]
    with TaskHandler(
        workers=[Worker(kind, work, poll_interval=10)],
        configuration=Configuration(server_api_url=server),
        metrics_settings=MetricsSettings(directory=directory),
        scan_for_annotated_workers=False,
    ) as handler:
        handler.start_processes()
        sys.stdin.read()
        handler.stop_processes()


if __name__ == "__main__":
    main()
