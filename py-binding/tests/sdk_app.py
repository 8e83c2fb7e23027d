"""Two workers of any release of the SDK, until standard input ends.

Arguments: directory, URL, the class of the settings (``MODULE:NAME``), and the endpoint's port or 0.
Prints the processes of the workers, among the SDK's output.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task


@worker_task(task_definition_name="plain", poll_interval_millis=20)
def plain() -> dict[str, Any]:
    return {"fine": True}


@worker_task(task_definition_name="awaiting", poll_interval_millis=20)
async def awaiting() -> dict[str, Any]:
    return {"fine": True}


def main(directory: str, url: str, where: str, port: str) -> None:
    module, _, name = where.partition(":")
    more = {"http_port": int(port)} if int(port) else {}
    settings = getattr(importlib.import_module(module), name)(
        directory=directory, file_name="out.prom", **more
    )
    handler = TaskHandler(
        configuration=Configuration(server_api_url=url),
        metrics_settings=settings,
        scan_for_annotated_workers=True,
    )
    handler.start_processes()
    print("workers:", *(process.pid for process in handler.task_runner_processes), flush=True)
    sys.stdin.read()
    handler.stop_processes()


if __name__ == "__main__":
    main(*sys.argv[1:])
