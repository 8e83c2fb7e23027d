//! An endpoint that runs beside the program, on threads that never touch Python.

use std::path::PathBuf;

use ictus_exporter::{Source, http};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyTuple};

use super::{provide::listen, security::Security};
use crate::{convert, log, metrics::registry::Registry};

/// A running endpoint. Stops when closed, or when nothing refers to it any more.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Server(http::Server);

#[pymethods]
impl Server {
    /// Listens at `addr` and `port`, 0 for any free port, and serves what was recorded in the registry
    /// or the directory.
    #[new]
    #[pyo3(signature = (port, addr="0.0.0.0", *, registry=None, directory=None, surfaces=None, security=None, allowed_hosts=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn new(
        py: Python<'_>,
        port: u16,
        addr: &str,
        registry: Option<&Bound<'_, Registry>>,
        directory: Option<PathBuf>,
        surfaces: Option<Vec<String>>,
        security: Option<&Bound<'_, Security>>,
        allowed_hosts: Option<Vec<String>>,
    ) -> PyResult<Server> {
        log::keep();
        let source = source(registry, directory)?.with_view(convert::view(surfaces.as_deref(), false)?);
        let listen = listen(addr, port, allowed_hosts)?;
        let security = security.map(|security| security.get().0.clone());
        let server = py.detach(|| http::Server::start_secured(source, listen, security));
        log::deliver(py);
        server.map(Server).map_err(|refused| convert::sink_error(&refused))
    }

    /// The port that is listened at.
    #[getter]
    fn port(&self) -> Option<u16> {
        self.0.address().tcp().map(|address| address.port())
    }

    /// Stops serving; the port is free when this returns.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            self.0.stop();
            self.0.wait();
        });
        log::deliver(py);
    }

    fn __enter__(slf: Bound<'_, Server>) -> Bound<'_, Server> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) {
        self.close(py);
    }
}

/// What a registry or a directory shows.
pub(super) fn source(registry: Option<&Bound<'_, Registry>>, directory: Option<PathBuf>) -> PyResult<Source> {
    match (registry, directory) {
        (Some(registry), None) => Ok(Source::from_registry(registry.get().core.clone())),
        (None, Some(directory)) => Source::open(directory).map_err(|refused| convert::sink_error(&refused)),
        _ => Err(PyValueError::new_err("give either registry= or directory=: what is to be shown")),
    }
}
