//! The class `Server`: an endpoint that runs concurrently with the program, on threads that never
//! touch Python.

use std::{
    mem,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use ictus_exporter::{Source, http};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyTuple};

use super::{provider::listen, security::Security};
use crate::{arguments::Port, convert, log, metrics::registry::Registry};

/// A running HTTP endpoint. It runs on separate threads until ``close()``.
#[pyclass(frozen, weakref, module = "ictus")]
pub(crate) struct Server {
    /// `None` after it is dropped.
    server: Option<http::Server>,
    closed: AtomicBool,
}

#[pymethods]
impl Server {
    /// Listens at `addr` and `port`, and serves the metrics of the registry or the directory. Port 0
    /// is any free port.
    #[new]
    #[pyo3(signature = (port, addr="0.0.0.0", *, registry=None, directory=None, surfaces=None, security=None, allowed_hosts=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn new(
        py: Python<'_>,
        port: Port,
        addr: &str,
        registry: Option<&Bound<'_, Registry>>,
        directory: Option<PathBuf>,
        surfaces: Option<Bound<'_, PyAny>>,
        security: Option<&Bound<'_, Security>>,
        allowed_hosts: Option<Vec<String>>,
    ) -> PyResult<Server> {
        log::install(py);
        let source =
            source(registry, directory)?.with_view(convert::view_from_argument(surfaces.as_ref(), false)?);
        let listen = listen(addr, port.0, allowed_hosts)?;
        let security = security.map(|security| security.get().0.clone());
        let server = py.detach(|| http::Server::start_secured(source, listen, security));
        log::flush(py)?;
        let server = server.map_err(|cause| convert::exporter_error(&cause))?;
        Ok(Server { server: Some(server), closed: AtomicBool::new(false) })
    }

    /// The port that the endpoint listens on; None for a unix socket.
    #[getter]
    fn port(&self) -> Option<u16> {
        self.server.as_ref()?.address().tcp().map(|address| address.port())
    }

    /// Stops serving. The port is free when this returns.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(server) = &self.server {
            py.detach(|| {
                server.stop();
                server.wait();
            });
            self.closed.store(true, Relaxed);
        }
        log::flush(py)
    }

    fn __enter__(slf: Bound<'_, Server>) -> Bound<'_, Server> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let address = self.server.as_ref().map(|server| server.address().to_string()).unwrap_or_default();
        let state = if self.closed.load(Relaxed) { " closed" } else { "" };
        format!("<ictus.Server address='{address}'{state}>")
    }
}

impl Drop for Server {
    /// Keeps the server running if it was not closed, as the server of `prometheus_client` does.
    fn drop(&mut self) {
        if let Some(server) = self.server.take()
            && !*self.closed.get_mut()
        {
            mem::forget(server);
        }
    }
}

/// Returns the source of a registry or of a directory.
pub(super) fn source(registry: Option<&Bound<'_, Registry>>, directory: Option<PathBuf>) -> PyResult<Source> {
    match (registry, directory) {
        (Some(registry), None) => Ok(Source::from_registry(registry.get().core.clone())),
        (None, Some(directory)) => Source::open(directory).map_err(|cause| convert::exporter_error(&cause)),
        _ => Err(PyValueError::new_err("give either registry= or directory=, the metrics to show")),
    }
}
