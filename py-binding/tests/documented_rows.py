"""The rows of the SDK's METRICS.md: for each, the call that records it and the values that it then shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One documented metric."""

    name: str
    type: str
    labels: dict[str, str]
    calls: tuple[tuple[Any, ...], ...]
    """Method and arguments. The calls of all rows are made on one collector."""
    value: float | dict[str, float]
    """The shown value, by quantile where the row has quantiles."""
    help: str
    """The member of the SDK's ``MetricDocumentation`` that describes the metric."""
    suffix: str = ""
    """The suffix that the SDK appends to the help of a count and a sum."""
    callers: tuple[str, ...] = ()
    """The functions that the SDK's code outside its telemetry calls, or the events that it publishes,
    to record this.
    """


def _timer(
    name: str, labels: dict[str, str], call: tuple[Any, ...], help_: str, *callers: str
) -> tuple[Row, ...]:
    """Returns the three rows of a timer with five observations from 0.1 to 0.5 s."""
    values = [0.1, 0.2, 0.3, 0.4, 0.5]
    method, *arguments = call
    calls = tuple(
        (method, *[value if argument == "SECONDS" else argument for argument in arguments])
        for value in values
    )
    quantiles = {"0.5": 0.3, "0.75": 0.4, "0.9": 0.46, "0.95": 0.48, "0.99": 0.496}
    return (
        Row(name, "gauge", labels, calls, quantiles, help_, "", callers),
        Row(f"{name}_count", "gauge", labels, (), 5, help_, " - count", callers),
        Row(f"{name}_sum", "gauge", labels, (), 1.5, help_, " - sum", callers),
    )


def _counter(
    name: str, labels: dict[str, str], call: tuple[Any, ...], help_: str, *callers: str
) -> tuple[Row]:
    return (Row(name, "counter", labels, (call, call), 2, help_, "", callers),)


def _gauge(
    name: str, labels: dict[str, str], call: tuple[Any, ...], value: float, help_: str, *callers: str
) -> tuple[Row]:
    return (Row(name, "gauge", labels, (call,), value, help_, "", callers),)


_TASK = {"taskType": "t"}
_TASK_STATUS = {"taskType": "t", "status": "SUCCESS"}
_REQUEST = {"method": "GET", "uri": "/tasks/poll", "status": "200"}
_FAILED = {"taskType": "t", "exception": "it broke"}

ROWS: tuple[Row, ...] = (
    *_timer(
        "api_request_time_seconds",
        _REQUEST,
        ("record_api_request_time", "GET", "/tasks/poll", "200", "SECONDS"),
        "API_REQUEST_TIME",
        ".record_api_request_time(",
    ),
    *_counter("task_poll_total", _TASK, ("increment_task_poll", "t"), "TASK_POLL", "publish(PollStarted("),
    *_gauge("task_poll_time", _TASK, (), 0.5, "TASK_POLL_TIME", "publish(PollCompleted("),
    *_timer(
        "task_poll_time_seconds",
        _TASK_STATUS,
        ("record_task_poll_time", "t", "SECONDS"),
        "TASK_POLL_TIME_HISTOGRAM",
        "publish(PollCompleted(",
    ),
    *_gauge("task_execute_time", _TASK, (), 0.5, "TASK_EXECUTE_TIME", "publish(TaskExecutionCompleted("),
    *_timer(
        "task_execute_time_seconds",
        _TASK_STATUS,
        ("record_task_execute_time", "t", "SECONDS"),
        "TASK_EXECUTE_TIME_HISTOGRAM",
        "publish(TaskExecutionCompleted(",
    ),
    *_counter(
        "task_execute_error_total",
        _FAILED,
        ("increment_task_execution_error", "t", ValueError("it broke")),
        "TASK_EXECUTE_ERROR",
        "publish(TaskExecutionFailure(",
    ),
    *_timer(
        "task_update_time_seconds",
        _TASK_STATUS,
        ("record_task_update_time", "t", "SECONDS"),
        "TASK_UPDATE_TIME_HISTOGRAM",
        ".record_task_update_time(",
    ),
    *_counter(
        "task_update_error_total",
        _FAILED,
        ("increment_task_update_error", "t", ValueError("it broke")),
        "TASK_UPDATE_ERROR",
        ".increment_task_update_error(",
    ),
    *_gauge(
        "task_result_size",
        _TASK,
        ("record_task_result_payload_size", "t", 321),
        321,
        "TASK_RESULT_SIZE",
        "publish(TaskExecutionCompleted(",
    ),
    *_counter(
        "task_execution_queue_full_total",
        _TASK,
        ("increment_task_execution_queue_full", "t"),
        "TASK_EXECUTION_QUEUE_FULL",
        ".increment_task_execution_queue_full(",
    ),
    *_counter(
        "task_paused_total", _TASK, ("increment_task_paused", "t"), "TASK_PAUSED", ".increment_task_paused("
    ),
    *_counter(
        "worker_restart_total",
        _TASK,
        ("increment_worker_restart", "t"),
        "WORKER_RESTART",
        "name=MetricName.WORKER_RESTART",
    ),
    *_counter(
        "external_payload_used_total",
        {"taskType": "t", "payloadType": "TASK_INPUT"},
        ("increment_external_payload_used", "t", "WRITE", "TASK_INPUT"),
        "EXTERNAL_PAYLOAD_USED",
        ".increment_external_payload_used(",
        "publish(TaskPayloadUsed(",
        "publish(WorkflowPayloadUsed(",
    ),
    *_gauge(
        "workflow_input_size",
        {"workflowType": "w", "version": "3"},
        ("record_workflow_input_payload_size", "w", "3", 123),
        123,
        "WORKFLOW_INPUT_SIZE",
        ".record_workflow_input_payload_size(",
        "publish(WorkflowInputPayloadSize(",
    ),
    *_counter(
        "workflow_start_error_total",
        {"workflowType": "w", "exception": "ValueError"},
        ("increment_workflow_start_error", "w", ValueError("it broke")),
        "WORKFLOW_START_ERROR",
        ".increment_workflow_start_error(",
        ".measure_workflow_start_error(",
        "publish(WorkflowStarted(",
    ),
)
