//! The class `Security`: TLS and authentication of an endpoint.

use std::path::PathBuf;

use ictus_exporter::http;
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{convert, log};

/// TLS and authentication of an endpoint, read from files.
#[pyclass(frozen, module = "ictus._core")]
pub(crate) struct Security(pub(super) http::Security);

#[pymethods]
impl Security {
    #[new]
    #[pyo3(signature = (certfile=None, keyfile=None, auth=None, client_cafile=None))]
    fn new(
        py: Python<'_>,
        certfile: Option<PathBuf>,
        keyfile: Option<PathBuf>,
        auth: Option<PathBuf>,
        client_cafile: Option<PathBuf>,
    ) -> PyResult<Security> {
        log::install(py);
        let mut files = http::SecurityFiles::new();
        match (certfile, keyfile) {
            (Some(chain), Some(key)) => files = files.with_certificate(chain, key),
            (None, None) => {}
            _ => return Err(PyValueError::new_err("a certificate and its key go together: give both files")),
        }
        if let Some(authorities) = client_cafile {
            files = files.with_client_authorities(authorities);
        }
        if let Some(auth) = auth {
            files = files.with_auth(auth);
        }
        let opened = py.detach(|| http::Security::open(files));
        log::flush(py)?;
        opened.map(Security).map_err(|cause| convert::exporter_error(&cause))
    }

    /// Reads the files again.
    ///
    /// If a new certificate cannot be read, the last one stays in force. If the credentials cannot be
    /// read, the endpoint rejects every request.
    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        let reloaded = py.detach(|| self.0.reload());
        log::flush(py)?;
        reloaded.map_err(|cause| convert::exporter_error(&cause))
    }
}
