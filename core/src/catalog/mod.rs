//! The metrics that a Conductor SDK records: one [`Definition`] per metric.
//!
//! `observe` records under these names. The reader's surfaces (`surface`) map them to public names,
//! labels and types. Recorded names start with [`PREFIX`].

/// The prefix of the recorded names of Conductor's metrics. No Prometheus metric name can start
/// with it, so they cannot collide with families of the user.
pub const PREFIX: &str = "conductor/";

/// The kind of a family's series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Kind {
    /// A total that only grows.
    Counter = 1,
    /// A current value, which can be set or changed by any amount; summed over live processes.
    Gauge = 2,
    /// Observations: window, quantiles, count and sum.
    Timer = 3,
}

/// Returns the name under which a counter is recorded: without `_total`, which the formats add. A
/// counter may be registered and looked up with and without the suffix.
///
/// ```
/// assert_eq!(ictus::catalog::counter_name("jobs_total"), "jobs");
/// assert_eq!(ictus::catalog::counter_name("jobs"), "jobs");
/// ```
#[must_use]
pub fn counter_name(name: &str) -> &str {
    name.strip_suffix("_total").filter(|rest| !rest.is_empty()).unwrap_or(name)
}

impl Kind {
    /// Describes a family in an error: "a timer in seconds with the labels route, method".
    #[cfg(feature = "record")]
    pub(crate) fn described<L: AsRef<str>>(self, unit: Unit, labels: &[L]) -> String {
        let kind = match (self, unit) {
            (Kind::Counter, _) => "a counter",
            (Kind::Gauge, _) => "a gauge",
            (Kind::Timer, Unit::Bytes) => "a timer in bytes",
            (Kind::Timer, _) => "a timer in seconds",
        };
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        match &labels[..] {
            [] => format!("{kind} without labels"),
            [label] => format!("{kind} with the label {label}"),
            _ => format!("{kind} with the labels {}", labels.join(", ")),
        }
    }
}

/// The unit of a timer's observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Unit {
    /// No unit: counters and gauges.
    None = 0,
    /// Seconds.
    Seconds = 1,
    /// Bytes.
    Bytes = 2,
}

/// Upper bounds of classic buckets of durations, in seconds, as in the SDKs' canonical metrics.
pub const TIME_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of classic buckets of sizes, in bytes, as in the SDKs' canonical metrics.
pub const SIZE_BUCKETS: &[f64] = &[1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

impl Unit {
    /// Returns the upper bounds of the classic buckets of a timer in this unit.
    #[must_use]
    pub const fn buckets(self) -> &'static [f64] {
        match self {
            Unit::None => &[],
            Unit::Seconds => TIME_BUCKETS,
            Unit::Bytes => SIZE_BUCKETS,
        }
    }
}

/// A recorded metric: the family's name in the segment, its kind, unit and label names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The recorded name, which starts with [`PREFIX`].
    pub name: &'static str,
    /// The kind of the family.
    pub kind: Kind,
    /// The unit of a timer's observations.
    pub unit: Unit,
    /// Label names, in the order of the label values.
    pub labels: &'static [&'static str],
}

