//! The class `Timer`.

use ictus::Stopwatch;
use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{labelled_family::LabelledFamily, timer_context::TimerContext};
use crate::convert::Number;

/// Durations in seconds: exact quantiles of the newest, and lifetime count, sum and histogram.
///
/// If the family has labels, record on a child: see ``labels``.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Timer {
    family: LabelledFamily<ictus::Timer>,
    /// The handle that records. `None` in a family with labels, whose children record.
    handle: Option<ictus::Timer>,
}

#[pymethods]
impl Timer {
    /// Records a duration in seconds. A negative or non-finite one is rejected and counted.
    ///
    /// ``exemplar`` is the id of the observation's trace. Raises ``ValueError`` on a family with labels:
    /// call ``labels`` first.
    #[pyo3(signature = (seconds, exemplar=None))]
    fn observe(&self, seconds: Number, exemplar: Option<&str>) -> PyResult<()> {
        let timer = self.handle()?;
        match exemplar {
            None => timer.observe(seconds.0),
            Some(id) => timer.observe_with_exemplar(seconds.0, id),
        }
        Ok(())
    }

    /// Returns a context manager and decorator that records the duration of a block, or of each call.
    ///
    /// A coroutine is measured until it is done, a generator until it is exhausted.
    fn time(slf: &Bound<'_, Timer>) -> TimerContext {
        TimerContext::new(slf)
    }

    /// Returns the child that records the series with these label values, by position or by name.
    ///
    /// A label value can be any object, whose ``str`` is used. In hot loops, store the child. Raises
    /// ``TypeError`` if the labels are not those of the family.
    #[pyo3(signature = (*values, **named))]
    pub(super) fn labels<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Timer>> {
        self.family.child(values, named, |family, handle| {
            Bound::new(values.py(), Timer { family, handle: Some(handle) })
        })
    }

    /// Removes the series with these label values. Returns whether it existed.
    ///
    /// Existing children of this series record nothing from then on.
    #[pyo3(signature = (*values))]
    fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<bool> {
        self.family.remove(values)
    }

    /// The family's name.
    #[getter]
    fn name(&self) -> &str {
        self.family.name()
    }

    /// The family's label names, in order.
    #[getter]
    fn label_names(&self) -> Vec<String> {
        self.family.label_names().to_vec()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.family.repr(py, "Timer")
    }

    /// Returns the object itself: a copy records in the same series.
    fn __copy__<'py>(slf: Bound<'py, Timer>) -> Bound<'py, Timer> {
        slf
    }

    /// Returns the object itself, as `copy.copy` does.
    fn __deepcopy__<'py>(slf: Bound<'py, Timer>, _memo: &Bound<'_, PyAny>) -> Bound<'py, Timer> {
        slf
    }
}

impl Timer {
    pub(super) fn new(py: Python<'_>, family: LabelledFamily<ictus::Timer>) -> PyResult<Bound<'_, Timer>> {
        let handle = family.unlabelled_handle();
        Bound::new(py, Timer { family, handle })
    }

    /// Returns an error if this object is a family with labels, which cannot record by itself.
    pub(super) fn check_series(&self) -> PyResult<()> {
        self.handle().map(drop)
    }

    /// Records the time since the start of a measurement. Raises no exception: the program's own
    /// may be propagating.
    pub(super) fn record_since(&self, start: Stopwatch) {
        match &self.handle {
            Some(timer) => _ = timer.observe_since(start),
            None => self.family.count_unlabelled(),
        }
    }

    /// Returns the handle that records, or an error for a family with labels, whose children
    /// record.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Timer> {
        self.handle.as_ref().ok_or_else(|| self.family.missing_labels_error())
    }
}
