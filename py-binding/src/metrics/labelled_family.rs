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
const MAX_CACHED_CHILDREN: usize = 4096;

/// A family of series and the Python objects that record them.
pub(crate) struct LabelledFamily<H> {
    info: Arc<FamilyInfo<H>>,
    children: Children,
    /// The label values of a child; `None` for the family itself.
    values: Option<Py<PyTuple>>,
}

struct FamilyInfo<H> {
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
    Owned(Arc<Py<PyDict>>),
    Shared(Weak<Py<PyDict>>),
}

impl Children {
    /// Returns the dictionary, or `None` for a child whose family was freed.
    fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        match self {
            Children::Owned(children) => Some(children.bind(py).clone()),
            Children::Shared(children) => children.upgrade().map(|children| children.bind(py).clone()),
        }
    }
}

impl<H: MetricHandle> LabelledFamily<H> {
    pub(crate) fn new(
        py: Python<'_>,
        family: Family<H>,
        name: String,
        label_names: Vec<String>,
        directory: Option<PathBuf>,
    ) -> LabelledFamily<H> {
        let unlabelled_log = LogOnce::new();
        let info = Arc::new(FamilyInfo { family, name, label_names, directory, unlabelled_log });
        let children = Children::Owned(Arc::new(PyDict::new(py).unbind()));
        LabelledFamily { info, children, values: None }
    }

    /// Returns this family for the child with these label values.
    fn for_child(&self, values: &Bound<'_, PyTuple>) -> LabelledFamily<H> {
        let children = match &self.children {
            Children::Owned(children) => Arc::downgrade(children),
            Children::Shared(children) => Weak::clone(children),
        };
        LabelledFamily {
            info: Arc::clone(&self.info),
            children: Children::Shared(children),
            values: Some(values.clone().unbind()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.info.name
    }

    pub(crate) fn label_names(&self) -> &[String] {
        &self.info.label_names
    }

    /// Returns the handle of a family without labels, and `None` for a family with labels.
    pub(crate) fn unlabelled_handle(&self) -> Option<H> {
        if self.info.label_names.is_empty() { self.info.family.labels(&[]).ok() } else { None }
    }

    /// Returns the child with these label values. Calls `create` if it is not cached.
    pub(crate) fn child<'py, C: PyClass>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
        create: impl FnOnce(LabelledFamily<H>, H) -> PyResult<Bound<'py, C>>,
    ) -> PyResult<Bound<'py, C>> {
        let py = values.py();
        let children = self.children.get(py);
        let key = self.child_key(values, named)?;
        if let Some(children) = &children
            && let Some(child) = children.get_item(&key)?
        {
            return Ok(child.cast_into::<C>()?);
        }
        let family = &self.info.family;
        let handle = family.labels(&as_strs(&texts(&key))).map_err(|cause| convert::error(&cause))?;
        let child = create(self.for_child(&key), handle)?;
        if let Some(children) = children.filter(|children| children.len() < MAX_CACHED_CHILDREN) {
            children.set_item(key, &child)?;
        }
        Ok(child)
    }

    /// Removes the series with these label values. Returns whether it existed.
    pub(crate) fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<bool> {
        let py = values.py();
        let key = self.child_key(values, None)?;
        // The child leaves the cache first, so that a later request for it creates a new series.
        if let Some(children) = self.children.get(py)
            && children.contains(&key)?
        {
            children.del_item(&key)?;
        }
        let (texts, family) = (texts(&key), &self.info.family);
        // The removal may wait for the lock of the directory.
        py.detach(|| family.remove(&as_strs(&texts))).map_err(|cause| convert::error(&cause))
    }

    /// Counts a measurement that ended without label values, and logs the first one. It raises no
    /// exception, because the program's function has already run and may have raised its own.
    pub(super) fn count_unlabelled(&self) {
        let FamilyInfo { family, name, label_names, unlabelled_log, .. } = &*self.info;
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
        let FamilyInfo { name, label_names, directory, .. } = &*self.info;
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
    pub(crate) fn missing_labels_error(&self) -> PyErr {
        let (name, labels) = (&self.info.name, self.info.label_names.join("=…, "));
        PyValueError::new_err(format!("{name} has labels: choose a series with {name}.labels({labels}=…)"))
    }

    /// Returns the label values as exact strings, in the order of the family's label names.
    fn child_key<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = values.py();
        let given = match named.filter(|named| !named.is_empty()) {
            None if values.len() == self.info.label_names.len() => values.clone(),
            Some(named) if values.is_empty() && named.len() == self.info.label_names.len() => {
                let values = self.info.label_names.iter().map(|name| named.get_item(name));
                let values: Option<Vec<_>> = values.collect::<PyResult<_>>()?;
                PyTuple::new(py, values.ok_or_else(|| self.wrong_labels_error())?)?
            }
            _ => return Err(self.wrong_labels_error()),
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

    fn wrong_labels_error(&self) -> PyErr {
        let (name, labels) = (&self.info.name, self.info.label_names.join(", "));
        PyTypeError::new_err(format!(
            "{name} has the labels ({labels}): give a value for each of them, by position or by name"
        ))
    }
}

/// Returns the label values as text. Lone surrogates cannot be encoded in UTF-8 and are replaced.
fn texts(key: &Bound<'_, PyTuple>) -> Vec<String> {
    let text = |value: Bound<'_, PyAny>| Some(label::lossy_str(value.cast().ok()?).into_owned());
    key.iter().filter_map(text).collect()
}

pub(super) fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
