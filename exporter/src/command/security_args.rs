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
    /// Speak TLS, with the chain of certificates in this file (PEM)
    #[arg(long, value_name = "FILE", env = "ICTUS_TLS_CERT", requires = "tls_key", value_parser = file())]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "ICTUS_TLS_KEY", requires = "tls_cert", value_parser = file())]
    tls_key: Option<PathBuf>,
    /// Answer only clients with a certificate that one of the authorities in this file has signed (PEM)
    #[arg(long, value_name = "FILE", env = "ICTUS_TLS_CLIENT_CA", requires = "tls_cert", value_parser = file())]
    tls_client_ca: Option<PathBuf>,
    /// Answer only clients in this file, with a line `bearer TOKEN` or `basic USER:PASSWORD` for each; the
    /// password may be its bcrypt hash
    #[arg(long, value_name = "FILE", env = "ICTUS_AUTH", value_parser = file())]
    auth: Option<PathBuf>,
}

impl SecurityArgs {
    /// None where nothing is asked.
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
