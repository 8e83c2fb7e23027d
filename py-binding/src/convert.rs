//! The core's errors and choices in Python's terms.

use std::{io, path::Path};

use ictus::{Error, surface::View};
use ictus_exporter::Format;
use pyo3::{
    exceptions::{PyOSError, PyOverflowError, PyValueError},
    prelude::*,
    types::PyString,
};

use crate::arguments;

/// What the system refused is an `OSError`; everything else is the caller's mistake.
pub(crate) fn error(error: &Error) -> PyErr {
    match error {
        Error::Io { path, action, source } => {
            os_error(source, Some(path), &format!("cannot {action}"), &error.to_string())
        }
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// The subclass of `OSError` that belongs to the error, with `errno` and `filename`. `whole` is the text where
/// the error has no number.
fn os_error(source: &io::Error, path: Option<&Path>, doing: &str, whole: &str) -> PyErr {
    let Some(number) = source.raw_os_error().or_else(|| number(source.kind())) else {
        return PyOSError::new_err(whole.to_owned());
    };
    let text = source.to_string();
    // Python shows the number by itself.
    let text = text.split(" (os error ").next().unwrap_or(&text);
    match path {
        Some(path) => PyOSError::new_err((number, format!("{doing}: {text}"), path.as_os_str().to_owned())),
        None => PyOSError::new_err((number, format!("{doing}: {text}"))),
    }
}

/// The system's number for an error that was found without the system.
fn number(kind: io::ErrorKind) -> Option<i32> {
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

/// What a sink was refused.
pub(crate) fn sink_error(error: &ictus_exporter::Error) -> PyErr {
    match error {
        ictus_exporter::Error::Read(read) => self::error(read),
        ictus_exporter::Error::Bind { source, .. } | ictus_exporter::Error::Start(source) => {
            os_error_of(error, source, None)
        }
        ictus_exporter::Error::Write { path, source } => os_error_of(error, source, Some(path)),
        ictus_exporter::Error::NotAFile { path } => {
            PyOSError::new_err((22, error.to_string(), path.as_os_str().to_owned()))
        }
        _ => PyOSError::new_err(error.to_string()),
    }
}

/// The same with the sink's own text, which has the remedy.
fn os_error_of(error: &ictus_exporter::Error, source: &io::Error, path: Option<&Path>) -> PyErr {
    let text = error.to_string();
    let Some(number) = source.raw_os_error().or_else(|| number(source.kind())) else {
        return PyOSError::new_err(text);
    };
    let text = text.replace(&format!(" (os error {number})"), "");
    match path {
        Some(path) => PyOSError::new_err((number, text, path.as_os_str().to_owned())),
        None => PyOSError::new_err((number, text)),
    }
}

/// The same, of what a Python caller gave.
pub(crate) fn view_of(surfaces: Option<&Bound<'_, PyAny>>, summaries: bool) -> PyResult<View> {
    let names = surfaces.map(|given| arguments::strings("surfaces", given)).transpose()?;
    view(names.as_deref(), summaries)
}

/// The view of the surfaces so named; the default view where none are.
pub(crate) fn view(surfaces: Option<&[String]>, summaries: bool) -> PyResult<View> {
    let names = surfaces.unwrap_or_default().join(",");
    let mut view: View = names.parse().map_err(|refused| error(&refused))?;
    view.summaries = summaries;
    Ok(view)
}

/// The text of a path in a `repr`, or `None`.
pub(crate) fn path_repr(py: Python<'_>, path: Option<&Path>) -> PyResult<String> {
    match path {
        Some(path) => Ok(PyString::new(py, &path.to_string_lossy()).repr()?.to_string()),
        None => Ok("None".to_owned()),
    }
}

/// The format of that name.
pub(crate) fn format(name: &str) -> PyResult<Format> {
    match name {
        "text" => Ok(Format::Text),
        "openmetrics" => Ok(Format::OpenMetrics),
        "protobuf" => Ok(Format::Protobuf),
        _ => {
            let refusal = format!("format {name:?} is not known: try 'text', 'openmetrics' or 'protobuf'");
            Err(PyValueError::new_err(refusal))
        }
    }
}

/// The Python module through which this one imports others.
pub(crate) fn imports(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("ictus._imports")
}

/// A value to record. A whole number beyond all floats is infinite, which the core rejects and counts;
/// what is no number at all is the caller's mistake.
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
