//! Gauges, as Python objects.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::labelled::Labelled;
use crate::convert::Number;

/// A state that goes up and down; the sum over live processes is shown.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Gauge {
    family: Labelled<ictus::Gauge>,
    /// What records, in a series' object and in that of a family without labels.
    handle: Option<ictus::Gauge>,
}

#[pymethods]
impl Gauge {
    /// Sets the state in this process.
    fn set(&self, value: Number) -> PyResult<()> {
        self.handle()?.set(value.0);
        Ok(())
    }

    /// Adds to the state.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(amount.0);
        Ok(())
    }

    /// Takes off the state.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn dec(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(-amount.0);
        Ok(())
    }

    /// One more inside of a `with` block or a decorated function, one less after it.
    fn track_inprogress<'py>(slf: &Bound<'py, Gauge>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("ictus._around")?.getattr("InProgress")?.call1((slf,))
    }

    /// The one series with those label values, by position or by name.
    #[pyo3(signature = (*values, **named))]
    fn labels<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Gauge>> {
        self.family.child(values, named, |handle| {
            Bound::new(values.py(), Gauge { family: self.family.of_child(), handle: Some(handle) })
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

impl Gauge {
    pub(super) fn new(py: Python<'_>, family: Labelled<ictus::Gauge>) -> PyResult<Bound<'_, Gauge>> {
        let handle = family.only();
        Bound::new(py, Gauge { family, handle })
    }

    /// What records; of a family with labels, only its children do.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Gauge> {
        self.handle.as_ref().ok_or_else(|| self.family.unlabelled())
    }
}
