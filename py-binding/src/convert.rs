//! The core's errors and choices in Python's terms.

use ictus::{Error, surface::View};
use ictus_exporter::Format;
use pyo3::{
    exceptions::{PyOSError, PyOverflowError, PyValueError},
    prelude::*,
};

/// What the system refused is an `OSError`; everything else is the caller's mistake.
pub(crate) fn error(error: &Error) -> PyErr {
    match error {
        Error::Io { .. } => PyOSError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// What a sink was refused.
pub(crate) fn sink_error(error: &ictus_exporter::Error) -> PyErr {
    match error {
        ictus_exporter::Error::Read(read) => self::error(read),
        _ => PyOSError::new_err(error.to_string()),
    }
}

/// The view of the surfaces so named; the default view where none are.
pub(crate) fn view(surfaces: Option<&[String]>, summaries: bool) -> PyResult<View> {
    let names = surfaces.unwrap_or_default().join(",");
    let mut view: View = names.parse().map_err(|refused| error(&refused))?;
    view.summaries = summaries;
    Ok(view)
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
