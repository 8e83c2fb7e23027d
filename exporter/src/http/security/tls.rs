//! TLS, by a certificate and its key.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
};

use super::{unusable, warn_of_readers};
use crate::error::Result;

/// What every HTTP client that asks speaks; nothing else is served.
const HTTP: &[u8] = b"http/1.1";

pub(super) fn acceptor(chain: &Path, key: &Path) -> Result<TlsAcceptor> {
    let not_pem = |path| {
        move |error| {
            let advice = "; give it as PEM, which begins with -----BEGIN";
            match error {
                pem::Error::Io(error) => unusable(path, error.to_string()),
                pem::Error::NoItemsFound => unusable(path, format!("it has none{advice}")),
                other => unusable(path, format!("{other}{advice}")),
            }
        }
    };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(not_pem(chain))?;
    if certificates.is_empty() {
        return Err(not_pem(chain)(pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(not_pem(key))?;
    warn_of_readers(key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(certificates, private))
        .map_err(|error| unusable(chain, format!("{error}; is {} its private key?", key.display())))?;
    config.alpn_protocols = vec![HTTP.to_owned()];
    Ok(Arc::new(config).into())
}
