"""Times the updates of tasks where the SDK does not: until 1.3 nobody called for it.

Later versions do it in their runners, around each attempt, with the status of each. So does this.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

# Module, runner, the method that updates a task, and the client that sends the requests.
_RUNNERS = (
    ("task_runner", "TaskRunner", "_TaskRunner__update_task", "TaskResourceApi"),
    (
        "async_task_runner",
        "AsyncTaskRunner",
        "_AsyncTaskRunner__async_update_task",
        "AsyncTaskResourceApi",
    ),
)
_NOT_SUPPORTED = (404, 405)
"""The server does not know the second version of the update; the runner falls back to the first."""

_updating: ContextVar[Any] = ContextVar("ictus_updating", default=None)
"""The runner that is updating a task in this thread or asyncio task: others use its client as well."""
_timed: set[type] = set()


def time_them() -> None:
    """Times what the runners loaded so far do. Runners make collectors, so each is loaded by then."""
    for module_name, runner_name, update, client_name in _RUNNERS:
        module = sys.modules.get(f"conductor.client.automator.{module_name}")
        runner, client = getattr(module, runner_name, None), getattr(module, client_name, None)
        if runner is None or client is None or runner in _timed:
            continue
        _timed.add(runner)
        _surround(runner, update, lambda runner, _: _mark(runner))
        for method in ("update_task", "update_task_v2"):
            _surround(client, method, lambda _, name: _measure(name))


def _surround(owner: type, name: str, manager: Callable[[Any, str], AbstractContextManager[None]]) -> None:
    """Makes a method run in a context, which is given its object and its name."""
    method = getattr(owner, name, None)
    if method is None:
        return

    def surrounded(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with manager(self, name):
            return method(self, *arguments, **keywords)

    async def surrounded_until_done(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with manager(self, name):
            return await method(self, *arguments, **keywords)

    wrapper = surrounded_until_done if inspect.iscoroutinefunction(method) else surrounded
    setattr(owner, name, functools.wraps(method)(wrapper))


@contextlib.contextmanager
def _mark(runner: Any) -> Iterator[None]:
    before = _updating.set(runner)
    try:
        yield
    finally:
        _updating.reset(before)


@contextlib.contextmanager
def _measure(method: str) -> Iterator[None]:
    runner = _updating.get()
    if getattr(runner, "metrics_collector", None) is None:
        yield
        return
    start = time.perf_counter()
    try:
        yield
    except Exception as failed:
        if method != "update_task_v2" or getattr(failed, "status", None) not in _NOT_SUPPORTED:
            _record(runner, time.perf_counter() - start, "FAILURE")
        raise
    _record(runner, time.perf_counter() - start, "SUCCESS")


def _record(runner: Any, seconds: float, status: str) -> None:
    # An exception of a user's collector must not fail the update.
    with contextlib.suppress(Exception):
        task_type = runner.worker.get_task_definition_name()
        runner.metrics_collector.record_task_update_time(task_type, seconds, status=status)
