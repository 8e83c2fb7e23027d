//! Replaces the live page in a build without the feature `page`.

use hyper::{HeaderMap, Response, body::Bytes};

pub(super) fn index(_: &HeaderMap) -> Option<Response<Bytes>> {
    None
}

pub(super) fn asset(_: &str, _: &HeaderMap) -> Option<Response<Bytes>> {
    None
}
