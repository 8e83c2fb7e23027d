//! The recording methods of the SDK's collector, in native code.
//!
//! A Python method call becomes label values and a number, which a handle records. A collector that
//! was not opened records nothing. Invalid arguments raise no exception: a value that is not a
//! number is recorded as NaN, which the core rejects and counts. Arguments that a later SDK adds
//! are ignored.
//!
//! An interrupt or an exit may be raised while an object is converted to a text or a number. It is
//! passed on, and nothing is recorded.

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use ictus::{Counter, FamilyOptions, Timer, snapshot::Value, surface::Exposition};
use pyo3::{
    PyTraverseError, PyVisit, intern,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{
    catalog_metrics::{CatalogMetrics, Errors},
    events::{self, EventHandlers, EventKind},
    handle_cache::HandleCache,
};
use crate::{
    convert, label, log,
    reading::directory::{FamilyTuple, families},
};

/// Recorded name, label values and newest observations of a timer's series.
type RecordedWindow = (String, Vec<String>, Vec<f64>);

/// Records the metrics of the Conductor SDK in a metrics directory.
///
/// It records nothing until ``_open``. No recording method raises an ``Exception``.
#[pyclass(frozen, subclass, module = "ictus._core")]
pub(crate) struct Collector {
    metrics: OnceLock<CatalogMetrics>,
    /// Relaxed, because it orders no other data: a recording that runs concurrently may or may not see it.
    paused: AtomicBool,
    pub(super) events: EventHandlers,
}

#[pymethods]
impl Collector {
    /// Ignores all arguments: a subclass may have a constructor with any arguments.
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Collector {
        Collector {
            metrics: OnceLock::new(),
            paused: AtomicBool::new(false),
            events: EventHandlers::default(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.events.traverse(&visit)
    }

    /// Starts recording into the directory. `window` is the number of observations of each window,
    /// `max_series` the maximum number of series of each metric. An open collector does not change.
    #[pyo3(signature = (directory, window=None, max_series=None))]
    fn _open(
        &self,
        py: Python<'_>,
        directory: PathBuf,
        window: Option<u32>,
        max_series: Option<u32>,
    ) -> PyResult<()> {
        log::install(py);
        if self.metrics.get().is_none() {
            let mut options = FamilyOptions::default();
            options = window.into_iter().fold(options, FamilyOptions::window);
            options = max_series.into_iter().fold(options, FamilyOptions::max_series);
            let metrics =
                CatalogMetrics::open(&directory, options).map_err(|cause| convert::error(&cause))?;
            let _ = self.metrics.set(metrics);
        }
        Ok(())
    }

    /// Returns the families that this collector has recorded in this process, as `(name, help,
    /// type, [(sample name, labels, value)])`.
    #[pyo3(signature = (surfaces=None, *, summaries=false))]
    fn _families<'py>(
        &self,
        py: Python<'py>,
        surfaces: Option<Vec<String>>,
        summaries: bool,
    ) -> PyResult<Vec<FamilyTuple<'py>>> {
        let view = convert::view(surfaces.as_deref(), summaries)?;
        let Some(metrics) = self.metrics.get() else { return Ok(Vec::new()) };
        let exposition = py.detach(|| Ok(Exposition::new(&metrics.registry.local_snapshot()?, &view)));
        families(py, &exposition.map_err(|cause| convert::error(&cause))?)
    }

    /// Returns the windows of the timers that this collector has recorded in this process.
    fn _windows(&self, py: Python<'_>) -> PyResult<Vec<RecordedWindow>> {
        let Some(metrics) = self.metrics.get() else { return Ok(Vec::new()) };
        let snapshot =
            py.detach(|| metrics.registry.local_snapshot()).map_err(|cause| convert::error(&cause))?;
        let mut windows = Vec::new();
        for family in &snapshot.families {
            for series in &family.series {
                if let Value::Timer(timing) = &series.value {
                    let values = timing.window.iter().map(|observation| observation.value).collect();
                    windows.push((family.name.clone(), series.labels.to_vec(), values));
                }
            }
        }
        Ok(windows)
    }

    /// Whether recording is paused.
    #[getter(_paused)]
    fn paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    #[setter(_paused)]
    fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Counts a poll of a task type.
    #[pyo3(
        signature = (task_type, *_more, **_named),
        text_signature = "($self, task_type)"
    )]
    fn increment_task_poll(
        &self,
        task_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        match self.active_metrics() {
            Some(metrics) => metrics.task_poll.with_new(
                [task_type],
                |[task_type]| metrics.create_counters(task_type),
                Counter::inc,
            ),
            None => Ok(()),
        }
    }

    /// Counts a failed poll by its exception.
    #[pyo3(
        signature = (task_type, exception, *_more, **_named),
        text_signature = "($self, task_type, exception)"
    )]
    fn increment_task_poll_error(
        &self,
        task_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.count_poll_error(task_type, exception)
    }

    /// Counts the start of an execution.
    #[pyo3(
        signature = (task_type, *_more, **_named),
        text_signature = "($self, task_type)"
    )]
    fn increment_task_execution_started(
        &self,
        task_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.increment(|metrics| &metrics.task_execution_started, [task_type])
    }

    /// Counts a time at which all threads of a worker were busy.
    #[pyo3(
        signature = (task_type, *_more, **_named),
        text_signature = "($self, task_type)"
    )]
    fn increment_task_execution_queue_full(
        &self,
        task_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.increment(|metrics| &metrics.task_execution_queue_full, [task_type])
    }

    /// Counts an exception that no handler of a thread caught.
    #[pyo3(
        signature = (exception=None, *_more, **_named),
        text_signature = "($self, exception=None)"
    )]
    fn increment_uncaught_exception(
        &self,
        exception: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        if let Some(metrics) = self.active_metrics() {
            let class = exception.map_or(Ok(Cow::Borrowed("None")), label::class_name)?;
            metrics.uncaught_exception.with_texts([&*class], Counter::inc);
        }
        Ok(())
    }

    /// Counts a restart of a worker process.
    #[pyo3(
        signature = (task_type, *_more, **_named),
        text_signature = "($self, task_type)"
    )]
    fn increment_worker_restart(
        &self,
        task_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.increment(|metrics| &metrics.worker_restart, [task_type])
    }

    /// Counts a poll that was left out because its worker is paused.
    #[pyo3(
        signature = (task_type, *_more, **_named),
        text_signature = "($self, task_type)"
    )]
    fn increment_task_paused(
        &self,
        task_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.increment(|metrics| &metrics.task_paused, [task_type])
    }

    /// Counts a failed execution by its exception.
    #[pyo3(
        signature = (task_type, exception, *_more, **_named),
        text_signature = "($self, task_type, exception)"
    )]
    fn increment_task_execution_error(
        &self,
        task_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.count_error(|metrics| &metrics.task_execute_error, task_type, exception)
    }

    /// Counts an acknowledgement that the server refused.
    #[pyo3(
        signature = (task_type, *_more, **_named),
        text_signature = "($self, task_type)"
    )]
    fn increment_task_ack_failed(
        &self,
        task_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.increment(|metrics| &metrics.task_ack_failed, [task_type])
    }

    /// Counts a failed acknowledgement by its exception.
    #[pyo3(
        signature = (task_type, exception, *_more, **_named),
        text_signature = "($self, task_type, exception)"
    )]
    fn increment_task_ack_error(
        &self,
        task_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.count_error(|metrics| &metrics.task_ack_error, task_type, exception)
    }

    /// Counts a failed update of a task by its exception.
    #[pyo3(
        signature = (task_type, exception, *_more, **_named),
        text_signature = "($self, task_type, exception)"
    )]
    fn increment_task_update_error(
        &self,
        task_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.count_error(|metrics| &metrics.task_update_error, task_type, exception)
    }

    /// Counts a use of external payload storage.
    #[pyo3(
        signature = (entity_name, operation, payload_type, *_more, **_named),
        text_signature = "($self, entity_name, operation, payload_type)"
    )]
    fn increment_external_payload_used(
        &self,
        entity_name: &Bound<'_, PyAny>,
        operation: &Bound<'_, PyAny>,
        payload_type: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.increment(|metrics| &metrics.external_payload_used, [entity_name, operation, payload_type])
    }

    /// Counts a workflow that could not be started, by its exception.
    #[pyo3(
        signature = (workflow_type, exception, *_more, **_named),
        text_signature = "($self, workflow_type, exception)"
    )]
    fn increment_workflow_start_error(
        &self,
        workflow_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        // `by_message` gets the class too: the message of a failed request contains the headers of
        // its response, among them a date.
        if let Some(metrics) = self.active_metrics() {
            let labels = [&*label::text(workflow_type)?, &*label::class_name(exception)?];
            metrics.workflow_start_error.by_class.with_texts(labels, Counter::inc);
            metrics.workflow_start_error.by_message.with_texts(labels, Counter::inc);
        }
        Ok(())
    }

    /// Calls `increment_workflow_start_error`, overridden or not.
    fn measure_workflow_start_error(
        slf: &Bound<'_, Collector>,
        name: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let result = slf.call_method1("increment_workflow_start_error", (name, exception)).map(drop);
        // An exception of an override must not fail the workflow client.
        label::recover_from_exception(slf.py(), result, || ())
    }

    /// Records the duration of a poll in seconds.
    #[pyo3(
        signature = (task_type, time_spent, status=None, *_more, **_named),
        text_signature = "($self, task_type, time_spent, status='SUCCESS')"
    )]
    fn record_task_poll_time(
        &self,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe_task(|metrics| &metrics.task_poll_time, task_type, time_spent, status)
    }

    /// Records the duration of an execution in seconds.
    #[pyo3(
        signature = (task_type, time_spent, status=None, *_more, **_named),
        text_signature = "($self, task_type, time_spent, status='SUCCESS')"
    )]
    fn record_task_execute_time(
        &self,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe_task(|metrics| &metrics.task_execute_time, task_type, time_spent, status)
    }

    /// Records the duration of an update of a task in seconds.
    #[pyo3(
        signature = (task_type, time_spent, status=None, *_more, **_named),
        text_signature = "($self, task_type, time_spent, status='SUCCESS')"
    )]
    fn record_task_update_time(
        &self,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe_task(|metrics| &metrics.task_update_time, task_type, time_spent, status)
    }

    /// Records the duration of a poll in seconds, as `record_task_poll_time` does.
    #[pyo3(
        signature = (task_type, time_spent, status=None, *_more, **_named),
        text_signature = "($self, task_type, time_spent, status='SUCCESS')"
    )]
    fn record_task_poll_time_histogram(
        &self,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe_task(|metrics| &metrics.task_poll_time, task_type, time_spent, status)
    }

    /// Records the duration of an execution in seconds, as `record_task_execute_time` does.
    #[pyo3(
        signature = (task_type, time_spent, status=None, *_more, **_named),
        text_signature = "($self, task_type, time_spent, status='SUCCESS')"
    )]
    fn record_task_execute_time_histogram(
        &self,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe_task(|metrics| &metrics.task_execute_time, task_type, time_spent, status)
    }

    /// Records the duration of an update in seconds, as `record_task_update_time` does.
    #[pyo3(
        signature = (task_type, time_spent, status=None, *_more, **_named),
        text_signature = "($self, task_type, time_spent, status='SUCCESS')"
    )]
    fn record_task_update_time_histogram(
        &self,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe_task(|metrics| &metrics.task_update_time, task_type, time_spent, status)
    }

    /// Records the duration of a request to the server in seconds.
    ///
    /// The label is the template if the caller has one, otherwise the path.
    #[pyo3(
        signature = (method, uri, status, time_spent, metric_uri=None, *_more, **_named),
        text_signature = "($self, method, uri, status, time_spent, metric_uri=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn record_api_request_time(
        &self,
        method: &Bound<'_, PyAny>,
        uri: &Bound<'_, PyAny>,
        status: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        metric_uri: Option<&Bound<'_, PyAny>>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let Some(metrics) = self.active_metrics() else { return Ok(()) };
        let template = match metric_uri {
            Some(template)
                if label::recover_from_exception(template.py(), template.is_truthy(), || true)? =>
            {
                template
            }
            _ => uri,
        };
        let labels = [method, template, label::interned_status(status)];
        let time_spent = to_f64(time_spent)?;
        metrics.api_request_time.with_normalized(labels, normalize_uri, |timer| timer.observe(time_spent))
    }

    /// Records the size of a task's result in bytes.
    #[pyo3(
        signature = (task_type, payload_size, *_more, **_named),
        text_signature = "($self, task_type, payload_size)"
    )]
    fn record_task_result_payload_size(
        &self,
        task_type: &Bound<'_, PyAny>,
        payload_size: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.observe(|metrics| &metrics.task_result_size, [task_type], payload_size)
    }

    /// Records the size of a workflow's input in bytes.
    ///
    /// A `version` of None is recorded as absent, which is not the same as empty.
    #[pyo3(
        signature = (workflow_type, version, payload_size, *_more, **_named),
        text_signature = "($self, workflow_type, version, payload_size)"
    )]
    fn record_workflow_input_payload_size(
        &self,
        workflow_type: &Bound<'_, PyAny>,
        version: &Bound<'_, PyAny>,
        payload_size: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let Some(metrics) = self.active_metrics() else { return Ok(()) };
        let (version, absent) =
            if version.is_none() { (Cow::Borrowed(""), "1") } else { (label::text(version)?, "") };
        let labels = [&*label::text(workflow_type)?, &*version, absent];
        let payload_size = to_f64(payload_size)?;
        metrics.workflow_input_size.with_texts(labels, |timer| timer.observe(payload_size));
        Ok(())
    }

    /// Sets the number of threads of this process that execute a task of this type.
    #[pyo3(
        signature = (task_type, count, *_more, **_named),
        text_signature = "($self, task_type, count)"
    )]
    fn set_active_workers(
        &self,
        task_type: &Bound<'_, PyAny>,
        count: &Bound<'_, PyAny>,
        _more: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let Some(metrics) = self.active_metrics() else { return Ok(()) };
        let count = to_f64(count)?;
        metrics.active_workers.with([task_type], |gauge| gauge.set(count))
    }

    /// Makes every collector check again, at its next event, what its classes override.
    #[staticmethod]
    fn _note_class_change() {
        events::note_class_change();
    }

    /// Records the event of a poll that has ended.
    fn on_poll_completed(slf: &Bound<'_, Collector>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        events::handle(slf, event, EventKind::PollCompleted, intern!(slf.py(), "on_poll_completed"))
    }

    /// Records the event of a failed poll.
    fn on_poll_failure(slf: &Bound<'_, Collector>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        events::handle(slf, event, EventKind::PollFailure, intern!(slf.py(), "on_poll_failure"))
    }

    /// Records the event of a started execution.
    fn on_task_execution_started(slf: &Bound<'_, Collector>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        events::handle(
            slf,
            event,
            EventKind::ExecutionStarted,
            intern!(slf.py(), "on_task_execution_started"),
        )
    }

    /// Records the event of an execution that has ended.
    fn on_task_execution_completed(slf: &Bound<'_, Collector>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        events::handle(
            slf,
            event,
            EventKind::ExecutionCompleted,
            intern!(slf.py(), "on_task_execution_completed"),
        )
    }

    /// Records the event of a failed execution.
    fn on_task_execution_failure(slf: &Bound<'_, Collector>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        events::handle(
            slf,
            event,
            EventKind::ExecutionFailure,
            intern!(slf.py(), "on_task_execution_failure"),
        )
    }
}

