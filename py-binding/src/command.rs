//! The `ictus` command.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the `ictus` command with those arguments, the first being its name, and returns its exit
/// code.
#[pyfunction]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> i32 {
    py.detach(|| ictus_exporter::command::run(arguments.into_iter()))
}
