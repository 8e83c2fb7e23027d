"""Executes tasks of a type with Conductor's Python SDK: ``fleet_worker.py SERVER DIRECTORY TASK_TYPE``.

A task takes the input ``number`` modulo 50 milliseconds.
"""

# Without `annotations` of __future__, because the SDK reads the types of a task's parameters.
import sys
import time

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker import Worker
from ictus.conductor import MetricsSettings


def work(number: int) -> dict[str, str]:
    """The task."""
    time.sleep(number % 50 / 1000)
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
