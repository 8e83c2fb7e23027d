//! A cache from label values to the Python object that records their series. All metric classes
//! share it.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
};

use ictus::{Family, host::LogOnce, observe::MetricHandle};
use pyo3::{
    PyClass,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

use crate::{convert, label};

/// Maximum number of children cached per family. The core bounds the series of a family; all
/// further label sets share the overflow series. Caching each of those would use the memory that
/// the bound saves.
const MAX_REMEMBERED: usize = 4096;

/// A family of series and the Python objects that record them.
pub(crate) struct Labelled<H> {
    described: Arc<Described<H>>,
    children: Children,
    /// The label values of a child; `None` for the family itself.
    values: Option<Py<PyTuple>>,
}

struct Described<H> {
    family: Family<H>,
    name: String,
    label_names: Vec<String>,
    directory: Option<PathBuf>,
    /// Logs a measurement without labels.
    unlabelled_log: LogOnce,
}

/// The children of a family in a `dict`, by tuples of strings.
///
/// `dict` compares these keys natively, so threads need no guarantee beyond those of `dict` itself.
/// A child holds only a weak reference to the dictionary that contains it. With a strong one Python
/// would never free either.
enum Children {
    Own(Arc<Py<PyDict>>),
    OfFamily(Weak<Py<PyDict>>),
}

impl Children {
    /// Returns the dictionary, or `None` for a child whose family was freed.
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
        let unlabelled_log = LogOnce::new();
        let described = Arc::new(Described { family, name, label_names, directory, unlabelled_log });
        let children = Children::Own(Arc::new(PyDict::new(py).unbind()));
        Labelled { described, children, values: None }
    }

    /// Returns this family for the child with these label values.
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

    /// Returns the handle of a family without labels, and `None` for a family with labels.
    pub(crate) fn only(&self) -> Option<H> {
        if self.described.label_names.is_empty() { self.described.family.labels(&[]).ok() } else { None }
    }

    /// Returns the child with these label values. Calls `make` if it is not cached.
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

    /// Removes the series with these label values. Returns whether it existed.
    pub(crate) fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<bool> {
        let py = values.py();
        let key = self.key(values, None)?;
        // The child leaves the cache first, so that a later request for it creates a new series.
        if let Some(children) = self.children.get(py)
            && children.contains(&key)?
        {
            children.del_item(&key)?;
        }
        let (texts, family) = (texts(&key), &self.described.family);
        // The removal may wait for the lock of the directory.
        py.detach(|| family.remove(&strs(&texts))).map_err(|refused| convert::error(&refused))
    }

    /// Counts a measurement that ended without label values, and logs the first one. It raises no
    /// exception, because the program's function has already run and may have raised its own.
    pub(super) fn count_unlabelled(&self) {
        let Described { family, name, label_names, unlabelled_log, .. } = &*self.described;
        family.count_unlabelled();
        if unlabelled_log.is_first() {
            ::log::error!(
                target: "ictus",
                "a measurement of {name} was not recorded: it ended without labels; call \
                 labels({}=…) on it before its end",
                label_names.join("=…, ")
            );
        }
    }

    /// Returns the `repr`: class, name, labels and directory. A child shows its label values, a
    /// family its label names only.
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

    /// Returns the error of recording on a family that has labels.
    pub(crate) fn unlabelled(&self) -> PyErr {
        let (name, labels) = (&self.described.name, self.described.label_names.join("=…, "));
        PyValueError::new_err(format!("{name} has labels: say which series, as {name}.labels({labels}=…)"))
    }

    /// Returns the label values as exact strings, in the order of the family's label names.
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
        // Any object is a label value, by its text, as in `prometheus_client`.
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

/// Returns the label values as text. Lone surrogates cannot be encoded in UTF-8 and are replaced.
fn texts(key: &Bound<'_, PyTuple>) -> Vec<String> {
    let text = |value: Bound<'_, PyAny>| Some(label::characters(value.cast().ok()?).into_owned());
    key.iter().filter_map(text).collect()
}

pub(super) fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
