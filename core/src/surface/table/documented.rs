//! The rows of the SDK's METRICS.md, including metrics that the SDK documents but never emits. Help
//! texts are those of the legacy surface, because METRICS.md has none.

use super::{
    MetricShape, REQUEST, Row, TASK, TASK_EXCEPTION, TASK_STATUS, WORKFLOW_EXCEPTION, help, renamed, row,
    same, version_or,
};
use crate::catalog;

pub(super) const ROWS: &[Row] = &[
    row(
        MetricShape::Timer,
        &catalog::API_REQUEST_TIME,
        "api_request_time_seconds",
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
    row(
        MetricShape::Counter,
        &catalog::TASK_EXECUTE_ERROR,
        "task_execute_error",
        help::TASK_EXECUTE_ERROR,
        TASK_EXCEPTION,
    ),
    row(
        MetricShape::Timer,
        &catalog::TASK_UPDATE_TIME,
        "task_update_time_seconds",
        help::TASK_UPDATE_TIME_HISTOGRAM,
        TASK_STATUS,
    ),
    row(
        MetricShape::Counter,
        &catalog::TASK_UPDATE_ERROR,
        "task_update_error",
        help::TASK_UPDATE_ERROR,
        TASK_EXCEPTION,
    ),
    row(MetricShape::Newest, &catalog::TASK_RESULT_SIZE, "task_result_size", help::TASK_RESULT_SIZE, TASK),
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
        &catalog::EXTERNAL_PAYLOAD_USED,
        "external_payload_used",
        help::EXTERNAL_PAYLOAD_USED,
        &[renamed("entityName", "taskType"), same("payloadType")],
    ),
    // The SDK releases of that METRICS.md show a missing version as "1".
    row(
        MetricShape::Newest,
        &catalog::WORKFLOW_INPUT_SIZE,
        "workflow_input_size",
        help::WORKFLOW_INPUT_SIZE,
        &[same("workflowType"), version_or("1")],
    ),
    row(
        MetricShape::Counter,
        &catalog::WORKFLOW_START_ERROR,
        "workflow_start_error",
        help::WORKFLOW_START_ERROR,
        WORKFLOW_EXCEPTION,
    ),
];
