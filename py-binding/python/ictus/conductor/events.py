"""The SDK's event handlers that have a native form, and the classes of collectors that may use it.

The other handlers have none: they make one call, and a native form of them would cost as much.

A native handler records without calling the recording methods. It may replace the SDK's handler only if that
has the code of one of the functions below, and if nothing overrides the methods that this code calls.
"""

from __future__ import annotations

import abc
import dis
import functools
import types
from typing import Any

from ictus import _core
from ictus.conductor import by_name, methods


class _Handlers:
    """The handlers as in the SDK since 1.4."""

    def on_poll_completed(self: Any, event: Any) -> None:
        self.record_task_poll_time(event.task_type, event.duration_ms / 1000, status="SUCCESS")

    def on_poll_failure(self: Any, event: Any) -> None:
        self.increment_task_poll_error(event.task_type, event.cause)
        if hasattr(event, "duration_ms") and event.duration_ms is not None:
            self.record_task_poll_time(event.task_type, event.duration_ms / 1000, status="FAILURE")

    def on_task_execution_started(self: Any, event: Any) -> None:
        self.increment_task_execution_started(event.task_type)
        self._active_worker_counts[event.task_type] += 1
        self.set_active_workers(event.task_type, self._active_worker_counts[event.task_type])

    def on_task_execution_completed(self: Any, event: Any) -> None:
        self.record_task_execute_time(event.task_type, event.duration_ms / 1000, status="SUCCESS")
        if event.output_size_bytes is not None:
            self.record_task_result_payload_size(event.task_type, event.output_size_bytes)
        self._active_worker_counts[event.task_type] = max(0, self._active_worker_counts[event.task_type] - 1)
        self.set_active_workers(event.task_type, self._active_worker_counts[event.task_type])

    def on_task_execution_failure(self: Any, event: Any) -> None:
        self.increment_task_execution_error(event.task_type, event.cause)
        if hasattr(event, "duration_ms") and event.duration_ms is not None:
            self.record_task_execute_time(event.task_type, event.duration_ms / 1000, status="FAILURE")
        self._active_worker_counts[event.task_type] = max(0, self._active_worker_counts[event.task_type] - 1)
        self.set_active_workers(event.task_type, self._active_worker_counts[event.task_type])


class _EarlyHandlers:
    """The handlers that differ until 1.3."""

    def on_task_execution_started(self: Any, event: Any) -> None:
        pass

    def on_task_execution_completed(self: Any, event: Any) -> None:
        self.record_task_execute_time(event.task_type, event.duration_ms / 1000, status="SUCCESS")
        if event.output_size_bytes is not None:
            self.record_task_result_payload_size(event.task_type, event.output_size_bytes)

    def on_task_execution_failure(self: Any, event: Any) -> None:
        self.increment_task_execution_error(event.task_type, event.cause)
        if hasattr(event, "duration_ms") and event.duration_ms is not None:
            self.record_task_execute_time(event.task_type, event.duration_ms / 1000, status="FAILURE")


def native_handlers(
    collector_class: Any,
) -> tuple[list[Any], Any, dict[str, tuple[Any, list[str], bool, bool]]]:
    """Returns the namespaces of the classes before the native one, the SDK's class, and its handlers.

    Of each handler that has a native form: the SDK's function, the recording methods that it calls, whether
    it counts the active workers, and whether a class overrides one of these methods.
    """
    order = collector_class.__mro__
    position = order.index(_core.Collector)
    preceding, after = order[:position], order[position + 1 :]
    sdk_class = collector_class._sdk_class
    handlers = {}
    reports_changes = _reports_changes(preceding)
    for name in methods.HANDLERS if _begins_with(after, sdk_class) else ():
        function = getattr(sdk_class, name, None)
        called = _called_methods(name, function)
        if called is not None:
            are_native = all(methods.is_native(collector_class, method) for method in called)
            overridden = not (reports_changes and are_native)
            handlers[name] = (function, called, "set_active_workers" in called, overridden)
    namespaces = [vars(one) for one in preceding if "_sdk_class" in vars(one) or not _is_internal(one)]
    return namespaces, sdk_class, handlers


def _is_internal(one: type) -> bool:
    return one.__module__.startswith("ictus.")


def _reports_changes(classes: tuple[type, ...]) -> bool:
    """Returns whether all classes report changes, and none changes how an attribute is looked up."""
    return all(
        (isinstance(one, methods.CollectorType) or one is by_name.ByName)
        and not {"__getattribute__", "_active_worker_counts"}.intersection(vars(one))
        for one in classes
    )


def _begins_with(classes: tuple[type, ...], sdk_class: type) -> bool:
    """Returns whether the SDK's class and its bases come first, so that handlers are looked up in it."""
    bases = [base for base in sdk_class.__mro__ if base not in (abc.ABC, object)]
    return list(classes[: len(bases)]) == bases


def _called_methods(name: str, function: Any) -> list[str] | None:
    """Returns the recording methods that the SDK's handler calls, or ``None`` if its code is not known."""
    if not isinstance(function, types.FunctionType):
        return None
    for handlers in (_Handlers, _EarlyHandlers):
        handler = vars(handlers).get(name)
        if handler is not None and _instructions(handler.__code__) == _instructions(function.__code__):
            names = handler.__code__.co_names
            # A module may define a function with the name of a built-in one.
            if not {"hasattr", "max"}.intersection(names, function.__globals__):
                return [name for name in names if name in methods.NATIVE]
    return None


@functools.cache
def _instructions(code: types.CodeType) -> list[tuple[object, ...]]:
    """Returns what the code does, without its position and documentation."""
    arguments = (code.co_argcount, code.co_kwonlyargcount, code.co_flags & _KIND)
    return [arguments, *((step.opname, step.argval) for step in dis.get_instructions(code))]


_KIND = 0x3FF
"""The flags of a code object for generators, coroutines, and further arguments."""
