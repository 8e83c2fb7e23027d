//! TLS: a certificate and its key, and optionally the verification of client certificates.

use std::{io, path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
        sign::{CertifiedKey, SingleCertAndKey},
    },
};

use super::super::listener::ByteStream;
use crate::{
    error::{Error, Result},
    secret_file,
};

/// The only protocol that is served; every HTTP client that negotiates supports it.
const HTTP: &[u8] = b"http/1.1";
const ADVICE: &str = "give a PEM file, which begins with -----BEGIN";

/// A certificate with its key.
pub(super) type Identity = CertifiedKey;

/// Accepts TLS connections.
#[derive(Clone)]
pub(super) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Negotiates TLS on a connection.
    pub(super) async fn accept(&self, stream: Box<dyn ByteStream>) -> io::Result<Box<dyn ByteStream>> {
        Ok(Box::new(self.0.accept(stream).await?))
    }
}

/// Reads the server's certificate with its key.
pub(super) fn identity(chain: &Path, key: &Path) -> Result<Arc<Identity>> {
    let certificates = certificates(chain)?;
    let bytes = secret_file::read(key).map_err(|reason| Error::unusable_file(key, reason))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| not_pem(key, &error))?;
    secret_file::warn_if_readable_by_others(key);
    // Errors of the library are not shown: they may quote the secret.
    let private = ring::default_provider().key_provider.load_private_key(private).map_err(|_| {
        Error::unusable_file(
            key,
            "its kind of key is not supported; give an RSA, ECDSA (P-256, P-384) or Ed25519 key",
        )
    })?;
    let identity = CertifiedKey::new(certificates, private);
    identity.keys_match().map_err(|_| {
        Error::unusable_file(
            chain,
            format!("it does not match the private key {}; give its own key", key.display()),
        )
    })?;
    Ok(Arc::new(identity))
}

/// Creates a verifier that requires a client certificate signed by one of these authorities.
pub(super) fn client_verifier(authorities: &Path) -> Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities)? {
        roots.add(certificate).map_err(|_| {
            Error::unusable_file(authorities, "one of its certificates is malformed; create the file again")
        })?;
    }
    let provider = Arc::new(ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|_| {
        Error::unusable_file(
            authorities,
            "its certificates are not those of certificate authorities; give the certificates of authorities",
        )
    })
}

pub(super) fn acceptor(
    identity: Arc<Identity>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<Acceptor> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::Start(std::io::ErrorKind::Unsupported.into()))?;
    let config = match clients {
        Some(verifier) => config.with_client_cert_verifier(verifier),
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols = vec![HTTP.to_owned()];
    Ok(Acceptor(Arc::new(config).into()))
}

/// Reads the certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = secret_file::read(path).map_err(|reason| Error::unusable_file(path, reason))?;
    let certificates: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| not_pem(path, &error))?;
    if certificates.is_empty() {
        return Err(not_pem(path, &pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

/// Describes the kind of the error only: the library's text quotes lines of the file.
fn not_pem(path: &Path, error: &pem::Error) -> Error {
    let reason = match error {
        pem::Error::NoItemsFound => "it has no section in PEM",
        pem::Error::MissingSectionEnd { .. } => "the end of a section is missing",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it is malformed",
    };
    Error::unusable_file(path, format!("{reason}; {ADVICE}"))
}
