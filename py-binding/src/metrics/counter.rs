//! The class `Counter`.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::labelled_family::LabelledFamily;
use crate::convert::{Number, imports};

/// A total that only increases. If the family has labels, record on a child: see ``labels``.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Counter {
    family: LabelledFamily<ictus::Counter>,
    /// The handle that records. `None` in a family with labels, whose children record.
    handle: Option<ictus::Counter>,
}

#[pymethods]
impl Counter {
    /// Adds ``amount`` to the total. A negative or non-finite amount is rejected and counted.
    ///
    /// Raises ``ValueError`` on a family with labels: call ``labels`` first.
    #[pyo3(signature = (amount=Number(1.0)), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Number) -> PyResult<()> {
        self.handle()?.add(amount.0);
        Ok(())
    }

    /// Counts the exceptions that leave a ``with`` block or a decorated function.
    ///
    /// ``exception`` is a class or a tuple of classes; by default, ``Exception``.
    #[pyo3(signature = (exception=None))]
    fn count_exceptions<'py>(
        slf: &Bound<'py, Counter>,
        exception: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().handle()?;
        imports(slf.py())?.call_method0("decorators")?.getattr("Exceptions")?.call1((slf, exception))
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
    ) -> PyResult<Bound<'py, Counter>> {
        self.family.child(values, named, |family, handle| {
            Bound::new(values.py(), Counter { family, handle: Some(handle) })
        })
    }

    /// Removes the series with these label values. Returns whether it existed.
    ///
    /// Existing children of this series record nothing from then on.
    #[pyo3(signature = (*values))]
    fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<bool> {
        self.family.remove(values)
    }

    /// The family's name, without ``_total``.
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
        self.family.repr(py, "Counter")
    }

    /// Returns the object itself: a copy records in the same series.
    fn __copy__<'py>(slf: Bound<'py, Counter>) -> Bound<'py, Counter> {
        slf
    }

    /// Returns the object itself, as `copy.copy` does.
    fn __deepcopy__<'py>(slf: Bound<'py, Counter>, _memo: &Bound<'_, PyAny>) -> Bound<'py, Counter> {
        slf
    }
}

impl Counter {
    pub(super) fn new(
        py: Python<'_>,
        family: LabelledFamily<ictus::Counter>,
    ) -> PyResult<Bound<'_, Counter>> {
        let handle = family.unlabelled_handle();
        Bound::new(py, Counter { family, handle })
    }

    /// Returns the handle that records, or an error for a family with labels, whose children
    /// record.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Counter> {
        self.handle.as_ref().ok_or_else(|| self.family.missing_labels_error())
    }
}
