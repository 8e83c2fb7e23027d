"""Two workers of an SDK that may have been changed, until standard input ends.

Arguments: directory, URL, and where the class of the settings is (``MODULE:NAME``).
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


def main(directory: str, url: str, where: str) -> None:
    module, _, name = where.partition(":")
    settings = getattr(importlib.import_module(module), name)(directory=directory, file_name="out.prom")
    handler = TaskHandler(
        configuration=Configuration(server_api_url=url),
        metrics_settings=settings,
        scan_for_annotated_workers=True,
    )
    handler.start_processes()
    sys.stdin.read()
    handler.stop_processes()


if __name__ == "__main__":
    main(*sys.argv[1:])
