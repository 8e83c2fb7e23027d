//! The class `Counter`.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::labelled::Labelled;
use crate::convert::{Number, imports};

/// A total that only grows. In a family with labels, the children record: see ``labels``.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Counter {
    family: Labelled<ictus::Counter>,
    /// What records, in a series' object and in that of a family without labels.
    handle: Option<ictus::Counter>,
}

#[pymethods]
impl Counter {
    /// Adds ``amount`` to the total. A negative or non-finite amount is rejected and counted.
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
        imports(slf.py())?.call_method0("around")?.getattr("Exceptions")?.call1((slf, exception))
    }

    /// Returns the series with these label values, by position or by name. Keep it in hot loops.
    ///
    /// Any object is a label value, as its ``str``. Raises ``TypeError`` for labels of another family.
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

    /// Removes the series and returns whether it existed. Children of it record nothing any more.
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
    pub(super) fn new(py: Python<'_>, family: Labelled<ictus::Counter>) -> PyResult<Bound<'_, Counter>> {
        let handle = family.only();
        Bound::new(py, Counter { family, handle })
    }

    /// Returns the handle that records, or an error for a family with labels, whose children
    /// record.
    #[inline]
    fn handle(&self) -> PyResult<&ictus::Counter> {
        self.handle.as_ref().ok_or_else(|| self.family.unlabelled())
    }
}