impl Collector {
    /// Returns the metrics to record in, or `None` if the collector is not open or is paused.
    pub(super) fn active_metrics(&self) -> Option<&CatalogMetrics> {
        if self.paused.load(Ordering::Relaxed) { None } else { self.metrics.get() }
    }

    pub(super) fn increment<const N: usize>(
        &self,
        select: impl FnOnce(&CatalogMetrics) -> &HandleCache<Counter, N>,
        labels: [&Bound<'_, PyAny>; N],
    ) -> PyResult<()> {
        self.active_metrics().map_or(Ok(()), |metrics| select(metrics).with(labels, Counter::inc))
    }

    pub(super) fn count_error(
        &self,
        select: impl FnOnce(&CatalogMetrics) -> &Errors,
        task_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if let Some(metrics) = self.active_metrics() {
            let task_type = label::text(task_type)?;
            let errors = select(metrics);
            let (class, message) = (label::class_name(exception)?, label::message(exception)?);
            errors.by_class.with_texts([&*task_type, &*class], Counter::inc);
            errors.by_message.with_texts([&*task_type, &*message], Counter::inc);
        }
        Ok(())
    }

    fn observe<const N: usize>(
        &self,
        select: impl FnOnce(&CatalogMetrics) -> &HandleCache<Timer, N>,
        labels: [&Bound<'_, PyAny>; N],
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let Some(metrics) = self.active_metrics() else { return Ok(()) };
        let value = to_f64(value)?;
        select(metrics).with(labels, |timer| timer.observe(value))
    }

    pub(super) fn count_poll_error(
        &self,
        task_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if let Some(metrics) = self.active_metrics() {
            let labels = [&*label::text(task_type)?, &*label::class_name(exception)?];
            metrics.task_poll_error.with_texts(labels, Counter::inc);
        }
        Ok(())
    }

    fn observe_task(
        &self,
        select: impl FnOnce(&CatalogMetrics) -> &HandleCache<Timer, 2>,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let success = intern!(task_type.py(), "SUCCESS").as_any();
        self.observe(select, [task_type, status.unwrap_or(success)], time_spent)
    }
}

/// Returns the value, or NaN for an object that is not a number. The core rejects NaN and counts
/// the rejection.
fn to_f64(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    label::recover_from_exception(value.py(), value.extract(), || f64::NAN)
}

/// Replaces `{tasktype}` in a path by `{taskType}`: the SDK's clients spell this parameter in two
/// ways.
fn normalize_uri([_, uri, _]: &mut [Cow<'_, str>; 3]) {
    if uri.contains("{tasktype}") {
        *uri = Cow::Owned(uri.replace("{tasktype}", "{taskType}"));
    }
}
