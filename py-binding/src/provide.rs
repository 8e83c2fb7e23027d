//! The provider's two modes: the exporter's sinks, run from Python until a signal ends them.
//!
//! The sinks work on threads of their own, which never touch Python. The calling thread lets
//! Python's signal handlers run, passes on what the sinks have logged, and asks for the text of the
//! families that others recorded, which the sinks then append.

use std::{
    convert::Infallible,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use ictus_exporter::{Extra, Source, file, http};
use pyo3::{exceptions::PyOSError, prelude::*};

use crate::{convert, log};

/// How long a signal may wait for its Python handler.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);
/// Families of others are asked for once in so many checks: every second.
const CHECKS_A_LOOK: u32 = 10;

/// Writes the directory's exposition to `path` every `interval` seconds, until a signal ends the
/// process or its handler raises.
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
    let guests = Guests::new(guests);
    let source = Source::new(directory).with_view(view).with_extra(guests.extra());
    let running =
        file::Loop::new(source, path, interval).start().map_err(|refused| convert::sink_error(&refused))?;
    let Err(raised) = until_raised(py, &guests);
    py.detach(|| drop(running));
    Err(raised)
}

/// Serves the directory's exposition over HTTP, until a signal ends the process or its handler
/// raises. An empty host is all interfaces.
#[pyfunction]
#[pyo3(signature = (directory, port, host="", surfaces=None, *, summaries=false, guests=None))]
pub(crate) fn serve(
    py: Python<'_>,
    directory: PathBuf,
    port: u16,
    host: &str,
    surfaces: Option<Vec<String>>,
    summaries: bool,
    guests: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    log::keep();
    let view = convert::view(surfaces.as_deref(), summaries)?;
    let guests = Guests::new(guests);
    let source = Source::new(directory).with_view(view).with_extra(guests.extra());
    let server = http::Server::start(source, address(host, port)?.into())
        .map_err(|refused| convert::sink_error(&refused))?;
    let Err(raised) = until_raised(py, &guests);
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
fn until_raised(py: Python<'_>, guests: &Guests<'_>) -> Result<Infallible, PyErr> {
    let mut checks = 0;
    loop {
        py.check_signals()?;
        log::deliver(py);
        checks += 1;
        if checks % CHECKS_A_LOOK == 0 {
            guests.look();
        }
        py.detach(|| thread::sleep(SIGNAL_CHECK));
    }
}

/// Families that others recorded: a Python function that gives their text, asked now and then.
struct Guests<'py> {
    function: Option<Bound<'py, PyAny>>,
    text: Arc<Mutex<Option<String>>>,
}

impl<'py> Guests<'py> {
    fn new(function: Option<Bound<'py, PyAny>>) -> Guests<'py> {
        let guests = Guests { function, text: Arc::default() };
        guests.look();
        guests
    }

    /// Asks for the text. Where the function fails, which a file in the making may cause, the last
    /// text stays.
    fn look(&self) {
        let Some(function) = &self.function else { return };
        match function.call0().and_then(|text| text.extract::<String>()) {
            Ok(text) => *self.text.lock().unwrap_or_else(PoisonError::into_inner) = Some(text),
            Err(failed) => ::log::debug!("metrics of others cannot be read: {failed}"),
        }
    }

    /// What the sinks append.
    fn extra(&self) -> Extra {
        let text = Arc::clone(&self.text);
        Arc::new(move || text.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
