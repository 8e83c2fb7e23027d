//! Connection policy: decides whether a connection and its requests are accepted.
//!
//! [`AllowAll`] accepts everything; [`Security`](super::Security) requires TLS, authentication, or
//! both.

use std::{future::ready, pin::Pin};

use hyper::{HeaderMap, Response, Uri, body::Bytes};

use super::{listener::ByteStream, slots::Peer};

/// A policy for connections and requests. It is a trait, so that a server without security, as in
/// the C library, does not link TLS.
pub(super) trait ConnectionPolicy: Send + Sync {
    /// Returns the stream on which to speak HTTP; `None` if the client fails to establish it.
    fn accept(&self, stream: Box<dyn ByteStream>) -> Accepted<'_>;

    /// Returns the response that refuses a request; `None` if the client is authorized.
    fn refusal_of<'a>(&'a self, peer: Peer, uri: &'a Uri, headers: &'a HeaderMap) -> Refused<'a>;
}

pub(super) type Accepted<'a> = Pin<Box<dyn Future<Output = Option<Box<dyn ByteStream>>> + Send + 'a>>;
pub(super) type Refused<'a> = Pin<Box<dyn Future<Output = Option<Response<Bytes>>> + Send + 'a>>;

/// A policy that accepts every client.
pub(super) struct AllowAll;

impl ConnectionPolicy for AllowAll {
    fn accept(&self, stream: Box<dyn ByteStream>) -> Accepted<'_> {
        Box::pin(ready(Some(stream)))
    }

    fn refusal_of<'a>(&'a self, _: Peer, _: &'a Uri, _: &'a HeaderMap) -> Refused<'a> {
        Box::pin(ready(None))
    }
}