const fn counter(name: &'static str, labels: &'static [&'static str]) -> Definition {
    Definition { name, kind: Kind::Counter, unit: Unit::None, labels }
}

const fn timer(name: &'static str, unit: Unit, labels: &'static [&'static str]) -> Definition {
    Definition { name, kind: Kind::Timer, unit, labels }
}

/// Duration of a request to the server.
pub const API_REQUEST_TIME: Definition =
    timer("conductor/api_request_time", Unit::Seconds, &["method", "uri", "status"]);
/// Polls for tasks.
pub const TASK_POLL: Definition = counter("conductor/task_poll", &["taskType"]);
/// Duration of a poll.
pub const TASK_POLL_TIME: Definition =
    timer("conductor/task_poll_time", Unit::Seconds, &["taskType", "status"]);
/// Duration of a task's execution.
pub const TASK_EXECUTE_TIME: Definition =
    timer("conductor/task_execute_time", Unit::Seconds, &["taskType", "status"]);
/// Duration of an update of a task's result.
pub const TASK_UPDATE_TIME: Definition =
    timer("conductor/task_update_time", Unit::Seconds, &["taskType", "status"]);
/// Failed executions by exception class.
pub const TASK_EXECUTE_ERROR: Definition =
    counter("conductor/task_execute_error", &["taskType", "exception"]);
/// Failed executions by exception message.
pub const TASK_EXECUTE_ERROR_MESSAGE: Definition =
    counter("conductor/task_execute_error_message", &["taskType", "exception"]);
/// Failed updates by exception class.
pub const TASK_UPDATE_ERROR: Definition = counter("conductor/task_update_error", &["taskType", "exception"]);
/// Failed updates by exception message.
pub const TASK_UPDATE_ERROR_MESSAGE: Definition =
    counter("conductor/task_update_error_message", &["taskType", "exception"]);
/// Failed polls by exception class.
pub const TASK_POLL_ERROR: Definition = counter("conductor/task_poll_error", &["taskType", "exception"]);
/// Executions started.
pub const TASK_EXECUTION_STARTED: Definition = counter("conductor/task_execution_started", &["taskType"]);
/// Failed acknowledgements by exception class.
pub const TASK_ACK_ERROR: Definition = counter("conductor/task_ack_error", &["taskType", "exception"]);
/// Failed acknowledgements by exception message.
pub const TASK_ACK_ERROR_MESSAGE: Definition =
    counter("conductor/task_ack_error_message", &["taskType", "exception"]);
/// Acknowledgements that the server refused.
pub const TASK_ACK_FAILED: Definition = counter("conductor/task_ack_failed", &["taskType"]);
/// Times that the execution queue was full.
pub const TASK_EXECUTION_QUEUE_FULL: Definition =
    counter("conductor/task_execution_queue_full", &["taskType"]);
/// Polls while the worker was paused.
pub const TASK_PAUSED: Definition = counter("conductor/task_paused", &["taskType"]);
/// Restarts of a worker process.
pub const WORKER_RESTART: Definition = counter("conductor/worker_restart", &["taskType"]);
/// Uncaught exceptions by class.
pub const UNCAUGHT_EXCEPTION: Definition = counter("conductor/thread_uncaught_exception", &["exception"]);
/// Uses of external payload storage.
pub const EXTERNAL_PAYLOAD_USED: Definition =
    counter("conductor/external_payload_used", &["entityName", "operation", "payloadType"]);
/// Workflows that could not be started, by exception class.
pub const WORKFLOW_START_ERROR: Definition =
    counter("conductor/workflow_start_error", &["workflowType", "exception"]);
/// Workflows that could not be started, by exception message.
pub const WORKFLOW_START_ERROR_MESSAGE: Definition =
    counter("conductor/workflow_start_error_message", &["workflowType", "exception"]);
/// Size of a task's result.
pub const TASK_RESULT_SIZE: Definition = timer("conductor/task_result_size", Unit::Bytes, &["taskType"]);
/// Size of a workflow's input. `absent` is `"1"` if the caller passed no version, else empty. The
/// surfaces represent a missing version in different ways, and `""` is a version, too.
pub const WORKFLOW_INPUT_SIZE: Definition =
    timer("conductor/workflow_input_size", Unit::Bytes, &["workflowType", "version", "absent"]);
/// Worker threads that are executing a task now.
pub const ACTIVE_WORKERS: Definition = Definition {
    name: "conductor/active_workers",
    kind: Kind::Gauge,
    unit: Unit::None,
    labels: &["taskType"],
};

/// Every recorded metric.
pub const ALL: &[Definition] = &[
    API_REQUEST_TIME,
    TASK_POLL,
    TASK_POLL_TIME,
    TASK_EXECUTE_TIME,
    TASK_UPDATE_TIME,
    TASK_EXECUTE_ERROR,
    TASK_EXECUTE_ERROR_MESSAGE,
    TASK_UPDATE_ERROR,
    TASK_UPDATE_ERROR_MESSAGE,
    TASK_POLL_ERROR,
    TASK_EXECUTION_STARTED,
    TASK_ACK_ERROR,
    TASK_ACK_ERROR_MESSAGE,
    TASK_ACK_FAILED,
    TASK_EXECUTION_QUEUE_FULL,
    TASK_PAUSED,
    WORKER_RESTART,
    UNCAUGHT_EXCEPTION,
    EXTERNAL_PAYLOAD_USED,
    WORKFLOW_START_ERROR,
    WORKFLOW_START_ERROR_MESSAGE,
    TASK_RESULT_SIZE,
    WORKFLOW_INPUT_SIZE,
    ACTIVE_WORKERS,
];
