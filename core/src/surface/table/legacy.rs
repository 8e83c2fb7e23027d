//! The metrics that the SDK emits by default: exceptions by message, sizes and last times as
//! gauges.

use super::{
    MetricShape, NONE, REQUEST, Row, TASK, TASK_EXCEPTION, TASK_STATUS, WORKFLOW_EXCEPTION, help, renamed,
    row, same, version_or,
};
use crate::catalog;

pub(super) const ROWS: &[Row] = &[
    row(
        MetricShape::Timer,
        &catalog::API_REQUEST_TIME,
        "http_api_client_request",
        help::API_REQUEST_TIME,
        REQUEST,
    ),
    row(MetricShape::Counter, &catalog::TASK_POLL, "task_poll", help::TASK_POLL, TASK),
    row(MetricShape::Newest, &catalog::TASK_POLL_TIME, "task_poll_time", help::TASK_POLL_TIME, TASK),
    row(
        MetricShape::Timer,
        &catalog::TASK_POLL_TIME,
        "task_poll_time_seconds",
        help::TASK_POLL_TIME_HISTOGRAM,
        TASK_STATUS,
    ),
    row(MetricShape::Newest, &catalog::TASK_EXECUTE_TIME, "task_execute_time", help::TASK_EXECUTE_TIME, TASK),
    row(
        MetricShape::Timer,
        &catalog::TASK_EXECUTE_TIME,
        "task_execute_time_seconds",
        help::TASK_EXECUTE_TIME_HISTOGRAM,
        TASK_STATUS,
    ),
    // The SDK 1.3.11 emits this metric only if a program calls its method; the SDK itself never
    // does.
    row(
        MetricShape::Timer,
        &catalog::TASK_UPDATE_TIME,
        "task_update_time_seconds",
        help::TASK_UPDATE_TIME_HISTOGRAM,
        TASK_STATUS,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_EXECUTE_ERROR_MESSAGE,
        "task_execute_error",
        help::TASK_EXECUTE_ERROR,
        TASK_EXCEPTION,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_UPDATE_ERROR_MESSAGE,
        "task_update_error",
        help::TASK_UPDATE_ERROR,
        TASK_EXCEPTION,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_ACK_ERROR_MESSAGE,
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
        NONE,
    ),
    row(
        MetricShape::Counter,
        &catalog::EXTERNAL_PAYLOAD_USED,
        "external_payload_used",
        help::EXTERNAL_PAYLOAD_USED,
        &[same("entityName"), same("operation"), renamed("payloadType", "payload_type")],
    ),
    row(
        MetricShape::Counter,
        &catalog::WORKFLOW_START_ERROR_MESSAGE,
        "workflow_start_error",
        help::WORKFLOW_START_ERROR,
        WORKFLOW_EXCEPTION,
    ),
    row(MetricShape::Newest, &catalog::TASK_RESULT_SIZE, "task_result_size", help::TASK_RESULT_SIZE, TASK),
    row(
        MetricShape::Newest,
        &catalog::WORKFLOW_INPUT_SIZE,
        "workflow_input_size",
        help::WORKFLOW_INPUT_SIZE,
        &[same("workflowType"), version_or("1")],
    ),
];
