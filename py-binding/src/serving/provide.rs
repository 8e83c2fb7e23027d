//! The provider's two modes: the exporter's sinks, run from Python until a signal ends them.
//!
//! The sinks work on threads of their own, which never touch Python. The calling thread lets Python's
//! signal handlers run, passes on what the sinks have logged, and answers what they ask of it.

use std::{
    convert::Infallible,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use ictus::surface::View;
use ictus_exporter::{Source, file, http};
use pyo3::{exceptions::PyOSError, prelude::*};

use super::{guests::Desk, security::Security};
use crate::{convert, log};

/// How long a signal may wait for its Python handler.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

/// Writes the directory's exposition to `path` every `interval` seconds, until a signal ends the
/// process or its handler raises. `guests` gives the families of others in a metrics directory.
#[pyfunction]
#[pyo3(signature = (directory, path, interval, surfaces=None, *, summaries=false, guests=None))]
pub(crate) fn write_loop(
    py: Python<'_>,
    directory: PathBuf,
    path: PathBuf,
    interval: f64,
    surfaces: Option<Vec<String>>,
    summaries: bool,
    guests: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    log::keep();
    let view = convert::view(surfaces.as_deref(), summaries)?;
    // What is no duration is as short as the loop allows.
    let interval = Duration::try_from_secs_f64(interval).unwrap_or_default();
    let (source, desk) = source(directory, view, guests);
    let running =
        file::Loop::new(source, path, interval).start().map_err(|refused| convert::sink_error(&refused))?;
    let Err(raised) = until_raised(py, desk);
    py.detach(|| drop(running));
    Err(raised)
}

/// Serves the directory's exposition over HTTP, until a signal ends the process or its handler
/// raises; `guests` as in [`write_loop`].
#[pyfunction]
#[pyo3(signature = (directory, port, host="127.0.0.1", surfaces=None, *, summaries=false, guests=None, security=None))]
#[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
pub(crate) fn serve(
    py: Python<'_>,
    directory: PathBuf,
    port: u16,
    host: &str,
    surfaces: Option<Vec<String>>,
    summaries: bool,
    guests: Option<Bound<'_, PyAny>>,
    security: Option<&Bound<'_, Security>>,
) -> PyResult<()> {
    log::keep();
    let view = convert::view(surfaces.as_deref(), summaries)?;
    let (source, desk) = source(directory, view, guests);
    let security = security.map(|security| security.get().0.clone());
    let server = http::Server::start_secured(source, address(host, port)?.into(), security)
        .map_err(|refused| convert::sink_error(&refused))?;
    let Err(raised) = until_raised(py, desk);
    py.detach(|| drop(server));
    Err(raised)
}

pub(super) fn address(host: &str, port: u16) -> PyResult<SocketAddr> {
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|refused| PyOSError::new_err(format!("cannot listen on {host}: {refused}")))?;
    found.next().ok_or_else(|| PyOSError::new_err(format!("{host} has no address")))
}

/// Waits until a signal's handler raises.
fn until_raised(py: Python<'_>, mut desk: Option<Desk<'_>>) -> Result<Infallible, PyErr> {
    loop {
        py.check_signals()?;
        log::deliver(py);
        match &mut desk {
            Some(desk) => _ = desk.attend(py, SIGNAL_CHECK)?,
            None => py.detach(|| thread::sleep(SIGNAL_CHECK)),
        }
    }
}

/// The directory's exposition, with the families of others that Python gives.
fn source<'py>(
    directory: PathBuf,
    view: View,
    guests: Option<Bound<'py, PyAny>>,
) -> (Source, Option<Desk<'py>>) {
    let source = Source::new(&directory).with_view(view);
    let Some(function) = guests else { return (source, None) };
    let (desk, merge) = Desk::new(function);
    (source.with_extra(Arc::new(move || merge(&directory))), Some(desk))
}
