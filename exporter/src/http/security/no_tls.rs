//! Replaces TLS in a build without the feature `tls`: each file for it is refused.

use std::{io, path::Path, sync::Arc};

use super::super::listener::ByteStream;
use crate::error::{Error, Result};

const NO_TLS: &str = "this program has no TLS; build ictus-exporter with the feature `tls`";

/// A certificate with its key. There is none, so this type has no value.
pub(super) enum Identity {}

/// A verifier of client certificates. There is none, so this type has no value.
pub(super) enum ClientVerifier {}

/// Accepts TLS connections. There is none, so this type has no value.
#[derive(Clone)]
pub(super) enum Acceptor {}

impl Acceptor {
    pub(super) async fn accept(&self, _: Box<dyn ByteStream>) -> io::Result<Box<dyn ByteStream>> {
        match *self {}
    }
}

pub(super) fn identity(chain: &Path, _: &Path) -> Result<Arc<Identity>> {
    Err(Error::unusable_file(chain, NO_TLS))
}

pub(super) fn client_verifier(authorities: &Path) -> Result<Arc<ClientVerifier>> {
    Err(Error::unusable_file(authorities, NO_TLS))
}

pub(super) fn acceptor(identity: Arc<Identity>, _: Option<Arc<ClientVerifier>>) -> Result<Acceptor> {
    match *identity {}
}
