//! Responses: the headers that each one has, its compression, and the texts of refusals.

use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{
        CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
        RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::rendered;

const PLAIN: &str = "text/plain";
/// Headers of every response. Browsers do not guess another content type, do not show the response
/// in a page of another site, and do not let another site read it.
const ALWAYS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (REFERRER_POLICY, "no-referrer"),
];

/// Returns the response to a request that arrives while too many bytes of responses are unread.
pub(super) fn busy() -> Response<Bytes> {
    let mut refusal = text_response(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many responses have not been read yet - Try again",
    );
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    refusal
}

/// Returns a response whose body is compressed for this request only.
pub(super) fn compressed(content_type: &'static str, body: Bytes, gzip: bool) -> Response<Bytes> {
    match gzip.then(|| rendered::gzipped(&body)).flatten() {
        Some(gzipped) => ok_response(content_type, gzipped, true),
        None => ok_response(content_type, body, false),
    }
}

/// Returns a response whose body depends on what the client accepts.
pub(super) fn ok_response(content_type: &'static str, body: Bytes, is_gzip: bool) -> Response<Bytes> {
    let mut response = response(StatusCode::OK, content_type, body);
    let headers = response.headers_mut();
    if is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

/// Returns the response after an error. It omits the cause, which names files of this machine.
pub(super) fn error_response() -> Response<Bytes> {
    text_response(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Error: the metrics cannot be read - The log of the process that answers has the cause",
    )
}

/// Returns a plain text.
pub(super) fn text_response(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    response(status, PLAIN, body.into())
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
