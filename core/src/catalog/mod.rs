//! The metrics that a Conductor SDK records: one [`Definition`] per metric.
//!
//! `observe` records under these names. The reader's surfaces (`surface`) map them to public names,
//! labels and types. Recorded names start with [`PREFIX`].

use std::fmt;

/// The prefix of the recorded names of Conductor's metrics. No Prometheus metric name can start
/// with it, so they cannot collide with families of the user.
pub const PREFIX: &str = "conductor/";

/// The kind of a family's series. A later version may add kinds.
///
/// ```
/// use ictus::{Registry, catalog::Kind};
///
/// let registry = Registry::new();
/// registry.gauge("queued", "", &[])?.labels(&[])?.set(3.0);
/// let snapshot = registry.snapshot()?;
/// assert_eq!(snapshot.family("queued").map(|family| family.kind), Some(Kind::Gauge));
/// assert_eq!(Kind::Gauge.to_string(), "gauge");
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
#[non_exhaustive]
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    /// Returns the name of the kind: `counter`, `gauge` or `timer`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Timer => "timer",
        }
    }

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

/// The unit of a timer's observations. A later version may add units.
///
/// ```
/// use ictus::catalog::{TIME_BUCKETS, Unit};
///
/// assert_eq!(Unit::Seconds.as_str(), Some("seconds"));
/// assert_eq!(Unit::Seconds.buckets(), TIME_BUCKETS);
/// assert_eq!(Unit::None.as_str(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
#[non_exhaustive]
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
    /// Returns the name of the unit, `seconds` or `bytes`; `None` for counters and gauges.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Unit::None => None,
            Unit::Seconds => Some("seconds"),
            Unit::Bytes => Some("bytes"),
        }
    }

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
///
/// ```
/// use ictus::{Registry, catalog::{Definition, Kind, Unit}};
///
/// const RETRIES: Definition = Definition::new("retries", Kind::Counter, Unit::None, &["taskType"]);
/// Registry::new().catalog_counter(&RETRIES)?.labels(&["mail"])?.inc();
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

impl Definition {
    /// Creates a definition.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        labels: &'static [&'static str],
    ) -> Definition {
        Definition { name, kind, unit, labels }
    }
}

/// Defines a constant for each row, and [`ALL`] of them.
macro_rules! catalog {
    ($($(#[$about:meta])* $constant:ident: $kind:ident, $unit:ident, $name:literal, $labels:expr;)*) => {
        $($(#[$about])*
        pub const $constant: Definition = Definition {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &$labels,
        };)*

        /// Every recorded metric. The position of a metric is its number in other languages.
        pub const ALL: &[Definition] = &[$($constant),*];

        /// The name of the constant of each metric in [`ALL`], from which other languages derive theirs.
        pub const CONSTANTS: &[&str] = &[$(stringify!($constant)),*];
    };
}

// The one list of the metrics. `core/tests/it/catalog.rs` compares every other list with it. A
// new metric is appended, because numbers of other languages never change.
catalog! {
    /// Duration of a request to the server.
    API_REQUEST_TIME: Timer, Seconds, "conductor/api_request_time", ["method", "uri", "status"];
    /// Polls for tasks.
    TASK_POLL: Counter, None, "conductor/task_poll", ["taskType"];
    /// Duration of a poll.
    TASK_POLL_TIME: Timer, Seconds, "conductor/task_poll_time", ["taskType", "status"];
    /// Duration of a task's execution.
    TASK_EXECUTE_TIME: Timer, Seconds, "conductor/task_execute_time", ["taskType", "status"];
    /// Duration of an update of a task's result.
    TASK_UPDATE_TIME: Timer, Seconds, "conductor/task_update_time", ["taskType", "status"];
    /// Failed executions by exception class.
    TASK_EXECUTE_ERROR: Counter, None, "conductor/task_execute_error", ["taskType", "exception"];
    /// Failed executions by exception message.
    TASK_EXECUTE_ERROR_MESSAGE: Counter, None, "conductor/task_execute_error_message", ["taskType", "exception"];
    /// Failed updates by exception class.
    TASK_UPDATE_ERROR: Counter, None, "conductor/task_update_error", ["taskType", "exception"];
    /// Failed updates by exception message.
    TASK_UPDATE_ERROR_MESSAGE: Counter, None, "conductor/task_update_error_message", ["taskType", "exception"];
    /// Failed polls by exception class.
    TASK_POLL_ERROR: Counter, None, "conductor/task_poll_error", ["taskType", "exception"];
    /// Executions started.
    TASK_EXECUTION_STARTED: Counter, None, "conductor/task_execution_started", ["taskType"];
    /// Failed acknowledgements by exception class.
    TASK_ACK_ERROR: Counter, None, "conductor/task_ack_error", ["taskType", "exception"];
    /// Failed acknowledgements by exception message.
    TASK_ACK_ERROR_MESSAGE: Counter, None, "conductor/task_ack_error_message", ["taskType", "exception"];
    /// Acknowledgements that the server refused.
    TASK_ACK_FAILED: Counter, None, "conductor/task_ack_failed", ["taskType"];
    /// Times that the execution queue was full.
    TASK_EXECUTION_QUEUE_FULL: Counter, None, "conductor/task_execution_queue_full", ["taskType"];
    /// Polls while the worker was paused.
    TASK_PAUSED: Counter, None, "conductor/task_paused", ["taskType"];
    /// Restarts of a worker process.
    WORKER_RESTART: Counter, None, "conductor/worker_restart", ["taskType"];
    /// Uncaught exceptions by class.
    UNCAUGHT_EXCEPTION: Counter, None, "conductor/thread_uncaught_exception", ["exception"];
    /// Uses of external payload storage.
    EXTERNAL_PAYLOAD_USED: Counter, None, "conductor/external_payload_used", ["entityName", "operation", "payloadType"];
    /// Workflows that could not be started, by exception class.
    WORKFLOW_START_ERROR: Counter, None, "conductor/workflow_start_error", ["workflowType", "exception"];
    /// Workflows that could not be started, by exception message.
    WORKFLOW_START_ERROR_MESSAGE: Counter, None, "conductor/workflow_start_error_message", ["workflowType", "exception"];
    /// Size of a task's result.
    TASK_RESULT_SIZE: Timer, Bytes, "conductor/task_result_size", ["taskType"];
    /// Size of a workflow's input. `absent` is `"1"` if the caller passed no version, else empty. The
    /// surfaces represent a missing version in different ways, and `""` is a version, too.
    WORKFLOW_INPUT_SIZE: Timer, Bytes, "conductor/workflow_input_size", ["workflowType", "version", "absent"];
    /// Worker threads that are executing a task now.
    ACTIVE_WORKERS: Gauge, None, "conductor/active_workers", ["taskType"];
}
