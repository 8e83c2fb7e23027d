//! The catalogued Conductor metrics, by number instead of by name.

use std::ffi::c_int;

use ictus::catalog::{self, Definition};

use crate::{
    counter::ictus_counter,
    gauge::ictus_gauge,
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    string::{borrow, give, strings},
    timer::ictus_timer,
};

/// What a Conductor SDK records. Which names, types and help texts it is shown with is said by
/// whoever reads: see `ictus_surface`. Errors are counted twice: by class, and by message, each
/// with a bound on series of its own.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_conductor_metric {
    /// How long a request to the server took. A timer in seconds, by method, uri, status.
    ApiRequestTime = 0,
    /// Polls for tasks. A counter, by taskType.
    TaskPoll = 1,
    /// How long a poll took. A timer in seconds, by taskType, status.
    TaskPollTime = 2,
    /// How long a task's execution took. A timer in seconds, by taskType, status.
    TaskExecuteTime = 3,
    /// How long an update of a task's result took. A timer in seconds, by taskType, status.
    TaskUpdateTime = 4,
    /// Failed executions by taskType, exception.
    TaskExecuteError = 5,
    /// Failed executions by taskType, exception.
    TaskExecuteErrorMessage = 6,
    /// Failed updates by taskType, exception.
    TaskUpdateError = 7,
    /// Failed updates by taskType, exception.
    TaskUpdateErrorMessage = 8,
    /// Failed polls by taskType, exception.
    TaskPollError = 9,
    /// Executions started. A counter, by taskType.
    TaskExecutionStarted = 10,
    /// Failed acknowledgements by taskType, exception.
    TaskAckError = 11,
    /// Failed acknowledgements by taskType, exception.
    TaskAckErrorMessage = 12,
    /// Acknowledgements that the server refused. A counter, by taskType.
    TaskAckFailed = 13,
    /// Times that the execution queue was full. A counter, by taskType.
    TaskExecutionQueueFull = 14,
    /// Polls while the worker was paused. A counter, by taskType.
    TaskPaused = 15,
    /// Restarts of a worker process. A counter, by taskType.
    WorkerRestart = 16,
    /// Exceptions that nobody caught, by exception.
    UncaughtException = 17,
    /// Uses of external payload storage. A counter, by entityName, operation, payloadType.
    ExternalPayloadUsed = 18,
    /// Workflows that could not be started, by workflowType, exception.
    WorkflowStartError = 19,
    /// Workflows that could not be started, by workflowType, exception.
    WorkflowStartErrorMessage = 20,
    /// Size of a task's result. A timer in bytes, by taskType.
    TaskResultSize = 21,
    /// Size of a workflow's input. A timer in bytes, by workflowType, version, absent: where the
    /// caller gave no version, version is empty and absent is 1, else absent is empty.
    WorkflowInputSize = 22,
    /// Worker threads that are executing a task now. A gauge, by taskType.
    ActiveWorkers = 23,
}

/// How many `ictus_conductor_metric` metrics this library has: they are numbered from 0.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_catalog_count() -> usize {
    catalog::ALL.len()
}

/// Makes a handle of the series of a catalogued timer with those label values, in the order of its
/// labels. `metric` is one of `ictus_conductor_metric`: `ICTUS_STATUS_OPTION` where it is none, and
/// `ICTUS_STATUS_MISMATCH` where it is no timer.
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
        // SAFETY: by convention, NULL or readable for the time of this call.
        let values = unsafe { strings(label_values, label_count) }?;
        let family = registry.0.recorded_timer(definition(metric)?)?;
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, || Ok(ictus_timer(family.labels(&values)?))) }
    })
}

/// Makes a handle of the series of a catalogued counter; as `ictus_catalog_timer_new`.
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
        // SAFETY: by convention, NULL or readable for the time of this call.
        let values = unsafe { strings(label_values, label_count) }?;
        let family = registry.0.recorded_counter(definition(metric)?)?;
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, || Ok(ictus_counter(family.labels(&values)?))) }
    })
}

/// Makes a handle of the series of a catalogued gauge; as `ictus_catalog_timer_new`.
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
        // SAFETY: by convention, NULL or readable for the time of this call.
        let values = unsafe { strings(label_values, label_count) }?;
        let family = registry.0.recorded_gauge(definition(metric)?)?;
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, || Ok(ictus_gauge(family.labels(&values)?))) }
    })
}

/// How many labels a catalogued metric has; 0 for a number that is none.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_catalog_label_count(metric: c_int) -> usize {
    definition(metric).map_or(0, |definition| definition.labels.len())
}

fn definition(metric: c_int) -> Result<&'static Definition, ictus_status> {
    let found = usize::try_from(metric).ok().and_then(|metric| catalog::ALL.get(metric));
    found.ok_or(ictus_status::Option)
}

#[cfg(test)]
mod tests {
    use super::{definition, ictus_catalog_count, ictus_catalog_label_count, ictus_conductor_metric};
    use crate::ictus_status;
    use ictus::catalog;

    #[test]
    fn numbers_are_those_of_the_catalog() {
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
