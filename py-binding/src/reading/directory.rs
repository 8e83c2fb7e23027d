//! Functions that read a metrics directory, as text or as plain data for other libraries.
//!
//! Each call creates its own reader. No lock outlives the call, so none can be held across a fork.

use std::path::{Path, PathBuf};

use ictus::{
    Reader, expose,
    surface::{self, Exposition, View},
};
use pyo3::{
    prelude::*,
    types::{IntoPyDict, PyBytes, PyDict},
};

use super::snapshot::Snapshot;
use crate::{convert, log};

/// A family as a Python tuple: name, help, type, samples.
pub(crate) type FamilyTuple<'py> = (String, String, &'static str, Vec<(String, Bound<'py, PyDict>, f64)>);

/// Returns the metrics of the directory in the Prometheus text format.
#[pyfunction]
#[pyo3(signature = (directory, surfaces=None, *, summaries=false))]
pub(crate) fn text(
    py: Python<'_>,
    directory: PathBuf,
    surfaces: Option<Bound<'_, PyAny>>,
    summaries: bool,
) -> PyResult<String> {
    let view = convert::view_from_argument(surfaces.as_ref(), summaries)?;
    let text = py.detach(|| exposition(&directory, &view).map(|exposition| expose::text(&exposition)));
    log::flush(py)?;
    text.map_err(|cause| convert::error(&cause))
}

/// Returns the data that all processes, running and ended, have recorded in a directory.
///
/// A directory that does not exist is empty. Raises ``OSError`` if the directory cannot be read.
#[pyfunction]
pub(crate) fn read(py: Python<'_>, directory: PathBuf) -> PyResult<Snapshot> {
    let snapshot = py.detach(|| Reader::new(directory).snapshot());
    log::flush(py)?;
    snapshot.map(Snapshot::new).map_err(|cause| convert::error(&cause))
}

/// Returns the names of the Conductor metrics on all surfaces.
#[pyfunction]
pub(crate) fn shown_names() -> Vec<String> {
    surface::shown_names().into_iter().collect()
}

/// Returns names and used bytes of the trusted files of ``prometheus_client``.
#[pyfunction]
pub(crate) fn multiprocess_files(
    py: Python<'_>,
    directory: PathBuf,
) -> PyResult<Vec<(String, Bound<'_, PyBytes>)>> {
    let files = py.detach(|| ictus::multiprocess_files(&directory).map(Iterator::collect::<Vec<_>>));
    log::flush(py)?;
    let files = files.map_err(|cause| convert::error(&cause))?;
    Ok(files.into_iter().map(|file| (file.name, PyBytes::new(py, &file.bytes))).collect())
}

/// Moves the data of ended processes into the directory's totals, and removes their segments.
#[pyfunction]
pub(crate) fn retire(py: Python<'_>, directory: PathBuf) -> PyResult<()> {
    let snapshot = py.detach(|| Reader::new(directory).snapshot());
    log::flush(py)?;
    snapshot.map(drop).map_err(|cause| convert::error(&cause))
}

/// Removes the data of ended processes, including totals. Returns the number of removed segments.
#[pyfunction]
pub(crate) fn clear(py: Python<'_>, directory: PathBuf) -> PyResult<usize> {
    py.detach(|| ictus::clear(directory)).map_err(|cause| convert::error(&cause))
}

/// Returns the families of an exposition as `(name, help, type, [(sample name, labels, value)])`.
pub(crate) fn families<'py>(py: Python<'py>, exposition: &Exposition) -> PyResult<Vec<FamilyTuple<'py>>> {
    let families = exposition.families().map(|family| {
        let samples = family.samples().map(|sample| {
            let name = format!("{}{}", family.name, sample.suffix);
            Ok((name, sample.labels().into_py_dict(py)?, sample.value))
        });
        let samples = samples.collect::<PyResult<_>>()?;
        Ok((family.name.clone(), family.help.clone(), family.shown_type.as_str(), samples))
    });
    families.collect()
}

fn exposition(directory: &Path, view: &View) -> ictus::Result<Exposition> {
    Ok(Exposition::new(&Reader::new(directory).snapshot()?, view))
}
