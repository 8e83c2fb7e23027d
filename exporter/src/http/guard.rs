//! What stands between a connection and its answers.

use std::pin::Pin;

use hyper::{HeaderMap, Response, Uri, body::Bytes};

use super::listener::Duplex;

/// A trait, so that who serves everybody, as the C library does, does not link TLS.
pub(super) trait Guard: Send + Sync {
    /// The connection as it is to be spoken on; none where the client does not get there.
    fn agree(&self, stream: Box<dyn Duplex>) -> Agreed<'_>;

    /// The answer to whoever may not ask; none to whoever may.
    fn refuses(&self, uri: &Uri, headers: &HeaderMap) -> Option<Response<Bytes>>;
}

pub(super) type Agreed<'a> = Pin<Box<dyn Future<Output = Option<Box<dyn Duplex>>> + Send + 'a>>;

/// Asks nothing.
pub(super) struct Everybody;

impl Guard for Everybody {
    fn agree(&self, stream: Box<dyn Duplex>) -> Agreed<'_> {
        Box::pin(async { Some(stream) })
    }

    fn refuses(&self, _: &Uri, _: &HeaderMap) -> Option<Response<Bytes>> {
        None
    }
}
