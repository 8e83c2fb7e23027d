//! Timers, as Python objects.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{labelled::Labelled, running::Running};
use crate::convert::Number;

/// Durations: quantiles of the newest ones, their lifetime count and sum, and buckets.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Timer {
    family: Labelled<ictus::Timer>,
    /// What records, in a series' object and in that of a family without labels.
    handle: Option<ictus::Timer>,
}

#[pymethods]
impl Timer {
    /// Records a duration in seconds; what is negative or no finite number is rejected, and counted.
    /// `exemplar` is the id of the trace that it belongs to.
    #[pyo3(signature = (seconds, exemplar=None))]
    fn observe(&self, seconds: Number, exemplar: Option<&str>) -> PyResult<()> {
        let timer = self.handle()?;
        match exemplar {
            None => timer.observe(seconds.0),
            Some(id) => timer.observe_with_exemplar(seconds.0, id),
        }
        Ok(())
    }

    /// Measures a `with` block or a decorated function, coroutines included.
    fn time(slf: &Bound<'_, Timer>) -> Running {
        Running::new(slf)
    }

    /// The one series with those label values, by position or by name.
    #[pyo3(signature = (*values, **named))]
    fn labels<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Timer>> {
        self.family.child(values, named, |handle| {
            Bound::new(values.py(), Timer { family: self.family.of_child(), handle: Some(handle) })
        })
    }

    /// Removes the series with those label values; whether there was one.
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
}

impl Timer {
    pub(super) fn new(py: Python<'_>, family: Labelled<ictus::Timer>) -> PyResult<Bound<'_, Timer>> {
        let handle = family.only();
        Bound::new(py, Timer { family, handle })
    }

    /// The series that a measurement ends in.
    pub(super) fn recording(&self) -> PyResult<&ictus::Timer> {
        self.handle()
    }

    /// What records; of a family with labels, only its children do.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Timer> {
        self.handle.as_ref().ok_or_else(|| self.family.unlabelled())
    }
}
