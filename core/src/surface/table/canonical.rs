//! The harmonised catalog of the Conductor SDKs: exceptions by class, times and sizes as
//! histograms.

use super::{
    MetricShape, REQUEST, Row, TASK, TASK_EXCEPTION, TASK_STATUS, WORKFLOW_EXCEPTION, help, row, same,
    version_or,
};
use crate::catalog;

pub(super) const ROWS: &[Row] = &[
    row(
        MetricShape::Histogram,
        &catalog::API_REQUEST_TIME,
        "http_api_client_request_seconds",
        "Latency of HTTP API client requests in seconds",
        REQUEST,
    ),
    row(MetricShape::Counter, &catalog::TASK_POLL, "task_poll", help::TASK_POLL, TASK),
    row(
        MetricShape::Histogram,
        &catalog::TASK_POLL_TIME,
        "task_poll_time_seconds",
        "Latency of task poll requests in seconds",
        TASK_STATUS,
    ),
    row(
        MetricShape::Histogram,
        &catalog::TASK_EXECUTE_TIME,
        "task_execute_time_seconds",
        "Duration of worker task execution in seconds",
        TASK_STATUS,
    ),
    row(
        MetricShape::Histogram,
        &catalog::TASK_UPDATE_TIME,
        "task_update_time_seconds",
        "Latency of task result updates in seconds",
        TASK_STATUS,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_EXECUTE_ERROR,
        "task_execute_error",
        help::TASK_EXECUTE_ERROR,
        TASK_EXCEPTION,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_UPDATE_ERROR,
        "task_update_error",
        help::TASK_UPDATE_ERROR,
        TASK_EXCEPTION,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_POLL_ERROR,
        "task_poll_error",
        "Incremented when a poll request fails client-side",
        TASK_EXCEPTION,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_EXECUTION_STARTED,
        "task_execution_started",
        "Incremented when a polled task is dispatched to the worker function",
        TASK,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_ACK_ERROR,
        "task_ack_error",
        help::TASK_ACK_ERROR,
        TASK_EXCEPTION,
    ),
    row(MetricShape::Counter, &catalog::TASK_ACK_FAILED, "task_ack_failed", help::TASK_ACK_FAILED, TASK),
    row(
        MetricShape::Counter,
        &catalog::TASK_EXECUTION_QUEUE_FULL,
        "task_execution_queue_full",
        help::TASK_EXECUTION_QUEUE_FULL,
        TASK,
    ),
    row(MetricShape::Counter, &catalog::TASK_PAUSED, "task_paused", help::TASK_PAUSED, TASK),
    row(MetricShape::Counter, &catalog::WORKER_RESTART, "worker_restart", help::WORKER_RESTART, TASK),
    row(
        MetricShape::Counter,
        &catalog::UNCAUGHT_EXCEPTION,
        "thread_uncaught_exceptions",
        help::THREAD_UNCAUGHT_EXCEPTION,
        &[same("exception")],
    ),
    row(
        MetricShape::Counter,
        &catalog::EXTERNAL_PAYLOAD_USED,
        "external_payload_used",
        help::EXTERNAL_PAYLOAD_USED,
        &[same("entityName"), same("operation"), same("payloadType")],
    ),
    row(
        MetricShape::Counter,
        &catalog::WORKFLOW_START_ERROR,
        "workflow_start_error",
        help::WORKFLOW_START_ERROR,
        WORKFLOW_EXCEPTION,
    ),
    row(
        MetricShape::Histogram,
        &catalog::TASK_RESULT_SIZE,
        "task_result_size_bytes",
        "Serialized byte size of task result output",
        TASK,
    ),
    row(
        MetricShape::Histogram,
        &catalog::WORKFLOW_INPUT_SIZE,
        "workflow_input_size_bytes",
        "Serialized byte size of workflow input",
        &[same("workflowType"), version_or("")],
    ),
    row(
        MetricShape::Gauge,
        &catalog::ACTIVE_WORKERS,
        "active_workers",
        "Current number of worker threads actively executing a task",
        TASK,
    ),
];
