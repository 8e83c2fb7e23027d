//! The SDK's help texts that more than one surface shows. Their names are those of its
//! `MetricDocumentation`; a test of the Python package compares them with an installed SDK.

pub(super) const API_REQUEST_TIME: &str = "API request duration in seconds with quantiles";
pub(super) const EXTERNAL_PAYLOAD_USED: &str = "Incremented each time external payload storage is used";
pub(super) const TASK_ACK_ERROR: &str = "Task ack has encountered an exception";
pub(super) const TASK_ACK_FAILED: &str = "Task ack failed";
pub(super) const TASK_EXECUTE_ERROR: &str = "Execution error";
pub(super) const TASK_EXECUTE_TIME: &str = "Time to execute a task";
pub(super) const TASK_EXECUTE_TIME_HISTOGRAM: &str = "Task execution duration in seconds with quantiles";
pub(super) const TASK_EXECUTION_QUEUE_FULL: &str = "Counter to record execution queue has saturated";
pub(super) const TASK_PAUSED: &str =
    "Counter for number of times the task has been polled, when the worker has been paused";
pub(super) const TASK_POLL: &str = "Incremented each time polling is done";
pub(super) const TASK_POLL_TIME: &str = "Time to poll for a batch of tasks";
pub(super) const TASK_POLL_TIME_HISTOGRAM: &str = "Task poll duration in seconds with quantiles";
pub(super) const TASK_RESULT_SIZE: &str = "Records output payload size of a task";
pub(super) const TASK_UPDATE_ERROR: &str = "Task status cannot be updated back to server";
/// From 1.3.11, the last SDK with this text: later versions have only the canonical histogram.
pub(super) const TASK_UPDATE_TIME_HISTOGRAM: &str = "Task update duration in seconds with quantiles";
pub(super) const THREAD_UNCAUGHT_EXCEPTION: &str = "thread_uncaught_exceptions";
pub(super) const WORKER_RESTART: &str = "Worker subprocess restarted";
pub(super) const WORKFLOW_INPUT_SIZE: &str = "Records input payload size of a workflow";
pub(super) const WORKFLOW_START_ERROR: &str = "Counter for workflow start errors";
