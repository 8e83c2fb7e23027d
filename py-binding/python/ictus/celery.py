"""Measures the tasks of Celery workers, by name and state: needs Celery 5.3 or newer."""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING, Any

from celery.signals import task_postrun, task_prerun

from ictus import _core, _log_once

if TYPE_CHECKING:
    from ictus import Registry

__all__ = ["time_tasks"]


def time_tasks(registry: Registry) -> None:
    """Measures each run of a task in this process and in its worker processes.

    The timer ``celery_task_runtime_seconds`` has the labels ``task``, the name, and ``state``, such as
    ``SUCCESS``, ``FAILURE`` or ``RETRY``. The gauge ``celery_running_tasks`` has the label ``task``. Call
    this where the application is created, since workers import that module.
    """
    if not isinstance(registry, _core.Registry):
        raise TypeError(f"`registry` must be an ictus.Registry, not {registry!r}")
    runtimes = registry.timer(
        "celery_task_runtime_seconds", "Duration of the runs of Celery tasks.", ["task", "state"]
    )
    running = registry.gauge("celery_running_tasks", "Celery tasks that are running.", ["task"])
    # A run is known by its request: runs in threads and greenlets, and nested ones, have their own.
    began: dict[int, float] = {}

    def reject(error: Exception) -> None:
        _log_once.warning(f"a task was not recorded: {error!r}")
        with contextlib.suppress(Exception), runtimes.time():
            pass  # A measurement without labels is counted as rejected.

    def begin(task: Any, **_: Any) -> None:
        try:
            running.labels(task.name).inc()
            began[id(task.request)] = perf_counter()
        except Exception as error:
            reject(error)

    def end(task: Any, state: object = None, **_: Any) -> None:
        try:
            seconds = perf_counter() - began.pop(id(task.request))
            running.labels(task.name).dec()
            runtimes.labels(task.name, state).observe(seconds)
        except Exception as error:
            reject(error)

    # A second call for the same registry changes nothing.
    task_prerun.connect(begin, weak=False, dispatch_uid=("ictus", id(registry)))
    task_postrun.connect(end, weak=False, dispatch_uid=("ictus", id(registry)))
