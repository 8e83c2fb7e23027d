//! What an endpoint asks of its clients.

use std::path::PathBuf;

use ictus_exporter::http;
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{convert, log};

/// TLS and authentication, read from files.
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
        log::keep(py);
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
        log::deliver(py)?;
        opened.map(Security).map_err(|refused| convert::sink_error(&refused))
    }

    /// Reads the files again, each for itself. The last certificate stays in force where another cannot be read;
    /// without credentials that can be read, every request is refused.
    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        let reloaded = py.detach(|| self.0.reload());
        log::deliver(py)?;
        reloaded.map_err(|refused| convert::sink_error(&refused))
    }
}
