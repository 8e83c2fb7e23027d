//! From a request to its response.

use std::fmt::Display;

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY},
};

use super::{accept, query::query};
use crate::{complaints::Complaints, error::Result, query::Query, rendered::Rendered, source::Source};

const PLAIN: &str = "text/plain";
/// Says that the process lives, and nothing else: open to probes, which have no secrets.
pub(super) const HEALTH: &str = "/health";

/// Answers one request as the endpoint does, for a host that has an HTTP server of its own. Takes a
/// snapshot, which reads files, on the calling thread.
///
/// ```
/// use ictus_exporter::{Source, http};
///
/// # let directory = tempfile::tempdir()?;
/// let request = hyper::Request::get("/metrics").header("accept", "text/plain").body(())?;
/// let response = http::answer(&Source::new(directory.path()), &request);
/// assert_eq!(response.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn answer<B>(source: &Source, request: &Request<B>) -> Response<Bytes> {
    match asks(source, request) {
        Err(response) => *response,
        Ok((query, gzip)) => match source.render(&query) {
            Ok(rendered) => exposition(&rendered, gzip),
            Err(error) => failed(&error),
        },
    }
}

/// Answers one request. `HEAD` is answered as `GET` is; hyper leaves the body out.
pub(super) async fn respond<B>(
    source: Source,
    complaints: &Complaints,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    let (query, gzip) = match asks(&source, request) {
        Ok(asked) => asked,
        Err(response) => return (*response).map(Full::new),
    };
    let asked = source.asked();
    // Reading files blocks, and so does compressing; the thread that accepts must not.
    let written = tokio::task::spawn_blocking(move || {
        let rendered = source.render_since(asked, &query)?;
        Result::Ok(exposition(&rendered, gzip))
    });
    let failure = match written.await {
        Ok(Ok(response)) => {
            complaints.well(&"the metrics can be read again");
            return response.map(Full::new);
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => format!("taking a snapshot failed: {error}"),
    };
    complaints.failed(&failure);
    failed(&failure).map(Full::new)
}

/// What of the metrics a request asks for, and whether as gzip; else the response.
fn asks<B>(
    source: &Source,
    request: &Request<B>,
) -> std::result::Result<(Query, bool), Box<Response<Bytes>>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed - Try GET");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Err(refusal.into());
    }
    match request.uri().path() {
        "/metrics" => query(source, request)
            .map(|query| (query, accept::gzip(request.headers())))
            .map_err(|error| plain(StatusCode::BAD_REQUEST, error.to_string()).into()),
        "/" | HEALTH => Err(plain(StatusCode::OK, "OK").into()),
        _ => Err(plain(StatusCode::NOT_FOUND, "Not Found - Try /metrics").into()),
    }
}

fn exposition(rendered: &Rendered, gzip: bool) -> Response<Bytes> {
    let gzipped = if gzip { rendered.gzipped() } else { None };
    let body = gzipped.unwrap_or(rendered.bytes()).clone();
    let mut response = response(StatusCode::OK, rendered.format().content_type(), body);
    let headers = response.headers_mut();
    if gzipped.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

fn failed(failure: &impl Display) -> Response<Bytes> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, format!("Error: {failure}"))
}

pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    response(status, PLAIN, body.into())
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
