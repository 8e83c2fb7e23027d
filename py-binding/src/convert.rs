//! The core's errors and choices in Python's terms.

use ictus::{Error, surface::View};
use pyo3::{
    PyErr, PyResult,
    exceptions::{PyOSError, PyValueError},
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
