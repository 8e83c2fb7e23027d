"""The SDK's helpers that record a metric by name. Subclasses of its collectors use them since 1.4.

A metric of the catalog with its labels is recorded natively. The SDK records every other metric with
``prometheus_client``, as a metric of the user.
"""

from __future__ import annotations

from typing import Any

from ictus import _core, _log_once
from ictus.conductor import collector_attributes

_VALUE = "the value"
_TASK = ("taskType",)
_TASK_EXCEPTION = ("taskType", "exception")
_TASK_TIME = ("taskType", _VALUE, "status")
_REQUEST = ("method", "uri", "status", _VALUE)
_TASK_SIZE = ("taskType", _VALUE)
_WORKFLOW_SIZE = ("workflowType", "version", _VALUE)

# The native method of each metric, and the names of its arguments.
_METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "task_poll": ("increment_task_poll", _TASK),
    "task_poll_error": ("increment_task_poll_error", _TASK_EXCEPTION),
    "task_execution_started": ("increment_task_execution_started", _TASK),
    "task_execution_queue_full": ("increment_task_execution_queue_full", _TASK),
    "task_paused": ("increment_task_paused", _TASK),
    "task_execute_error": ("increment_task_execution_error", _TASK_EXCEPTION),
    "task_ack_failed": ("increment_task_ack_failed", _TASK),
    "task_ack_error": ("increment_task_ack_error", _TASK_EXCEPTION),
    "task_update_error": ("increment_task_update_error", _TASK_EXCEPTION),
    "worker_restart": ("increment_worker_restart", _TASK),
    "external_payload_used": (
        "increment_external_payload_used",
        ("entityName", "operation", "payload_type"),
    ),
    "workflow_start_error": ("increment_workflow_start_error", ("workflowType", "exception")),
    "http_api_client_request": ("record_api_request_time", _REQUEST),
    "http_api_client_request_seconds": ("record_api_request_time", _REQUEST),
    "task_poll_time_seconds": ("record_task_poll_time", _TASK_TIME),
    "task_execute_time_seconds": ("record_task_execute_time", _TASK_TIME),
    "task_update_time_seconds": ("record_task_update_time", _TASK_TIME),
    "task_result_size": ("record_task_result_payload_size", _TASK_SIZE),
    "task_result_size_bytes": ("record_task_result_payload_size", _TASK_SIZE),
    "workflow_input_size": ("record_workflow_input_payload_size", _WORKFLOW_SIZE),
    "workflow_input_size_bytes": ("record_workflow_input_payload_size", _WORKFLOW_SIZE),
    "active_workers": ("set_active_workers", _TASK_SIZE),
}
# The newest observation of a timer, which is shown without being recorded.
_DERIVED = frozenset({"task_poll_time", "task_execute_time"})
_SPELLINGS = {"payloadType": "payload_type"}


class ByName:
    """The helpers, which precede those of the SDK. Arguments that a later SDK adds are passed to it."""

    _records_by_name = True

    def _increment_counter(
        self, name: Any, documentation: Any, labels: Any, *more: Any, **named: Any
    ) -> None:
        if not _try_record(self, name, labels):
            with collector_attributes.sdk_values_only():
                super()._increment_counter(name, documentation, labels, *more, **named)  # type: ignore[misc]

    def _record_gauge(
        self, name: Any, documentation: Any, labels: Any, value: Any, *more: Any, **named: Any
    ) -> None:
        if not _try_record(self, name, labels, value):
            with collector_attributes.sdk_values_only():
                super()._record_gauge(name, documentation, labels, value, *more, **named)  # type: ignore[misc]

    def _observe_histogram(
        self, name: Any, documentation: Any, labels: Any, value: Any, *more: Any, **named: Any
    ) -> None:
        if not _try_record(self, name, labels, value):
            with collector_attributes.sdk_values_only():
                super()._observe_histogram(name, documentation, labels, value, *more, **named)  # type: ignore[misc]

    def _record_quantiles(
        self, name: Any, documentation: Any, labels: Any, value: Any, *more: Any, **named: Any
    ) -> None:
        if not _try_record(self, name, labels, value):
            with collector_attributes.sdk_values_only():
                super()._record_quantiles(name, documentation, labels, value, *more, **named)  # type: ignore[misc]


def _try_record(collector: Any, name: Any, labels: Any, *value: Any) -> bool:
    """Records natively if possible. Returns whether it did."""
    if not collector._records_by_name:
        return False
    try:
        return _record(collector, name, labels, *value)
    except Exception as failed:
        _log_once.warning(f"{_text(name)}: the collector's registry alone shows it: {failed!r}")
        return False


def _record(collector: Any, name: Any, labels: Any, *value: Any) -> bool:
    text = _text(name)
    if text in _DERIVED:
        return True
    given = {_SPELLINGS.get(_text(label), _text(label)): content for label, content in labels.items()}
    given.update((_VALUE, one) for one in value)
    if text == "thread_uncaught_exceptions" and given.keys() <= {"exception"}:
        _core.Collector.increment_uncaught_exception(collector, *given.values())
        return True
    if text not in _METHODS:
        return False
    method, arguments = _METHODS[text]
    if given.keys() != set(arguments):
        names = ", ".join(sorted(given.keys() - {_VALUE}))
        _log_once.warning(f"{text}{{{names}}} is not of the catalog: the collector's registry alone shows it")
        return False
    # Calls the native method through its class: a subclass may override it with a method that calls
    # this helper.
    getattr(_core.Collector, method)(collector, *(given[argument] for argument in arguments))
    return True


def _text(name: Any) -> str:
    return str(getattr(name, "value", name))
