//! What stands between a connection and its answers.

use std::{future::ready, pin::Pin};

use hyper::{HeaderMap, Response, Uri, body::Bytes};

use super::{listener::ByteStream, places::Peer};

/// A trait, so that who serves everybody, as the C library does, does not link TLS.
pub(super) trait ConnectionPolicy: Send + Sync {
    /// The connection as it is to be spoken on; none where the client does not get there.
    fn agree(&self, stream: Box<dyn ByteStream>) -> Agreed<'_>;

    /// The answer to whoever may not ask; none to whoever may.
    fn refuses<'a>(&'a self, peer: Peer, uri: &'a Uri, headers: &'a HeaderMap) -> Refused<'a>;
}

pub(super) type Agreed<'a> = Pin<Box<dyn Future<Output = Option<Box<dyn ByteStream>>> + Send + 'a>>;
pub(super) type Refused<'a> = Pin<Box<dyn Future<Output = Option<Response<Bytes>>> + Send + 'a>>;

/// Asks nothing.
pub(super) struct AllowAll;

impl ConnectionPolicy for AllowAll {
    fn agree(&self, stream: Box<dyn ByteStream>) -> Agreed<'_> {
        Box::pin(ready(Some(stream)))
    }

    fn refuses<'a>(&'a self, _: Peer, _: &'a Uri, _: &'a HeaderMap) -> Refused<'a> {
        Box::pin(ready(None))
    }
}
