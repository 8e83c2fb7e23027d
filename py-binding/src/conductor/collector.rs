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

use ictus::{Counter, Options, Timer, snapshot::Value, surface::Exposition};
use pyo3::{
    intern,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{
    lookup::HandleCache,
    recorder::{CatalogMetrics, Errors},
};
use crate::{
    convert, label, log,
    reading::directory::{FamilyTuple, families},
};

/// Recorded name, label values and newest observations of a timer's series.
type RecordedWindow = (String, Vec<String>, Vec<f64>);

/// Records what the Conductor SDK measures into a metrics directory.
#[pyclass(frozen, subclass, module = "ictus._core")]
pub(crate) struct Collector {
    recorder: OnceLock<CatalogMetrics>,
    /// Pairs with nothing: whoever pauses it while others record cannot tell which call is the last.
    paused: AtomicBool,
}

#[pymethods]
impl Collector {
    /// Whatever a subclass's constructor takes is its own affair.
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Collector {
        Collector { recorder: OnceLock::new(), paused: AtomicBool::new(false) }
    }

    /// Starts recording into the directory, with windows of so many observations and so many series a
    /// metric. A collector that records already goes on as it is.
    #[pyo3(signature = (directory, window=None, max_series=None))]
    fn _open(
        &self,
        py: Python<'_>,
        directory: PathBuf,
        window: Option<u32>,
        max_series: Option<u32>,
    ) -> PyResult<()> {
        log::keep(py);
        if self.recorder.get().is_none() {
            let mut options = Options::default();
            options = window.into_iter().fold(options, Options::window);
            options = max_series.into_iter().fold(options, Options::max_series);
            let recorder =
                CatalogMetrics::open(&directory, options).map_err(|refused| convert::error(&refused))?;
            let _ = self.recorder.set(recorder);
        }
        Ok(())
    }

    /// What this collector has recorded in this process: `(name, help, type, [(sample name, labels,
    /// value)])`.
    #[pyo3(signature = (surfaces=None, *, summaries=false))]
    fn _families<'py>(
        &self,
        py: Python<'py>,
        surfaces: Option<Vec<String>>,
        summaries: bool,
    ) -> PyResult<Vec<FamilyTuple<'py>>> {
        let view = convert::view(surfaces.as_deref(), summaries)?;
        let Some(recorder) = self.recorder.get() else { return Ok(Vec::new()) };
        let shown = py.detach(|| Ok(Exposition::new(&recorder.registry.own_snapshot()?, &view)));
        families(py, &shown.map_err(|refused| convert::error(&refused))?)
    }

    /// Returns the windows of what this collector has recorded in this process.
    fn _windows(&self, py: Python<'_>) -> PyResult<Vec<RecordedWindow>> {
        let Some(recorder) = self.recorder.get() else { return Ok(Vec::new()) };
        let snapshot =
            py.detach(|| recorder.registry.own_snapshot()).map_err(|refused| convert::error(&refused))?;
        let mut windows = Vec::new();
        for family in &snapshot.families {
            for series in &family.series {
                if let Value::Timer(timing) = &series.value {
                    let values = timing.window.iter().map(|one| one.value).collect();
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
        match self.recorder() {
            Some(to) => to.task_poll.with_begun([task_type], |[kind]| to.begin(kind), Counter::inc),
            None => Ok(()),
        }
    }

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
        if let Some(to) = self.recorder() {
            let labels = [&*label::text(task_type)?, &*label::class(exception)?];
            to.task_poll_error.with_texts(labels, Counter::inc);
        }
        Ok(())
    }

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
        self.count(|to| &to.task_execution_started, [task_type])
    }

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
        self.count(|to| &to.task_execution_queue_full, [task_type])
    }

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
        if let Some(to) = self.recorder() {
            let class = exception.map_or(Ok(Cow::Borrowed("None")), label::class)?;
            to.uncaught_exception.with_texts([&*class], Counter::inc);
        }
        Ok(())
    }

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
        self.count(|to| &to.worker_restart, [task_type])
    }

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
        self.count(|to| &to.task_paused, [task_type])
    }

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
        self.count_error(|to| &to.task_execute_error, task_type, exception)
    }

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
        self.count(|to| &to.task_ack_failed, [task_type])
    }

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
        self.count_error(|to| &to.task_ack_error, task_type, exception)
    }

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
        self.count_error(|to| &to.task_update_error, task_type, exception)
    }

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
        self.count(|to| &to.external_payload_used, [entity_name, operation, payload_type])
    }

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
        if let Some(to) = self.recorder() {
            let labels = [&*label::text(workflow_type)?, &*label::class(exception)?];
            to.workflow_start_error.by_class.with_texts(labels, Counter::inc);
            to.workflow_start_error.by_message.with_texts(labels, Counter::inc);
        }
        Ok(())
    }

    /// Calls `increment_workflow_start_error`, overridden or not.
    fn measure_workflow_start_error(
        slf: &Bound<'_, Collector>,
        name: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let called = slf.call_method1("increment_workflow_start_error", (name, exception)).map(drop);
        // An exception of an override must not fail the workflow client.
        label::unless_raised(slf.py(), called, || ())
    }

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
        self.time_task(|to| &to.task_poll_time, task_type, time_spent, status)
    }

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
        self.time_task(|to| &to.task_execute_time, task_type, time_spent, status)
    }

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
        self.time_task(|to| &to.task_update_time, task_type, time_spent, status)
    }

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
        self.time_task(|to| &to.task_poll_time, task_type, time_spent, status)
    }

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
        self.time_task(|to| &to.task_execute_time, task_type, time_spent, status)
    }

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
        self.time_task(|to| &to.task_update_time, task_type, time_spent, status)
    }

    /// The label is the template where the caller has one, else the path.
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
        let Some(to) = self.recorder() else { return Ok(()) };
        let template = match metric_uri {
            Some(template) if label::unless_raised(template.py(), template.is_truthy(), || true)? => template,
            _ => uri,
        };
        let labels = [method, template, label::code(status)];
        let time_spent = number(time_spent)?;
        to.api_request_time.with_spelled(labels, spell, |timer| timer.observe(time_spent))
    }

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
        self.time(|to| &to.task_result_size, [task_type], payload_size)
    }

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
        let Some(to) = self.recorder() else { return Ok(()) };
        let (version, absent) =
            if version.is_none() { (Cow::Borrowed(""), "1") } else { (label::text(version)?, "") };
        let labels = [&*label::text(workflow_type)?, &*version, absent];
        let payload_size = number(payload_size)?;
        to.workflow_input_size.with_texts(labels, |timer| timer.observe(payload_size));
        Ok(())
    }

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
        let Some(to) = self.recorder() else { return Ok(()) };
        let count = number(count)?;
        to.active_workers.with([task_type], |gauge| gauge.set(count))
    }
}

