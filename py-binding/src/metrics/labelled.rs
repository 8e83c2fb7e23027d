//! From label values to the Python object that records their series: what all metrics share.

use ictus::{Family, observe::Metric};
use pyo3::{
    PyClass,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

use crate::{convert, label};

/// Children remembered per family. The core bounds its series; label sets beyond that bound all share
/// one series, and remembering each of them would leak what the bound has saved.
const MAX_REMEMBERED: usize = 4096;

/// A family of series, and the objects that record them.
pub(crate) struct Labelled<H> {
    family: Family<H>,
    name: String,
    label_names: Vec<String>,
    /// By tuples of strings. Its look-ups compare these natively, so nothing but what `dict` itself
    /// promises is needed where threads meet.
    children: Py<PyDict>,
}

impl<H: Metric> Labelled<H> {
    pub(crate) fn new(
        py: Python<'_>,
        family: Family<H>,
        name: String,
        label_names: Vec<String>,
    ) -> Labelled<H> {
        Labelled { family, name, label_names, children: PyDict::new(py).unbind() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn label_names(&self) -> &[String] {
        &self.label_names
    }

    /// The handle of a family without labels.
    pub(crate) fn only(&self) -> Option<H> {
        if self.label_names.is_empty() { self.family.labels(&[]).ok() } else { None }
    }

    /// The child with those label values, which `make` makes where there is none.
    pub(crate) fn child<'py, C: PyClass>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
        make: impl FnOnce(H) -> PyResult<Bound<'py, C>>,
    ) -> PyResult<Bound<'py, C>> {
        let py = values.py();
        let children = self.children.bind(py);
        let key = self.key(values, named)?;
        if let Some(known) = children.get_item(&key)? {
            return Ok(known.cast_into::<C>()?);
        }
        let made =
            make(self.family.labels(&strs(&texts(&key))).map_err(|refused| convert::error(&refused))?)?;
        if children.len() < MAX_REMEMBERED {
            children.set_item(key, &made)?;
        }
        Ok(made)
    }

    /// Removes the series with those label values; whether there was one.
    pub(crate) fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<bool> {
        let py = values.py();
        let key = self.key(values, None)?;
        // First: whoever asks for the child from now on gets a new series.
        let children = self.children.bind(py);
        if children.contains(&key)? {
            children.del_item(&key)?;
        }
        let texts = texts(&key);
        // It may wait for the directory's lock.
        py.detach(|| self.family.remove(&strs(&texts))).map_err(|refused| convert::error(&refused))
    }

    /// What to say to somebody who records on all series at once.
    pub(crate) fn unlabelled(&self) -> PyErr {
        let (name, labels) = (&self.name, self.label_names.join("=…, "));
        PyValueError::new_err(format!("{name} has labels: say which series, as {name}.labels({labels}=…)"))
    }

    /// The label values as exact strings, in the order of the family's label names.
    fn key<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = values.py();
        let given = match named.filter(|named| !named.is_empty()) {
            None if values.len() == self.label_names.len() => values.clone(),
            Some(named) if values.is_empty() && named.len() == self.label_names.len() => {
                let values = self.label_names.iter().map(|name| named.get_item(name));
                let values: Option<Vec<_>> = values.collect::<PyResult<_>>()?;
                PyTuple::new(py, values.ok_or_else(|| self.other_labels())?)?
            }
            _ => return Err(self.other_labels()),
        };
        if given.iter_borrowed().all(|value| value.is_exact_instance_of::<PyString>()) {
            return Ok(given);
        }
        // As `prometheus_client` does: the text of whatever is given.
        let values: Vec<_> =
            given.iter_borrowed().map(|value| PyString::new(py, &label::text(&value))).collect();
        PyTuple::new(py, values)
    }

    fn other_labels(&self) -> PyErr {
        let (name, labels) = (&self.name, self.label_names.join(", "));
        PyTypeError::new_err(format!(
            "{name} has the labels ({labels}): give a value for each of them, by position or by name"
        ))
    }
}

/// Lone surrogates have no UTF-8, and are replaced.
fn texts(key: &Bound<'_, PyTuple>) -> Vec<String> {
    key.iter_borrowed().map(|value| label::text(&value).into_owned()).collect()
}

pub(super) fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
