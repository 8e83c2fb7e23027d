//! The metrics of the catalog, which a Conductor SDK records, by number instead of by name.

use std::ffi::c_int;

use ictus::catalog::{self, Definition};

use crate::{
    counter::ictus_counter,
    gauge::ictus_gauge,
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    string::{borrow, into_out, strings},
    timer::ictus_timer,
};

/// The catalog: the metrics that a Conductor SDK records. The reader's surface determines
/// the names, types and help texts under which they are shown; see `ictus_surface`.
///
/// Most errors are counted twice: by exception class, and by exception message in the
/// metric whose name ends with `_MESSAGE`. Each of the two metrics has a separate limit of
/// series.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_conductor_metric {
    /// Duration of a request to the server. Timer in seconds; labels: method, uri, status.
    ApiRequestTime = 0,
    /// Polls for tasks. Counter; label: taskType.
    TaskPoll = 1,
    /// Duration of a poll. Timer in seconds; labels: taskType, status.
    TaskPollTime = 2,
    /// Duration of a task's execution. Timer in seconds; labels: taskType, status.
    TaskExecuteTime = 3,
    /// Duration of an update of a task's result. Timer in seconds; labels: taskType,
    /// status.
    TaskUpdateTime = 4,
    /// Failed executions by exception class. Counter; labels: taskType, exception.
    TaskExecuteError = 5,
    /// Failed executions by exception message. Counter; labels: taskType, exception.
    TaskExecuteErrorMessage = 6,
    /// Failed updates by exception class. Counter; labels: taskType, exception.
    TaskUpdateError = 7,
    /// Failed updates by exception message. Counter; labels: taskType, exception.
    TaskUpdateErrorMessage = 8,
    /// Failed polls by exception class. Counter; labels: taskType, exception.
    TaskPollError = 9,
    /// Executions started. Counter; label: taskType.
    TaskExecutionStarted = 10,
    /// Failed acknowledgements by exception class. Counter; labels: taskType, exception.
    TaskAckError = 11,
    /// Failed acknowledgements by exception message. Counter; labels: taskType, exception.
    TaskAckErrorMessage = 12,
    /// Acknowledgements that the server refused. Counter; label: taskType.
    TaskAckFailed = 13,
    /// Times that the execution queue was full. Counter; label: taskType.
    TaskExecutionQueueFull = 14,
    /// Polls while the worker was paused. Counter; label: taskType.
    TaskPaused = 15,
    /// Restarts of a worker process. Counter; label: taskType.
    WorkerRestart = 16,
    /// Uncaught exceptions by class. Counter; label: exception.
    UncaughtException = 17,
    /// Uses of external payload storage. Counter; labels: entityName, operation,
    /// payloadType.
    ExternalPayloadUsed = 18,
    /// Workflows that could not be started, by exception class. Counter; labels:
    /// workflowType, exception.
    WorkflowStartError = 19,
    /// Workflows that could not be started, by exception message. Counter; labels:
    /// workflowType, exception.
    WorkflowStartErrorMessage = 20,
    /// Size of a task's result. Timer in bytes; label: taskType.
    TaskResultSize = 21,
    /// Size of a workflow's input. Timer in bytes; labels: workflowType, version, absent.
    /// If the caller gave no version, version is empty and absent is 1; otherwise absent is
    /// empty.
    WorkflowInputSize = 22,
    /// Worker threads that are executing a task now. Gauge; label: taskType.
    ActiveWorkers = 23,
}

/// Returns the number of `ictus_conductor_metric` metrics in the loaded library. They are
/// numbered from 0.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_catalog_count() -> usize {
    catalog::ALL.len()
}

/// Creates a handle of one series of a catalogued timer. Free it with `ictus_timer_free`.
///
/// `metric` is one of `ictus_conductor_metric`. `label_values` is an array of `label_count`
/// strings in the order of the metric's labels.
///
/// Returns `ICTUS_STATUS_OPTION` if no metric has that number, `ICTUS_STATUS_MISMATCH` if
/// the metric is not a timer, and `ICTUS_STATUS_LABELS` if `label_count` is not its number
/// of labels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_catalog_timer_new(
    registry: *const ictus_registry,
    metric: c_int,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut *mut ictus_timer,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let values = unsafe { strings(label_values, label_count) }?;
        let family = registry.0.catalog_timer(definition(metric)?)?;
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_timer(family.labels(&values)?))) }
    })
}

