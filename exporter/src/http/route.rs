//! From a request to its response.

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY},
};

use super::{accept, query::query};
use crate::{complaints::Complaints, error::Result, rendered::Rendered, source::Source};

const PLAIN: &str = "text/plain";

/// Answers one request. `HEAD` is answered as `GET` is; hyper leaves the body out.
pub(super) async fn respond<B>(
    source: Source,
    complaints: &Complaints,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed - Try GET");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/metrics" => metrics(source, complaints, request).await,
        "/" | "/health" => plain(StatusCode::OK, "OK"),
        _ => plain(StatusCode::NOT_FOUND, "Not Found - Try /metrics"),
    }
}

async fn metrics<B>(source: Source, complaints: &Complaints, request: &Request<B>) -> Response<Full<Bytes>> {
    let query = match query(&source, request) {
        Ok(query) => query,
        Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let (asked, gzip) = (source.asked(), accept::gzip(request.headers()));
    // Reading files blocks, and so does compressing; the thread that accepts must not.
    let written = tokio::task::spawn_blocking(move || {
        let rendered = source.render_since(asked, &query)?;
        Result::Ok(exposition(&rendered, gzip))
    });
    let failure = match written.await {
        Ok(Ok(response)) => {
            complaints.well(&"the metrics can be read again");
            return response;
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => format!("taking a snapshot failed: {error}"),
    };
    complaints.failed(&failure);
    plain(StatusCode::INTERNAL_SERVER_ERROR, format!("Error: {failure}"))
}

fn exposition(rendered: &Rendered, gzip: bool) -> Response<Full<Bytes>> {
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

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, PLAIN, body.into())
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
