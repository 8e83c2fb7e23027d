//! The provider's two modes: the exporter's sinks, run from Python until a signal ends them.
//!
//! The sinks work on threads of their own, which never touch Python. The calling thread only lets
//! Python's signal handlers run, and passes on what the sinks have logged.

use std::{
    convert::Infallible,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    thread,
    time::Duration,
};

use ictus_exporter::{Source, file, http};
use pyo3::{exceptions::PyOSError, prelude::*};

use crate::{convert, log};

/// How long a signal may wait for its Python handler.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

/// Writes the directory's exposition to `path` every `interval` seconds, until a signal ends the
/// process or its handler raises.
#[pyfunction]
#[pyo3(signature = (directory, path, interval, surfaces=None, *, summaries=false))]
pub(crate) fn write_loop(
    py: Python<'_>,
    directory: PathBuf,
    path: PathBuf,
    interval: f64,
    surfaces: Option<Vec<String>>,
    summaries: bool,
) -> PyResult<()> {
    log::keep();
    let view = convert::view(surfaces.as_deref(), summaries)?;
    // What is no duration is as short as the loop allows.
    let interval = Duration::try_from_secs_f64(interval).unwrap_or_default();
    let source = Source::new(directory).with_view(view);
    let running =
        file::Loop::new(source, path, interval).start().map_err(|refused| convert::sink_error(&refused))?;
    let Err(raised) = until_raised(py);
    py.detach(|| drop(running));
    Err(raised)
}

/// Serves the directory's exposition over HTTP, until a signal ends the process or its handler
/// raises. An empty host is all interfaces.
#[pyfunction]
#[pyo3(signature = (directory, port, host="", surfaces=None, *, summaries=false))]
pub(crate) fn serve(
    py: Python<'_>,
    directory: PathBuf,
    port: u16,
    host: &str,
    surfaces: Option<Vec<String>>,
    summaries: bool,
) -> PyResult<()> {
    log::keep();
    let view = convert::view(surfaces.as_deref(), summaries)?;
    let source = Source::new(directory).with_view(view);
    let server =
        http::Server::start(source, address(host, port)?).map_err(|refused| convert::sink_error(&refused))?;
    let Err(raised) = until_raised(py);
    py.detach(|| drop(server));
    Err(raised)
}

fn address(host: &str, port: u16) -> PyResult<SocketAddr> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|refused| PyOSError::new_err(format!("cannot listen on {host}: {refused}")))?;
    found.next().ok_or_else(|| PyOSError::new_err(format!("{host} has no address")))
}

/// Waits until a signal's handler raises.
fn until_raised(py: Python<'_>) -> Result<Infallible, PyErr> {
    loop {
        py.check_signals()?;
        log::deliver(py);
        py.detach(|| thread::sleep(SIGNAL_CHECK));
    }
}