impl Collector {
    /// Returns the metrics to record in, or `None` if the collector is not open or is paused.
    fn recorder(&self) -> Option<&CatalogMetrics> {
        if self.paused.load(Ordering::Relaxed) { None } else { self.recorder.get() }
    }

    fn count<const N: usize>(
        &self,
        which: impl FnOnce(&CatalogMetrics) -> &HandleCache<Counter, N>,
        labels: [&Bound<'_, PyAny>; N],
    ) -> PyResult<()> {
        self.recorder().map_or(Ok(()), |to| which(to).with(labels, Counter::inc))
    }

    fn count_error(
        &self,
        which: impl FnOnce(&CatalogMetrics) -> &Errors,
        kind: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if let Some(to) = self.recorder() {
            let kind = label::text(kind)?;
            let errors = which(to);
            let (class, message) = (label::class(exception)?, label::message(exception)?);
            errors.by_class.with_texts([&*kind, &*class], Counter::inc);
            errors.by_message.with_texts([&*kind, &*message], Counter::inc);
        }
        Ok(())
    }

    fn time<const N: usize>(
        &self,
        which: impl FnOnce(&CatalogMetrics) -> &HandleCache<Timer, N>,
        labels: [&Bound<'_, PyAny>; N],
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let Some(to) = self.recorder() else { return Ok(()) };
        let value = number(value)?;
        which(to).with(labels, |timer| timer.observe(value))
    }

    fn time_task(
        &self,
        which: impl FnOnce(&CatalogMetrics) -> &HandleCache<Timer, 2>,
        task_type: &Bound<'_, PyAny>,
        time_spent: &Bound<'_, PyAny>,
        status: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let success = intern!(task_type.py(), "SUCCESS").as_any();
        self.time(which, [task_type, status.unwrap_or(success)], time_spent)
    }
}

/// Returns the value, or NaN for an object that is not a number. The core rejects NaN and counts
/// the rejection.
fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    label::unless_raised(value.py(), value.extract(), || f64::NAN)
}

/// Replaces `{tasktype}` in a path by `{taskType}`: the SDK's clients spell this parameter in two
/// ways.
fn spell([_, uri, _]: &mut [Cow<'_, str>; 3]) {
    if uri.contains("{tasktype}") {
        *uri = Cow::Owned(uri.replace("{tasktype}", "{taskType}"));
    }
}
