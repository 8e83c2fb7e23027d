//! Responses of the endpoint for applications that have their own HTTP server.

use std::path::PathBuf;

use hyper::header::{ACCEPT, ACCEPT_ENCODING};
use ictus_exporter::{Source, http};
use pyo3::{prelude::*, types::PyBytes};

use super::server;
use crate::{convert, log, metrics::registry::Registry};

/// The endpoint behind WSGI and ASGI applications.
#[pyclass(frozen, module = "ictus._core")]
pub(crate) struct Application(Source);

/// A status, headers and a body.
type Response<'py> = (u16, Vec<(String, String)>, Bound<'py, PyBytes>);

#[pymethods]
impl Application {
    #[new]
    #[pyo3(signature = (*, registry=None, directory=None, surfaces=None))]
    fn new(
        py: Python<'_>,
        registry: Option<&Bound<'_, Registry>>,
        directory: Option<PathBuf>,
        surfaces: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Application> {
        log::install(py);
        let view = convert::view_from_argument(surfaces.as_ref(), false)?;
        Ok(Application(server::source(registry, directory)?.with_view(view)))
    }

    /// Returns the status, the headers and the body for a request. An invalid request gets status 400.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        method: &[u8],
        query: &[u8],
        accept: &[u8],
        accept_encoding: &[u8],
    ) -> PyResult<Response<'py>> {
        let headers = [(ACCEPT, accept), (ACCEPT_ENCODING, accept_encoding)];
        let response = py.detach(|| http::answer_parts(&self.0, method, query, &headers));
        log::flush(py)?;
        let headers = response.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        Ok((response.status().as_u16(), headers.collect(), PyBytes::new(py, response.body())))
    }
}

/// Returns the ``Content-Type`` of a format: ``text``, ``openmetrics`` or ``protobuf``.
///
/// Raises ``ValueError`` for another format.
#[pyfunction]
#[pyo3(signature = (format="text"))]
pub(crate) fn content_type(format: &str) -> PyResult<&'static str> {
    Ok(convert::format(format)?.content_type())
}
