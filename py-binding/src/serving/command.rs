//! The `ictus` command.

use std::{ffi::OsString, thread, time::Duration};

use ictus_exporter::command::run;
use pyo3::prelude::*;

use super::guests::MergeQueue;

const THREAD: &str = "ictus-command";
/// Interval of the checks whether the command has ended.
const END_CHECK: Duration = Duration::from_millis(100);

/// Runs the `ictus` command with those arguments, the first being its name, and returns its exit
/// code. `guests` gives the families of others in a metrics directory.
#[pyfunction]
#[pyo3(signature = (arguments, guests=None))]
pub(crate) fn command(
    py: Python<'_>,
    arguments: Vec<OsString>,
    guests: Option<Bound<'_, PyAny>>,
) -> PyResult<i32> {
    let arguments = arguments.into_iter();
    let Some(function) = guests else { return Ok(py.detach(|| run(arguments, None))) };
    let (mut desk, merge) = MergeQueue::new(None);
    let running =
        thread::Builder::new().name(THREAD.to_owned()).spawn(move || run(arguments, Some(&merge)))?;
    while !running.is_finished() && desk.attend(&function, END_CHECK)? {}
    // The thread itself has reported a panic.
    Ok(py.detach(|| running.join()).unwrap_or(1))
}
