"""Times task updates for SDKs until 1.3, which do not record them.

Later versions time each attempt in their runners and record its status. This module does the same.
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
"""The runner that updates a task in this thread or asyncio task. Other callers use the same client."""
_timed: set[type] = set()


def install() -> None:
    """Wraps the runners that are imported so far.

    A runner creates a collector, so its module is imported by then.
    """
    for module_name, runner_name, update, client_name in _RUNNERS:
        module = sys.modules.get(f"conductor.client.automator.{module_name}")
        runner, client = getattr(module, runner_name, None), getattr(module, client_name, None)
        if runner is None or client is None or runner in _timed:
            continue
        _timed.add(runner)
        _wrap(runner, update, lambda runner, _: _mark(runner))
        for method in ("update_task", "update_task_v2"):
            _wrap(client, method, lambda _, name: _measure(name))


def _wrap(owner: type, name: str, manager: Callable[[Any, str], AbstractContextManager[None]]) -> None:
    """Makes a method run inside a context manager, which gets the object and the method's name."""
    method = getattr(owner, name, None)
    if method is None:
        return

    def sync_wrapper(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with manager(self, name):
            return method(self, *arguments, **keywords)

    async def async_wrapper(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with manager(self, name):
            return await method(self, *arguments, **keywords)

    wrapper = async_wrapper if inspect.iscoroutinefunction(method) else sync_wrapper
    setattr(owner, name, functools.wraps(method)(wrapper))


@contextlib.contextmanager
def _mark(runner: Any) -> Iterator[None]:
    token = _updating.set(runner)
    try:
        yield
    finally:
        _updating.reset(token)


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
