//! The class `Gauge`.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::labelled_family::LabelledFamily;
use crate::convert::{Number, imports};

/// A value that can increase and decrease. If the family has labels, record on a child: see ``labels``.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Gauge {
    family: LabelledFamily<ictus::Gauge>,
    /// The handle that records. `None` in a family with labels, whose children record.
    handle: Option<ictus::Gauge>,
}

#[pymethods]
impl Gauge {
    /// Sets this process's value. A non-finite value is rejected and counted.
    ///
    /// Raises ``ValueError`` on a family with labels: call ``labels`` first.
    fn set(&self, value: Number) -> PyResult<()> {
        self.handle()?.set(value.0);
        Ok(())
    }

    /// Adds ``amount`` to this process's value. Errors are those of ``set``.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(amount.0);
        Ok(())
    }

    /// Subtracts ``amount`` from this process's value. Errors are those of ``set``.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn dec(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(-amount.0);
        Ok(())
    }

    /// Adds one while a ``with`` block or a decorated function runs.
    fn track_inprogress<'py>(slf: &Bound<'py, Gauge>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().handle()?;
        imports(slf.py())?.call_method0("decorators")?.getattr("InProgress")?.call1((slf,))
    }

    /// Returns the child that records the series with these label values, by position or by name.
    ///
    /// A label value can be any object, whose ``str`` is used. In hot loops, store the child. Raises
    /// ``TypeError`` if the labels are not those of the family.
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
    pub(super) fn new(py: Python<'_>, family: LabelledFamily<ictus::Gauge>) -> PyResult<Bound<'_, Gauge>> {
        let handle = family.unlabelled_handle();
        Bound::new(py, Gauge { family, handle })
    }

    /// Returns the handle that records, or an error for a family with labels, whose children
    /// record.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Gauge> {
        self.handle.as_ref().ok_or_else(|| self.family.missing_labels_error())
    }
}