/// Creates a handle of one series of a catalogued counter, as `ictus_catalog_timer_new`
/// does for a timer. Free it with `ictus_counter_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_catalog_counter_new(
    registry: *const ictus_registry,
    metric: c_int,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut *mut ictus_counter,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let values = unsafe { strings(label_values, label_count) }?;
        let family = registry.0.catalog_counter(definition(metric)?)?;
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_counter(family.labels(&values)?))) }
    })
}

/// Creates a handle of one series of a catalogued gauge, as `ictus_catalog_timer_new` does
/// for a timer. Free it with `ictus_gauge_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_catalog_gauge_new(
    registry: *const ictus_registry,
    metric: c_int,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut *mut ictus_gauge,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let values = unsafe { strings(label_values, label_count) }?;
        let family = registry.0.catalog_gauge(definition(metric)?)?;
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_gauge(family.labels(&values)?))) }
    })
}

/// Returns the number of labels of a catalogued metric, or 0 if no metric has that number.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_catalog_label_count(metric: c_int) -> usize {
    definition(metric).map_or(0, |definition| definition.labels.len())
}

fn definition(metric: c_int) -> Result<&'static Definition, ictus_status> {
    let definition = usize::try_from(metric).ok().and_then(|metric| catalog::ALL.get(metric));
    definition.ok_or(ictus_status::Option)
}

#[cfg(test)]
mod tests {
    use super::{definition, ictus_catalog_count, ictus_catalog_label_count, ictus_conductor_metric};
    use crate::ictus_status;
    use ictus::catalog;

    #[test]
    fn numbers_equal_those_of_the_catalog() {
        use ictus_conductor_metric::*;
        for (metric, expected) in [
            (ApiRequestTime, catalog::API_REQUEST_TIME),
            (TaskPoll, catalog::TASK_POLL),
            (TaskPollTime, catalog::TASK_POLL_TIME),
            (TaskExecuteTime, catalog::TASK_EXECUTE_TIME),
            (TaskUpdateTime, catalog::TASK_UPDATE_TIME),
            (TaskExecuteError, catalog::TASK_EXECUTE_ERROR),
            (TaskExecuteErrorMessage, catalog::TASK_EXECUTE_ERROR_MESSAGE),
            (TaskUpdateError, catalog::TASK_UPDATE_ERROR),
            (TaskUpdateErrorMessage, catalog::TASK_UPDATE_ERROR_MESSAGE),
            (TaskPollError, catalog::TASK_POLL_ERROR),
            (TaskExecutionStarted, catalog::TASK_EXECUTION_STARTED),
            (TaskAckError, catalog::TASK_ACK_ERROR),
            (TaskAckErrorMessage, catalog::TASK_ACK_ERROR_MESSAGE),
            (TaskAckFailed, catalog::TASK_ACK_FAILED),
            (TaskExecutionQueueFull, catalog::TASK_EXECUTION_QUEUE_FULL),
            (TaskPaused, catalog::TASK_PAUSED),
            (WorkerRestart, catalog::WORKER_RESTART),
            (UncaughtException, catalog::UNCAUGHT_EXCEPTION),
            (ExternalPayloadUsed, catalog::EXTERNAL_PAYLOAD_USED),
            (WorkflowStartError, catalog::WORKFLOW_START_ERROR),
            (WorkflowStartErrorMessage, catalog::WORKFLOW_START_ERROR_MESSAGE),
            (TaskResultSize, catalog::TASK_RESULT_SIZE),
            (WorkflowInputSize, catalog::WORKFLOW_INPUT_SIZE),
            (ActiveWorkers, catalog::ACTIVE_WORKERS),
        ] {
            assert_eq!(definition(metric as i32), Ok(&expected));
            assert_eq!(ictus_catalog_label_count(metric as i32), expected.labels.len());
        }
        let count = ictus_catalog_count() as i32;
        assert_eq!(count, ActiveWorkers as i32 + 1);
        for wrong in [-1, count, i32::MAX, i32::MIN] {
            assert_eq!(definition(wrong), Err(ictus_status::Option));
            assert_eq!(ictus_catalog_label_count(wrong), 0);
        }
    }
}
