//! What each event of the SDK records, as the SDK's handler and the native methods together do.

use ictus::Timer;
use pyo3::{
    exceptions::PyException,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyFloat, PyInt, PyString, PyType},
};

use super::{
    catalog_metrics::CatalogMetrics, collector::Collector, events::EventKind, handle_cache::HandleCache,
};

/// An event for a native handler.
pub(super) struct Event<'a, 'py> {
    collector: &'a Collector,
    event: &'a Bound<'py, PyAny>,
    /// The collector's attributes, if the SDK's handler counts the active workers there: since 1.4.
    attributes: Option<&'a Bound<'py, PyDict>>,
}

/// A reason why an event was not recorded.
pub(super) enum NotRecorded {
    /// A value of the event, or of the collector, is not of the usual type. Nothing was recorded, so
    /// that the SDK's handler can be called.
    Unusual,
    Raised(PyErr),
}

impl From<PyErr> for NotRecorded {
    fn from(raised: PyErr) -> NotRecorded {
        NotRecorded::Raised(raised)
    }
}

type Recorded = Result<(), NotRecorded>;

/// The number of active workers of a task type after an event, and the SDK's dictionary of them.
struct ActiveWorkers<'py> {
    counts: Bound<'py, PyDict>,
    count: i64,
}

impl<'a, 'py> Event<'a, 'py> {
    #[inline]
    pub(super) fn new(
        collector: &'a Collector,
        event: &'a Bound<'py, PyAny>,
        attributes: Option<&'a Bound<'py, PyDict>>,
    ) -> Event<'a, 'py> {
        Event { collector, event, attributes }
    }

    /// Records the event.
    #[inline]
    pub(super) fn record(&self, kind: EventKind) -> Recorded {
        match kind {
            EventKind::PollCompleted => self.poll_completed(),
            EventKind::PollFailure => self.poll_failure(),
            EventKind::ExecutionStarted => self.execution_started(),
            EventKind::ExecutionCompleted => self.execution_completed(),
            EventKind::ExecutionFailure => self.execution_failure(),
        }
    }

    fn poll_completed(&self) -> Recorded {
        let (task_type, seconds) = (self.task_type()?, self.seconds()?);
        self.time(|metrics| &metrics.task_poll_time, &task_type, seconds, intern!(self.py(), "SUCCESS"))
    }

    fn poll_failure(&self) -> Recorded {
        let (task_type, cause) = (self.task_type()?, self.get(intern!(self.py(), "cause"))?);
        let seconds = self.seconds()?;
        self.collector.count_poll_error(&task_type, &cause)?;
        self.time(|metrics| &metrics.task_poll_time, &task_type, seconds, intern!(self.py(), "FAILURE"))
    }

    fn execution_started(&self) -> Recorded {
        if self.attributes.is_none() {
            return Ok(());
        }
        let task_type = self.task_type()?;
        let active = self.active_workers(&task_type, 1)?;
        self.collector.increment(|metrics| &metrics.task_execution_started, [&task_type])?;
        self.set_active_workers(&task_type, active)
    }

    fn execution_completed(&self) -> Recorded {
        let (task_type, seconds) = (self.task_type()?, self.seconds()?);
        let size = self.get(intern!(self.py(), "output_size_bytes"))?;
        let size = if size.is_none() { None } else { Some(self.number(&size)?) };
        let active = self.active_workers(&task_type, -1)?;
        self.time(|metrics| &metrics.task_execute_time, &task_type, seconds, intern!(self.py(), "SUCCESS"))?;
        if let (Some(size), Some(metrics)) = (size, self.collector.active_metrics()) {
            metrics.task_result_size.with([&task_type], |timer| timer.observe(size))?;
        }
        self.set_active_workers(&task_type, active)
    }

    fn execution_failure(&self) -> Recorded {
        let (task_type, cause) = (self.task_type()?, self.get(intern!(self.py(), "cause"))?);
        let seconds = self.seconds()?;
        let active = self.active_workers(&task_type, -1)?;
        self.collector.count_error(|metrics| &metrics.task_execute_error, &task_type, &cause)?;
        self.time(|metrics| &metrics.task_execute_time, &task_type, seconds, intern!(self.py(), "FAILURE"))?;
        // The conversion of the cause to a text may have run other threads.
        let active = self.active_workers(&task_type, -1).unwrap_or(active);
        self.set_active_workers(&task_type, active)
    }

