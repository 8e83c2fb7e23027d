//! The sinks of the provider, a file or an endpoint, for a Python loop that waits for their
//! requests.
//!
//! The sinks run on their own threads, which never touch Python. Only Python code waits: no
//! function here but `close` releases the interpreter and attaches to it again. If a daemon thread
//! did so, the interpreter would end the thread inside this library during finalization, and the
//! process with it.

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

use super::{merge_queue::MergeQueue, security::Security};
use crate::{convert, log};

/// The lowest descriptor number that the pipe may use. Lower numbers are the host's standard
/// streams, open or closed.
const FIRST_FREE_DESCRIPTOR: i32 = 3;

/// A running sink, and its requests for families that only Python can read.
#[pyclass(frozen, module = "ictus._core")]
pub(crate) struct Provider {
    /// Has a byte for each waiting request.
    wake: Descriptor,
    sinks: Mutex<Option<ActiveSinks>>,
}

/// Fields are dropped in this order. After the queue is dropped, a sink that still waits for it gets no
/// response and does not block.
struct ActiveSinks {
    queue: MergeQueue,
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
        log::install(py);
        let view = convert::view(surfaces.as_deref(), summaries)?;
        // A value that is not a duration becomes the shortest interval that the writer allows.
        let interval = Duration::try_from_secs_f64(interval).unwrap_or_default();
        Provider::start(directory, view, |source| {
            let writer = file::PeriodicWriter::new(source, path, interval).start();
            Ok(Sink::File { _loop: writer.map_err(|cause| convert::exporter_error(&cause))? })
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
        log::install(py);
        let view = convert::view(surfaces.as_deref(), summaries)?;
        let security = security.map(|security| security.get().0.clone());
        let listen = listen(host, port, allowed_hosts)?;
        Provider::start(directory, view, |source| {
            let server = http::Server::start_secured(source, listen, security);
            Ok(Sink::Http { _server: server.map_err(|cause| convert::exporter_error(&cause))? })
        })
    }

    /// Returns the descriptor that is readable while a request waits. Raises `OSError` after the
    /// program has closed it.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.wake.get()?.as_raw_fd())
    }

    /// Returns the metrics directory of the next waiting request, or `None`. The sink waits for the
    /// families that programs recorded there with `prometheus_client`.
    fn question(&self) -> Option<PathBuf> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = &mut sinks.as_mut()?.queue;
        while let Some(directory) = queue.next() {
            // The request arrives before its byte, which follows at once.
            if let Ok(wake) = self.wake.get().and_then(|wake| wake.try_clone_to_owned()) {
                let _ = File::from(wake).read(&mut [0]);
            }
            if !queue.respond_from_last() {
                return Some(directory);
            }
        }
        None
    }

    /// Answers the request with families. `None` means that they could not be read; the sink then
    /// shows the last ones.
    fn answer(&self, families: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        match sinks.as_mut() {
            Some(sinks) => sinks.queue.respond(families),
            None => Ok(()),
        }
    }

    /// Stops the sink and its threads.
    fn close(&self, py: Python<'_>) {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(sinks));
    }
}

impl Provider {
    fn start(
        directory: PathBuf,
        view: View,
        start: impl FnOnce(Source) -> PyResult<Sink>,
    ) -> PyResult<Provider> {
        let (wake, waker) = pipe()?;
        let (queue, merge) = MergeQueue::new(Some(waker));
        let source = Source::new(&directory).with_view(view);
        let sink = start(source.with_extra(Arc::new(move || merge(&directory))))?;
        Ok(Provider { wake, sinks: Mutex::new(Some(ActiveSinks { queue, _sink: sink })) })
    }
}

/// Returns a pipe above the descriptors of the standard streams, which may be closed.
///
/// The host may close both ends: each use checks that the number is still theirs.
fn pipe() -> io::Result<(Descriptor, Descriptor)> {
    let mut low_pairs = Vec::new();
    loop {
        let (reader, writer) = io::pipe()?;
        if reader.as_raw_fd() >= FIRST_FREE_DESCRIPTOR && writer.as_raw_fd() >= FIRST_FREE_DESCRIPTOR {
            return Ok((
                Descriptor::open(move || Ok(reader.into()))?,
                Descriptor::open(move || Ok(writer.into()))?,
            ));
        }
        low_pairs.push((reader, writer));
    }
}

/// Returns the records logged since the last call, as pairs of a logger's method and a text.
#[pyfunction]
pub(crate) fn take_log() -> Vec<(&'static str, String)> {
    log::drain()
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
    let mut addresses = (host, port)
        .to_socket_addrs()
        .map_err(|cause| PyOSError::new_err(format!("cannot listen on {host}: {cause}")))?;
    addresses.next().ok_or_else(|| PyOSError::new_err(format!("{host} has no address")))
}
