"""A program that uses the SDK: two workers and a metrics file, until its standard input ends.

The import that activates Ictus is guarded, so that workers in spawned processes, which import this
file again, do not run it. With ``sdk`` as its third argument, the program itself does not activate
Ictus.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from typing import Any

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task


@functools.cache
def own_counter() -> Any:
    """Returns a metric of the user, created where it is first counted: in the worker."""
    from prometheus_client import Counter  # noqa: PLC0415

    return Counter("greetings", "A user's own metric.", ["language"])


@worker_task(task_definition_name="plain", poll_interval_millis=20)
def plain() -> dict[str, Any]:
    if "APP_COUNTS" in os.environ:
        own_counter().labels("en").inc()
    return {"fine": True}


@worker_task(task_definition_name="awaiting", poll_interval_millis=20)
async def awaiting() -> dict[str, Any]:
    return {"fine": True}


def main(settings: Any, url: str) -> None:
    handler = TaskHandler(
        configuration=Configuration(server_api_url=url),
        metrics_settings=settings,
        scan_for_annotated_workers=True,
        monitor_interval_seconds=0.2,
        restart_backoff_seconds=0.1,
    )
    handler.start_processes()
    pids = [process.pid for process in handler.task_runner_processes]
    print(json.dumps(pids), flush=True)
    sys.stdin.read()
    handler.stop_processes()


def settings_class(activation: str) -> Any:
    """Returns the class of the settings, once Ictus is active in this process."""
    if activation == "settings":
        # The only line that differs from a program without Ictus.
        from ictus.conductor import MetricsSettings  # noqa: PLC0415

        return MetricsSettings
    from conductor.client.configuration.settings import metrics_settings  # noqa: PLC0415

    if activation == "install":
        from ictus.conductor import install  # noqa: PLC0415

        install()
    return metrics_settings.MetricsSettings


def run() -> None:
    settings = settings_class(sys.argv[3])(directory=sys.argv[1], file_name="out.prom")
    main(settings, sys.argv[2])


if __name__ == "__main__":
    run()
