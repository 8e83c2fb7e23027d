//! The `ictus` command.

use std::{ffi::OsString, thread, time::Duration};

use ictus_exporter::command::run;
use pyo3::prelude::*;

use super::merge_queue::MergeQueue;

const THREAD_NAME: &str = "ictus-command";
/// Interval of the checks whether the command has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the `ictus` command and returns its exit status. The first argument is the command's name.
/// `user_families` returns the families that programs recorded in a metrics directory with
/// `prometheus_client`.
#[pyfunction]
#[pyo3(signature = (arguments, user_families=None))]
pub(crate) fn command(
    py: Python<'_>,
    arguments: Vec<OsString>,
    user_families: Option<Bound<'_, PyAny>>,
) -> PyResult<i32> {
    let arguments = arguments.into_iter();
    let Some(function) = user_families else { return Ok(py.detach(|| run(arguments, None))) };
    let (mut queue, merge) = MergeQueue::new(None);
    let command =
        thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || run(arguments, Some(&merge)))?;
    while !command.is_finished() && queue.poll(&function, POLL_INTERVAL)? {}
    // The thread itself has reported a panic.
    Ok(py.detach(|| command.join()).unwrap_or(1))
}
