//! Arguments for the security of an endpoint: TLS and authentication.

use std::path::PathBuf;

use clap::Args;

use super::source_args::file;
use crate::{
    error::Result,
    http::{Security, SecurityFiles},
};

#[derive(Args, Debug)]
pub(super) struct SecurityArgs {
    /// Serve over TLS with the certificate chain in this file (PEM)
    #[arg(long, value_name = "FILE", env = "ICTUS_TLS_CERT", requires = "tls_key", value_parser = file())]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "ICTUS_TLS_KEY", requires = "tls_cert", value_parser = file())]
    tls_key: Option<PathBuf>,
    /// Accept only clients with a certificate signed by an authority in this file (PEM)
    #[arg(long, value_name = "FILE", env = "ICTUS_TLS_CLIENT_CA", requires = "tls_cert", value_parser = file())]
    tls_client_ca: Option<PathBuf>,
    /// Accept only the clients in this file, one line each: `bearer TOKEN` or `basic USER:PASSWORD`,
    /// where the password may be a bcrypt hash
    #[arg(long, value_name = "FILE", env = "ICTUS_AUTH", value_parser = file())]
    auth: Option<PathBuf>,
}

impl SecurityArgs {
    /// Returns `None` without TLS and authentication.
    pub(super) fn open(self) -> Result<Option<Security>> {
        let mut files = SecurityFiles::new();
        if let Some((certificate, key)) = self.tls_cert.zip(self.tls_key) {
            files = files.with_certificate(certificate, key);
        }
        if let Some(authorities) = self.tls_client_ca {
            files = files.with_client_authorities(authorities);
        }
        if let Some(auth) = self.auth {
            files = files.with_auth(auth);
        }
        if files.is_empty() { Ok(None) } else { Security::open(files).map(Some) }
    }
}
