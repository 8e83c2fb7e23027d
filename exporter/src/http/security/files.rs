//! The files that a [`Security`](super::Security) is read from.

use std::path::{Path, PathBuf};

use crate::secret_file::{self, Stamp};

/// The files that a [`Security`](super::Security) is read from; those that are not given ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityFiles {
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    pub(super) client_authorities: Option<PathBuf>,
    pub(super) auth: Option<PathBuf>,
}

/// Which files these are now; of each none where there is none.
pub(super) type Stamps = Vec<Option<Stamp>>;

impl SecurityFiles {
    /// No files: plain HTTP for everybody.
    #[must_use]
    pub fn new() -> SecurityFiles {
        SecurityFiles::default()
    }

    /// TLS 1.2 and 1.3 with a chain of certificates, the server's own first, and its private key; both
    /// in PEM.
    #[must_use]
    pub fn with_certificate(
        mut self,
        chain: impl Into<PathBuf>,
        private_key: impl Into<PathBuf>,
    ) -> SecurityFiles {
        self.certificate = Some((chain.into(), private_key.into()));
        self
    }

    /// Only for clients with a certificate that one of the authorities in a file has signed, in PEM. Takes
    /// [`SecurityFiles::with_certificate`].
    #[must_use]
    pub fn with_client_authorities(mut self, authorities: impl Into<PathBuf>) -> SecurityFiles {
        self.client_authorities = Some(authorities.into());
        self
    }

    /// Only for clients that prove to be one of those in a file. In each of its lines is one:
    /// `bearer TOKEN` or `basic USER:PASSWORD`, where the password may be its bcrypt hash; what follows a
    /// `#` at a line's start is left out.
    #[must_use]
    pub fn with_auth(mut self, credentials: impl Into<PathBuf>) -> SecurityFiles {
        self.auth = Some(credentials.into());
        self
    }

    /// Whether they ask for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == SecurityFiles::default()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let certificate = self.certificate.iter().flat_map(|(chain, key)| [chain, key]);
        certificate.chain(&self.client_authorities).chain(&self.auth).map(PathBuf::as_path)
    }

    pub(super) fn stamps(&self) -> Stamps {
        self.paths().map(secret_file::stamp).collect()
    }
}
