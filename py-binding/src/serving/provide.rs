//! The sinks of the provider, a file or an endpoint, for a Python loop that waits for their
//! requests.
//!
//! The sinks run on their own threads, which never touch Python. Only Python code waits: no
//! function here but `close` releases the interpreter and attaches to it again. If a daemon thread did so, the
//! interpreter would end the thread inside this library during finalization, and the process with
//! it.

use std::{
    fs::File,
    io::{self, Read},
    net::{SocketAddr, ToSocketAddrs},
    os::fd::AsRawFd,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ictus::{host::Descriptor, surface::View};
use ictus_exporter::{Source, file, http};
use pyo3::{exceptions::PyOSError, prelude::*};

use super::{guests::MergeQueue, security::Security};
use crate::{convert, log};

/// The lowest descriptor number that the pipe may use. Lower numbers are the host's standard
/// streams, open or closed.
const MIN_DESCRIPTOR: i32 = 3;

/// A sink that runs, and the questions that it asks of Python.
#[pyclass(frozen, module = "ictus._core")]
pub(crate) struct Provider {
    /// Has a byte for each question that waits.
    wake: Descriptor,
    running: Mutex<Option<ActiveSinks>>,
}

/// Fields are dropped in this order. Once the queue is gone, a sink that still waits for it gets no
/// answer and does not block.
struct ActiveSinks {
    desk: MergeQueue,
    _sink: Sink,
}

enum Sink {
    File { _loop: file::WriterHandle },
    Http { _server: http::Server },
}

#[pymethods]
impl Provider {
    /// Writes the directory's exposition to `path` every `interval` seconds.
    #[staticmethod]
    #[pyo3(signature = (directory, path, interval, surfaces=None, *, summaries=false))]
    fn file(
        py: Python<'_>,
        directory: PathBuf,
        path: PathBuf,
        interval: f64,
        surfaces: Option<Vec<String>>,
        summaries: bool,
    ) -> PyResult<Provider> {
        log::keep(py);
        let view = convert::view(surfaces.as_deref(), summaries)?;
        // A value that is not a duration becomes the shortest interval that the writer allows.
        let interval = Duration::try_from_secs_f64(interval).unwrap_or_default();
        Provider::start(directory, view, |source| {
            let running = file::PeriodicWriter::new(source, path, interval).start();
            Ok(Sink::File { _loop: running.map_err(|refused| convert::sink_error(&refused))? })
        })
    }

    /// Serves the directory's exposition over HTTP.
    #[staticmethod]
    #[pyo3(signature = (directory, port, host="127.0.0.1", surfaces=None, *, summaries=false, security=None, allowed_hosts=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn http(
        py: Python<'_>,
        directory: PathBuf,
        port: u16,
        host: &str,
        surfaces: Option<Vec<String>>,
        summaries: bool,
        security: Option<&Bound<'_, Security>>,
        allowed_hosts: Option<Vec<String>>,
    ) -> PyResult<Provider> {
        log::keep(py);
        let view = convert::view(surfaces.as_deref(), summaries)?;
        let security = security.map(|security| security.get().0.clone());
        let listen = listen(host, port, allowed_hosts)?;
        Provider::start(directory, view, |source| {
            let server = http::Server::start_secured(source, listen, security);
            Ok(Sink::Http { _server: server.map_err(|refused| convert::sink_error(&refused))? })
        })
    }

    /// The descriptor that is readable when there is a question. Raises `OSError` once the program has closed it.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.wake.get()?.as_raw_fd())
    }

    /// The metrics directory whose families of others a sink waits for, if one does.
    fn question(&self) -> Option<PathBuf> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let desk = &mut running.as_mut()?.desk;
        while let Some(directory) = desk.next() {
            // The request arrives before its byte, which follows at once.
            if let Ok(wake) = self.wake.get().and_then(|wake| wake.try_clone_to_owned()) {
                let _ = File::from(wake).read(&mut [0]);
            }
            if !desk.answer_from_last() {
                return Some(directory);
            }
        }
        None
    }

    /// Answers the question: the families, or `None` where they could not be read and the last ones stay.
    fn answer(&self, families: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.as_mut() {
            Some(running) => running.desk.answer(families),
            None => Ok(()),
        }
    }

    /// Ends the sink.
    fn close(&self, py: Python<'_>) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(running));
    }
}

impl Provider {
    fn start(
        directory: PathBuf,
        view: View,
        start: impl FnOnce(Source) -> PyResult<Sink>,
    ) -> PyResult<Provider> {
        let (wake, waker) = pipe()?;
        let (desk, merge) = MergeQueue::new(Some(waker));
        let source = Source::new(&directory).with_view(view);
        let sink = start(source.with_extra(Arc::new(move || merge(&directory))))?;
        Ok(Provider { wake, running: Mutex::new(Some(ActiveSinks { desk, _sink: sink })) })
    }
}

/// Returns a pipe above the descriptors of the standard streams, which may be closed.
///
/// The host may close both ends: each use checks that the number is still theirs.
fn pipe() -> io::Result<(Descriptor, Descriptor)> {
    let mut low = Vec::new();
    loop {
        let (reader, writer) = io::pipe()?;
        if reader.as_raw_fd() >= MIN_DESCRIPTOR && writer.as_raw_fd() >= MIN_DESCRIPTOR {
            return Ok((
                Descriptor::open(move || Ok(reader.into()))?,
                Descriptor::open(move || Ok(writer.into()))?,
            ));
        }
        low.push((reader, writer));
    }
}

/// What was logged since the last call: the names of the methods of a logger, and texts.
#[pyfunction]
pub(crate) fn take_log() -> Vec<(&'static str, String)> {
    log::take()
}

/// Returns the address to listen on, with the host names that clients may use.
pub(super) fn listen(
    host: &str,
    port: u16,
    allowed_hosts: Option<Vec<String>>,
) -> PyResult<http::ListenAddress> {
    let listen = http::ListenAddress::from(address(host, port)?);
    Ok(listen.with_allowed_hosts(allowed_hosts.unwrap_or_default()))
}

fn address(host: &str, port: u16) -> PyResult<SocketAddr> {
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|refused| PyOSError::new_err(format!("cannot listen on {host}: {refused}")))?;
    found.next().ok_or_else(|| PyOSError::new_err(format!("{host} has no address")))
}
