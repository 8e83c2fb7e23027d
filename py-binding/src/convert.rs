//! Conversions between the core's types and Python's: errors, views, formats and numbers.

use std::{io, path::Path};

use ictus::{Error, surface::View};
use ictus_exporter::Format;
use pyo3::{
    exceptions::{PyOSError, PyOverflowError, PyValueError},
    prelude::*,
    types::PyString,
};

use crate::arguments;

/// Converts an error of the core: to an `OSError` for a failed system call, to a `ValueError` for
/// anything else.
pub(crate) fn error(error: &Error) -> PyErr {
    match error {
        Error::Io { path, action, source, .. } => {
            os_error(source, Some(path), &format!("cannot {action}"), &error.to_string())
        }
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// Returns the subclass of `OSError` that belongs to the error, with `errno` and `filename`. The
/// text is `message` if the error has no number; otherwise it ends with the remedy in `message`.
fn os_error(source: &io::Error, path: Option<&Path>, action: &str, message: &str) -> PyErr {
    let Some(errno) = source.raw_os_error().or_else(|| errno(source.kind())) else {
        return PyOSError::new_err(message.to_owned());
    };
    let text = source.to_string();
    let remedy = message.split_once(&text).map_or("", |(_, remedy)| remedy);
    // Python itself shows the number.
    let text = text.split(" (os error ").next().unwrap_or(&text);
    match path {
        Some(path) => {
            PyOSError::new_err((errno, format!("{action}: {text}{remedy}"), path.as_os_str().to_owned()))
        }
        None => PyOSError::new_err((errno, format!("{action}: {text}{remedy}"))),
    }
}

/// Returns the Linux `errno` for an error that did not come from a system call.
fn errno(kind: io::ErrorKind) -> Option<i32> {
    use io::ErrorKind;
    Some(match kind {
        ErrorKind::NotFound => 2,
        ErrorKind::PermissionDenied => 13,
        ErrorKind::AlreadyExists => 17,
        ErrorKind::NotADirectory => 20,
        ErrorKind::IsADirectory => 21,
        ErrorKind::InvalidInput => 22,
        ErrorKind::StorageFull => 28,
        ErrorKind::ReadOnlyFilesystem => 30,
        ErrorKind::Unsupported => 95,
        ErrorKind::AddrInUse => 98,
        ErrorKind::AddrNotAvailable => 99,
        _ => return None,
    })
}

/// Converts an error of the exporter to a Python exception.
pub(crate) fn exporter_error(error: &ictus_exporter::Error) -> PyErr {
    match error {
        ictus_exporter::Error::Read(read) => self::error(read),
        ictus_exporter::Error::Bind { source, .. } | ictus_exporter::Error::Start(source) => {
            exporter_os_error(error, source, None)
        }
        ictus_exporter::Error::Write { path, source, .. } => exporter_os_error(error, source, Some(path)),
        ictus_exporter::Error::NotAFile { path, .. } => {
            PyOSError::new_err((22, error.to_string(), path.as_os_str().to_owned()))
        }
        _ => PyOSError::new_err(error.to_string()),
    }
}

/// Does the same as [`os_error`] with the exporter's text, which contains the remedy.
fn exporter_os_error(error: &ictus_exporter::Error, source: &io::Error, path: Option<&Path>) -> PyErr {
    let text = error.to_string();
    let Some(errno) = source.raw_os_error().or_else(|| errno(source.kind())) else {
        return PyOSError::new_err(text);
    };
    let text = text.replace(&format!(" (os error {errno})"), "");
    match path {
        Some(path) => PyOSError::new_err((errno, text, path.as_os_str().to_owned())),
        None => PyOSError::new_err((errno, text)),
    }
}

/// Does the same as [`view`] with the `surfaces` argument of a Python call.
pub(crate) fn view_from_argument(surfaces: Option<&Bound<'_, PyAny>>, summaries: bool) -> PyResult<View> {
    let names = surfaces.map(|given| arguments::strings("surfaces", given)).transpose()?;
    view(names.as_deref(), summaries)
}

/// Returns the view of the named surfaces, or the default view if there are none.
pub(crate) fn view(surfaces: Option<&[String]>, summaries: bool) -> PyResult<View> {
    let names = surfaces.unwrap_or_default().join(",");
    let mut view: View = names.parse().map_err(|cause| error(&cause))?;
    view.summaries = summaries;
    Ok(view)
}

/// Returns the `repr` of a path as a Python string, or `None` as text.
pub(crate) fn path_repr(py: Python<'_>, path: Option<&Path>) -> PyResult<String> {
    match path {
        Some(path) => Ok(PyString::new(py, &path.to_string_lossy()).repr()?.to_string()),
        None => Ok("None".to_owned()),
    }
}

/// Returns the format with this name.
pub(crate) fn format(name: &str) -> PyResult<Format> {
    match name {
        "text" => Ok(Format::Text),
        "openmetrics" => Ok(Format::OpenMetrics),
        "protobuf" => Ok(Format::Protobuf),
        _ => {
            let message = format!("unknown format {name:?}: use 'text', 'openmetrics' or 'protobuf'");
            Err(PyValueError::new_err(message))
        }
    }
}

/// Returns the Python module through which this crate imports other modules.
pub(crate) fn imports(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("ictus._imports")
}

/// A value to record. A whole number that no float can hold becomes infinity, which the core
/// rejects and counts. The conversion of any other object fails with Python's own error.
pub(crate) struct Number(pub(crate) f64);

impl<'py> FromPyObject<'_, 'py> for Number {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Number> {
        match object.extract() {
            Ok(number) => Ok(Number(number)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => Ok(Number(f64::INFINITY)),
            Err(error) => Err(error),
        }
    }
}
