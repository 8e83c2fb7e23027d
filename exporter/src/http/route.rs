//! From a request to its response.

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use ictus::{expose::TEXT_CONTENT_TYPE, surface::View};

use crate::{complaints::Complaints, source::Source};

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
        "/metrics" => metrics(source, complaints, request.uri().query()).await,
        "/" | "/health" => plain(StatusCode::OK, "OK"),
        _ => plain(StatusCode::NOT_FOUND, "Not Found - Try /metrics"),
    }
}

async fn metrics(source: Source, complaints: &Complaints, query: Option<&str>) -> Response<Full<Bytes>> {
    let view = match asked_view(&source, query.unwrap_or_default()) {
        Ok(view) => view,
        Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let asked = source.asked();
    // Reading files blocks; the thread that accepts must not.
    let failure = match tokio::task::spawn_blocking(move || source.text_since(asked, &view)).await {
        Ok(Ok(text)) => {
            complaints.well(&"the metrics can be read again");
            return response(StatusCode::OK, TEXT_CONTENT_TYPE, text);
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => format!("taking a snapshot failed: {error}"),
    };
    complaints.failed(&failure);
    plain(StatusCode::INTERNAL_SERVER_ERROR, format!("Error: {failure}"))
}

/// The view that a query asks for. Keys that nobody knows are left alone: scrapers and proxies add
/// their own.
fn asked_view(source: &Source, query: &str) -> ictus::Result<View> {
    // A list in a scrape configuration arrives as one pair for each of its entries.
    let names: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, value)| key == "surface" && !value.trim().is_empty())
        .map(|(_, value)| value)
        .collect();
    if names.is_empty() {
        return Ok(source.view().clone());
    }
    let mut view = names.join(",").parse::<View>()?;
    view.summaries = source.view().summaries;
    view.own_state = source.view().own_state;
    Ok(view)
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

#[cfg(test)]
mod tests {
    use super::asked_view;
    use ictus::surface::View;

    use crate::source::Source;

    #[test]
    fn a_surface_is_understood_however_it_is_spelled() {
        let source = Source::from_fn(|_| String::new());
        let both = "legacy,documented".parse::<View>().unwrap();
        for query in [
            "surface=legacy,documented",
            "surface=legacy%2Cdocumented",
            "surface=legacy&surface=documented",
            "x=1&surface=legacy%2c+documented&y",
        ] {
            assert_eq!(asked_view(&source, query).unwrap(), both, "{query}");
        }
    }

    #[test]
    fn a_query_without_a_surface_keeps_the_view() {
        let mut view = "legacy".parse::<View>().unwrap();
        view.summaries = true;
        let source = Source::from_fn(|_| String::new()).with_view(view.clone());
        for query in ["", "x=1", "&&=", "surface=", "surface", "surfaces=canonical", "%ff%", "name[]=up"] {
            assert_eq!(asked_view(&source, query).unwrap(), view, "{query}");
        }
        assert!(asked_view(&source, "surface=documented").unwrap().summaries);
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let source = Source::from_fn(|_| String::new());
        for query in ["surface=legcy", "surface=legacy,canonical", "surface=canonical&surface=legacy"] {
            assert!(asked_view(&source, query).is_err(), "{query}");
        }
    }
}
