//! From label values to the Python object that records their series: what all metrics share.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
};

use ictus::{Family, host::OncePerProcess, observe::MetricHandle};
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
    described: Arc<Described<H>>,
    children: Children,
    /// The label values of a child.
    values: Option<Py<PyTuple>>,
}

struct Described<H> {
    family: Family<H>,
    name: String,
    label_names: Vec<String>,
    directory: Option<PathBuf>,
    /// Whether a measurement without labels has been logged.
    logged: OncePerProcess,
}

/// By tuples of strings. Its look-ups compare these natively, so nothing but what `dict` itself
/// promises is needed where threads meet. A child does not keep what keeps it: Python would never free both.
enum Children {
    Own(Arc<Py<PyDict>>),
    OfFamily(Weak<Py<PyDict>>),
}

impl Children {
    /// None for a child whose family nobody has any more.
    fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        match self {
            Children::Own(children) => Some(children.bind(py).clone()),
            Children::OfFamily(children) => children.upgrade().map(|children| children.bind(py).clone()),
        }
    }
}

impl<H: MetricHandle> Labelled<H> {
    pub(crate) fn new(
        py: Python<'_>,
        family: Family<H>,
        name: String,
        label_names: Vec<String>,
        directory: Option<PathBuf>,
    ) -> Labelled<H> {
        let logged = OncePerProcess::new();
        let described = Arc::new(Described { family, name, label_names, directory, logged });
        let children = Children::Own(Arc::new(PyDict::new(py).unbind()));
        Labelled { described, children, values: None }
    }

    /// The same for the child with those label values.
    fn of_child(&self, values: &Bound<'_, PyTuple>) -> Labelled<H> {
        let children = match &self.children {
            Children::Own(children) => Arc::downgrade(children),
            Children::OfFamily(children) => Weak::clone(children),
        };
        Labelled {
            described: Arc::clone(&self.described),
            children: Children::OfFamily(children),
            values: Some(values.clone().unbind()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.described.name
    }

    pub(crate) fn label_names(&self) -> &[String] {
        &self.described.label_names
    }

    /// The handle of a family without labels.
    pub(crate) fn only(&self) -> Option<H> {
        if self.described.label_names.is_empty() { self.described.family.labels(&[]).ok() } else { None }
    }

    /// The child with those label values, which `make` makes where there is none.
    pub(crate) fn child<'py, C: PyClass>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
        make: impl FnOnce(Labelled<H>, H) -> PyResult<Bound<'py, C>>,
    ) -> PyResult<Bound<'py, C>> {
        let py = values.py();
        let children = self.children.get(py);
        let key = self.key(values, named)?;
        if let Some(children) = &children
            && let Some(known) = children.get_item(&key)?
        {
            return Ok(known.cast_into::<C>()?);
        }
        let family = &self.described.family;
        let handle = family.labels(&strs(&texts(&key))).map_err(|refused| convert::error(&refused))?;
        let made = make(self.of_child(&key), handle)?;
        if let Some(children) = children.filter(|children| children.len() < MAX_REMEMBERED) {
            children.set_item(key, &made)?;
        }
        Ok(made)
    }

    /// Removes the series with those label values; whether there was one.
    pub(crate) fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<bool> {
        let py = values.py();
        let key = self.key(values, None)?;
        // First: whoever asks for the child from now on gets a new series.
        if let Some(children) = self.children.get(py)
            && children.contains(&key)?
        {
            children.del_item(&key)?;
        }
        let (texts, family) = (texts(&key), &self.described.family);
        // It may wait for the directory's lock.
        py.detach(|| family.remove(&strs(&texts))).map_err(|refused| convert::error(&refused))
    }

    /// Counts a measurement that ended without label values, and logs the first one: where it ends, the
    /// program's function has run, and its exception may be on its way.
    pub(super) fn count_unlabelled(&self) {
        let Described { family, name, label_names, logged, .. } = &*self.described;
        family.count_unlabelled();
        if logged.is_first() {
            ::log::error!(
                target: "ictus",
                "a measurement of {name} was not recorded: it ended without labels; call \
                 labels({}=…) on it before its end",
                label_names.join("=…, ")
            );
        }
    }

    /// `<ictus.Counter name='jobs' labels={'queue': 'mail'} directory='/tmp/metrics'>`; of a family, the
    /// label names alone.
    pub(super) fn repr(&self, py: Python<'_>, class: &str) -> PyResult<String> {
        let Described { name, label_names, directory, .. } = &*self.described;
        let labels = match self.values.as_ref().filter(|_| !label_names.is_empty()) {
            Some(values) => {
                let pairs = PyDict::new(py);
                for (name, value) in label_names.iter().zip(values.bind(py)) {
                    pairs.set_item(name, value)?;
                }
                pairs.repr()?
            }
            None => PyTuple::new(py, label_names)?.repr()?,
        };
        let (name, directory) =
            (PyString::new(py, name).repr()?, convert::path_repr(py, directory.as_deref())?);
        Ok(format!("<ictus.{class} name={name} labels={labels} directory={directory}>"))
    }

    /// The error of recording on all series at once.
    pub(crate) fn unlabelled(&self) -> PyErr {
        let (name, labels) = (&self.described.name, self.described.label_names.join("=…, "));
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
            None if values.len() == self.described.label_names.len() => values.clone(),
            Some(named) if values.is_empty() && named.len() == self.described.label_names.len() => {
                let values = self.described.label_names.iter().map(|name| named.get_item(name));
                let values: Option<Vec<_>> = values.collect::<PyResult<_>>()?;
                PyTuple::new(py, values.ok_or_else(|| self.other_labels())?)?
            }
            _ => return Err(self.other_labels()),
        };
        if given.iter_borrowed().all(|value| value.is_exact_instance_of::<PyString>()) {
            return Ok(given);
        }
        // As `prometheus_client` does: the text of whatever is given.
        let values: Vec<_> = given
            .iter_borrowed()
            .map(|value| Ok(PyString::new(py, &label::text(&value)?)))
            .collect::<PyResult<_>>()?;
        PyTuple::new(py, values)
    }

    fn other_labels(&self) -> PyErr {
        let (name, labels) = (&self.described.name, self.described.label_names.join(", "));
        PyTypeError::new_err(format!(
            "{name} has the labels ({labels}): give a value for each of them, by position or by name"
        ))
    }
}

/// Lone surrogates have no UTF-8, and are replaced.
fn texts(key: &Bound<'_, PyTuple>) -> Vec<String> {
    let text = |value: Bound<'_, PyAny>| Some(label::characters(value.cast().ok()?).into_owned());
    key.iter().filter_map(text).collect()
}

pub(super) fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
