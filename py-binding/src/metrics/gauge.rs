//! The class `Gauge`.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::labelled::Labelled;
use crate::convert::{Number, imports};

/// A state that goes up and down. In a family with labels, the children record: see ``labels``.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Gauge {
    family: Labelled<ictus::Gauge>,
    /// What records, in a series' object and in that of a family without labels.
    handle: Option<ictus::Gauge>,
}

#[pymethods]
impl Gauge {
    /// Sets this process's state. A non-finite value is rejected and counted.
    fn set(&self, value: Number) -> PyResult<()> {
        self.handle()?.set(value.0);
        Ok(())
    }

    /// Adds ``amount`` to this process's state.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(amount.0);
        Ok(())
    }

    /// Subtracts ``amount`` from this process's state.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn dec(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(-amount.0);
        Ok(())
    }

    /// Adds one while a ``with`` block or a decorated function runs.
    fn track_inprogress<'py>(slf: &Bound<'py, Gauge>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().handle()?;
        imports(slf.py())?.call_method0("around")?.getattr("InProgress")?.call1((slf,))
    }

    /// Returns the series with these label values, by position or by name. Keep it in hot loops.
    ///
    /// Any object is a label value, as its ``str``. Raises ``TypeError`` for labels of another family.
    #[pyo3(signature = (*values, **named))]
    fn labels<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Gauge>> {
        self.family.child(values, named, |family, handle| {
            Bound::new(values.py(), Gauge { family, handle: Some(handle) })
        })
    }

    /// Removes the series and returns whether it existed. Children of it record nothing any more.
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
        self.family.repr(py, "Gauge")
    }

    /// Returns the object itself: a copy records in the same series.
    fn __copy__<'py>(slf: Bound<'py, Gauge>) -> Bound<'py, Gauge> {
        slf
    }

    /// Returns the object itself, as `copy.copy` does.
    fn __deepcopy__<'py>(slf: Bound<'py, Gauge>, _memo: &Bound<'_, PyAny>) -> Bound<'py, Gauge> {
        slf
    }
}

impl Gauge {
    pub(super) fn new(py: Python<'_>, family: Labelled<ictus::Gauge>) -> PyResult<Bound<'_, Gauge>> {
        let handle = family.only();
        Bound::new(py, Gauge { family, handle })
    }

    /// Returns the handle that records, or an error for a family with labels, whose children
    /// record.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Gauge> {
        self.handle.as_ref().ok_or_else(|| self.family.unlabelled())
    }
}
