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

/// What the directory's segments say now, as Prometheus text.
#[pyfunction]
#[pyo3(signature = (directory, surfaces=None, *, summaries=false))]
pub(crate) fn text(
    py: Python<'_>,
    directory: PathBuf,
    surfaces: Option<Bound<'_, PyAny>>,
    summaries: bool,
) -> PyResult<String> {
    let view = convert::view_of(surfaces.as_ref(), summaries)?;
    let text = py.detach(|| exposition(&directory, &view).map(|shown| expose::text(&shown)));
    log::deliver(py)?;
    text.map_err(|refused| convert::error(&refused))
}

/// Returns what the processes that record in a directory, and those that did, have recorded.
///
/// Raises ``OSError`` where it cannot be read. A directory that does not exist is empty.
#[pyfunction]
pub(crate) fn read(py: Python<'_>, directory: PathBuf) -> PyResult<Snapshot> {
    let snapshot = py.detach(|| Reader::new(directory).snapshot());
    log::deliver(py)?;
    snapshot.map(Snapshot::new).map_err(|refused| convert::error(&refused))
}

/// Every name that any surface gives to a family of the Conductor metrics.
#[pyfunction]
pub(crate) fn shown_names() -> Vec<String> {
    surface::shown_names().into_iter().collect()
}

/// Names and used bytes of the files of `prometheus_client` that are believed.
#[pyfunction]
pub(crate) fn multiprocess_files(
    py: Python<'_>,
    directory: PathBuf,
) -> PyResult<Vec<(String, Bound<'_, PyBytes>)>> {
    let files = py.detach(|| ictus::multiprocess_files(&directory).map(Iterator::collect::<Vec<_>>));
    log::deliver(py)?;
    Ok(files?.into_iter().map(|file| (file.name, PyBytes::new(py, &file.bytes))).collect())
}

/// Moves what dead processes left into the directory's totals, and removes their segments.
#[pyfunction]
pub(crate) fn retire(py: Python<'_>, directory: PathBuf) -> PyResult<()> {
    let read = py.detach(|| Reader::new(directory).snapshot());
    log::deliver(py)?;
    read.map(drop).map_err(|refused| convert::error(&refused))
}

/// Removes what dead processes left, totals included. Gives how many segments.
#[pyfunction]
pub(crate) fn clear(py: Python<'_>, directory: PathBuf) -> PyResult<usize> {
    py.detach(|| ictus::clear(directory)).map_err(|refused| convert::error(&refused))
}

/// Returns the families of an exposition as `(name, help, type, [(sample name, labels, value)])`.
pub(crate) fn families<'py>(py: Python<'py>, shown: &Exposition) -> PyResult<Vec<FamilyTuple<'py>>> {
    let families = shown.families().map(|family| {
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