    #[inline]
    fn time(
        &self,
        select: impl FnOnce(&CatalogMetrics) -> &HandleCache<Timer, 2>,
        task_type: &Bound<'py, PyAny>,
        seconds: f64,
        status: &Bound<'py, PyString>,
    ) -> Recorded {
        if let Some(metrics) = self.collector.active_metrics() {
            let labels = [task_type, status.as_any()];
            select(metrics).with(labels, |timer| timer.observe(seconds))?;
        }
        Ok(())
    }

    /// Returns the count of a task type's active workers after a change of it. Returns `None` if the
    /// SDK counts none.
    #[inline]
    fn active_workers(
        &self,
        task_type: &Bound<'py, PyAny>,
        change: i64,
    ) -> Result<Option<ActiveWorkers<'py>>, NotRecorded> {
        let Some(attributes) = self.attributes else { return Ok(None) };
        let py = self.py();
        let counts =
            attributes.get_item(intern!(py, "_active_worker_counts"))?.ok_or(NotRecorded::Unusual)?;
        let counts = counts.cast_into::<PyDict>().map_err(|_| NotRecorded::Unusual)?;
        if !overrides_nothing(&counts)? {
            return Err(NotRecorded::Unusual);
        }
        // The first count of a task type is left to the SDK's handler.
        let count = usual(py, counts.get_item(task_type))?.ok_or(NotRecorded::Unusual)?;
        let count = count.cast_exact::<PyInt>().map_err(|_| NotRecorded::Unusual)?;
        let count = usual(py, count.extract::<i64>())?;
        let count = count.checked_add(change).ok_or(NotRecorded::Unusual)?;
        Ok(Some(ActiveWorkers { counts, count: if change < 0 { count.max(0) } else { count } }))
    }

    #[inline]
    fn set_active_workers(
        &self,
        task_type: &Bound<'py, PyAny>,
        active: Option<ActiveWorkers<'py>>,
    ) -> Recorded {
        let Some(ActiveWorkers { counts, count }) = active else { return Ok(()) };
        counts.set_item(task_type, count)?;
        if let Some(metrics) = self.collector.active_metrics() {
            metrics.active_workers.with([task_type], |gauge| gauge.set(count as f64))?;
        }
        Ok(())
    }

    /// Returns the event's task type, a `str`.
    #[inline]
    fn task_type(&self) -> Result<Bound<'py, PyAny>, NotRecorded> {
        let text = self.get(intern!(self.py(), "task_type"))?;
        if text.is_exact_instance_of::<PyString>() { Ok(text) } else { Err(NotRecorded::Unusual) }
    }

    /// Returns the event's duration in seconds.
    #[inline]
    fn seconds(&self) -> Result<f64, NotRecorded> {
        let milliseconds = self.get(intern!(self.py(), "duration_ms"))?;
        Ok(self.number(&milliseconds)? / 1000.0)
    }

    /// Returns the value of a `float`, or of an `int` that is a float without rounding.
    #[inline]
    fn number(&self, value: &Bound<'py, PyAny>) -> Result<f64, NotRecorded> {
        if let Ok(value) = value.cast_exact::<PyFloat>() {
            return Ok(value.value());
        }
        let value = value.cast_exact::<PyInt>().map_err(|_| NotRecorded::Unusual)?;
        let value = usual(self.py(), value.extract::<i64>())?;
        if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS {
            Ok(value as f64)
        } else {
            Err(NotRecorded::Unusual)
        }
    }

    /// Returns an attribute of the event.
    #[inline]
    fn get(&self, name: &Bound<'py, PyString>) -> Result<Bound<'py, PyAny>, NotRecorded> {
        usual(self.py(), self.event.getattr(name))
    }

    fn py(&self) -> Python<'py> {
        self.event.py()
    }
}

/// Leaves it to the SDK's handler to raise an `Exception` again. An interrupt is raised only once, so
/// it is passed on.
#[inline]
fn usual<T>(py: Python<'_>, result: PyResult<T>) -> Result<T, NotRecorded> {
    result.map_err(|raised| unusual(py, raised))
}

#[cold]
fn unusual(py: Python<'_>, raised: PyErr) -> NotRecorded {
    if raised.is_instance_of::<PyException>(py) { NotRecorded::Unusual } else { NotRecorded::Raised(raised) }
}

/// Whether no class overrides the methods of a dictionary: it is a `dict`, or a `defaultdict` as in
/// the SDK.
#[inline]
fn overrides_nothing(dictionary: &Bound<'_, PyDict>) -> PyResult<bool> {
    static DEFAULT_DICT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = dictionary.py();
    let default_dict = DEFAULT_DICT.import(py, "collections", "defaultdict")?.as_type_ptr();
    Ok(dictionary.get_type_ptr() == default_dict || dictionary.is_exact_instance_of::<PyDict>())
}
