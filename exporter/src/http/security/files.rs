//! The files that a [`Security`](super::Security) is read from.

use std::path::{Path, PathBuf};

use crate::secret_file::{self, Stamp};

/// The files from which a [`Security`](super::Security) is read. A file that is not set imposes no
/// requirement.
///
/// ```
/// use ictus_exporter::http::SecurityFiles;
///
/// let files = SecurityFiles::new()
///     .with_certificate("/etc/ictus/tls.pem", "/etc/ictus/tls.key")
///     .with_auth("/etc/ictus/credentials");
/// assert!(!files.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SecurityFiles {
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    pub(super) client_authorities: Option<PathBuf>,
    pub(super) auth: Option<PathBuf>,
}

/// The identities of the files; `None` for each file that does not exist.
pub(super) type Stamps = Vec<Option<Stamp>>;

impl SecurityFiles {
    /// Creates an empty set of files: plain HTTP without authentication.
    #[must_use]
    pub fn new() -> SecurityFiles {
        SecurityFiles::default()
    }

    /// Enables TLS 1.2 and 1.3, with a chain of certificates, the server's own first, and its
    /// private key; both in PEM.
    #[must_use]
    pub fn with_certificate(
        mut self,
        chain: impl Into<PathBuf>,
        private_key: impl Into<PathBuf>,
    ) -> SecurityFiles {
        self.certificate = Some((chain.into(), private_key.into()));
        self
    }

    /// Requires a client certificate that one of the authorities in a file has signed; in PEM. Also
    /// requires [`SecurityFiles::with_certificate`].
    #[must_use]
    pub fn with_client_authorities(mut self, authorities: impl Into<PathBuf>) -> SecurityFiles {
        self.client_authorities = Some(authorities.into());
        self
    }

    /// Requires credentials from a file. Each line has one: `bearer TOKEN` or `basic USER:PASSWORD`,
    /// where the password may be its bcrypt hash. Lines that begin with `#` are comments.
    #[must_use]
    pub fn with_auth(mut self, credentials: impl Into<PathBuf>) -> SecurityFiles {
        self.auth = Some(credentials.into());
        self
    }

    /// Returns whether no file is set, so that nothing is required of clients.
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
