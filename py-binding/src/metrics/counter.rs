//! Counters, as Python objects.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::labelled::Labelled;
use crate::convert::Number;

/// A total that only grows.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Counter {
    family: Labelled<ictus::Counter>,
    /// What records, in a series' object and in that of a family without labels.
    handle: Option<ictus::Counter>,
}

#[pymethods]
impl Counter {
    /// Adds to the total; what is negative or no finite number is rejected, and counted.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(amount.0);
        Ok(())
    }

    /// Counts the exceptions that leave a `with` block or a decorated function.
    #[pyo3(signature = (exception=None))]
    fn count_exceptions<'py>(
        slf: &Bound<'py, Counter>,
        exception: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("ictus._around")?.getattr("Exceptions")?.call1((slf, exception))
    }

    /// The one series with those label values, by position or by name.
    #[pyo3(signature = (*values, **named))]
    fn labels<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Counter>> {
        self.family.child(values, named, |handle| {
            Bound::new(values.py(), Counter { family: self.family.of_child(), handle: Some(handle) })
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

impl Counter {
    pub(super) fn new(py: Python<'_>, family: Labelled<ictus::Counter>) -> PyResult<Bound<'_, Counter>> {
        let handle = family.only();
        Bound::new(py, Counter { family, handle })
    }

    /// What records; of a family with labels, only its children do.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Counter> {
        self.handle.as_ref().ok_or_else(|| self.family.unlabelled())
    }
}
