//! Routing: from a request to its response.
//!
//! Requests that take a snapshot run on a blocking thread, because they read files. Errors are
//! logged; responses do not contain their cause, which names files of this machine.

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{ALLOW, HeaderName, HeaderValue},
};
use ictus::surface::View;

use super::{
    about,
    budget::{Account, UsedUp},
    negotiate, page,
    query::{query, view},
    response::{busy, compressed, error_response, ok_response, text_response},
    window,
};
use crate::{
    error::Result,
    error_log::ErrorLog,
    json,
    query::Query,
    rendered::Rendered,
    source::{Freshness, Source},
};

/// Maximum size of a request's head.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;
const JSON: &str = "application/json";
/// The path of the health check. It only shows that the process is alive, and needs no
/// authentication, because probes have no secrets.
pub(super) const HEALTH: &str = "/health";

/// Answers one request as the endpoint does, for a host that runs its own HTTP server. Takes a
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
    match parse(source, request) {
        Err(response) => *response,
        Ok(parsed) => {
            let result = parsed.respond(source, source.freshness(), &Account::default());
            source.log_outcome(&result);
            result.unwrap_or_else(|_| error_response())
        }
    }
}

/// Answers one request. The response to `HEAD` is that of `GET`; hyper omits the body.
pub(super) async fn respond<B>(
    source: Source,
    account: Account,
    turn: impl Future<Output: Send>,
    errors: &ErrorLog,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    let parsed = match parse(&source, request) {
        Ok(parsed) => parsed,
        Err(response) => return (*response).map(Full::new),
    };
    let since = source.freshness();
    let _turn = turn.await;
    // Reading files and compressing both block; the thread that accepts connections must not.
    let written = tokio::task::spawn_blocking(move || parsed.respond(&source, since, &account));
    let failure = match written.await {
        Ok(Ok(response)) => {
            errors.recovered(&"the metrics can be read again");
            return response.map(Full::new);
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => format!("taking a snapshot failed: {error}"),
    };
    errors.failed(&failure);
    error_response().map(Full::new)
}

/// Answers as [`answer`], for a host that has the parts of a request instead of a request. The path
/// counts as `/metrics`, wherever the host mounts the application. A malformed request gets the
/// endpoint's response.
///
/// ```
/// use hyper::header::ACCEPT;
/// use ictus::Registry;
/// use ictus_exporter::{Source, http};
///
/// let source = Source::from_registry(Registry::new());
/// let headers: [(_, &[u8]); 1] = [(ACCEPT, b"application/openmetrics-text")];
/// let response = http::answer_parts(&source, b"GET", b"surface=canonical", &headers);
/// assert_eq!(response.status(), 200);
/// assert!(response.body().ends_with(b"# EOF\n"));
/// ```
#[must_use]
pub fn answer_parts(
    source: &Source,
    method: &[u8],
    query: &[u8],
    headers: &[(HeaderName, &[u8])],
) -> Response<Bytes> {
    let size =
        query.len() + headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if size > MAX_HEAD_BYTES {
        return text_response(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
    }
    let target = [b"/metrics?", query].concat();
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    match request.body(()) {
        Ok(request) => answer(source, &request),
        Err(_) => text_response(StatusCode::BAD_REQUEST, "Bad Request"),
    }
}

/// A request that takes a snapshot.
struct ParsedRequest {
    target: Target,
    gzip: bool,
}

enum Target {
    Exposition(Query),
    Snapshot(View),
    Window(window::SeriesKey),
}

/// Parses a request; returns the response if the request needs no snapshot.
fn parse<B>(
    source: &Source,
    request: &Request<B>,
) -> std::result::Result<ParsedRequest, Box<Response<Bytes>>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refusal = text_response(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed - Try GET");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Err(refusal.into());
    }
    let headers = request.headers();
    let path = request.uri().path();
    // Health checks of the process need not know the prefix.
    let below = path.strip_prefix(source.path_prefix()).filter(|_| path != HEALTH).unwrap_or(path);
    let is_outside = below.len() == path.len() && !source.path_prefix().is_empty() && path != HEALTH;
    let target = match below {
        _ if is_outside => {
            let text = format!("Not Found - Try {}/metrics", source.path_prefix());
            return Err(text_response(StatusCode::NOT_FOUND, text).into());
        }
        "/metrics" => match query(source, request) {
            Ok(query) => Target::Exposition(query),
            Err(error) => return Err(text_response(StatusCode::BAD_REQUEST, error.to_string()).into()),
        },
        "/snapshot.json" => match view(source, request.uri().query().unwrap_or_default()) {
            Ok(view) => Target::Snapshot(view),
            Err(error) => return Err(text_response(StatusCode::BAD_REQUEST, error.to_string()).into()),
        },
        "/history.json" => {
            let series = window::SeriesKey::from_uri(request.uri());
            let past = series.past(source.history().as_deref());
            return Err(compressed(JSON, past.into(), negotiate::gzip(headers)).into());
        }
        "/about.json" => {
            return Err(compressed(JSON, about::json(source).into(), negotiate::gzip(headers)).into());
        }
        "/window.json" => Target::Window(window::SeriesKey::from_uri(request.uri())),
        "/" => {
            let page = page::index(headers);
            return Err(page.unwrap_or_else(|| text_response(StatusCode::OK, "OK")).into());
        }
        HEALTH => return Err(text_response(StatusCode::OK, "OK").into()),
        path => {
            let asset = page::asset(path, headers);
            let none = || text_response(StatusCode::NOT_FOUND, "Not Found - Try /metrics");
            return Err(asset.unwrap_or_else(none).into());
        }
    };
    Ok(ParsedRequest { target, gzip: negotiate::gzip(headers) })
}

impl ParsedRequest {
    fn respond(self, source: &Source, since: Freshness, account: &Account) -> Result<Response<Bytes>> {
        if account.check().is_err() {
            return Ok(busy());
        }
        let json = match self.target {
            Target::Exposition(query) => {
                let rendered = source.render_since(since, &query)?;
                return Ok(exposition(&rendered, self.gzip, account).unwrap_or_else(|UsedUp| busy()));
            }
            Target::Snapshot(view) => json::json(&source.snapshot_since(since)?.snapshot, &view),
            Target::Window(series) => match series.json(&source.snapshot_since(since)?.snapshot) {
                Some(json) => json,
                None => {
                    return Ok(text_response(
                        StatusCode::NOT_FOUND,
                        "Not Found - /snapshot.json lists the timers",
                    ));
                }
            },
        };
        let response = compressed(JSON, json.into(), self.gzip);
        Ok(account.charge(response.body()).map_or_else(|UsedUp| busy(), |body| response.map(|_| body)))
    }
}

fn exposition(
    rendered: &Rendered,
    gzip: bool,
    account: &Account,
) -> std::result::Result<Response<Bytes>, UsedUp> {
    let (body, is_gzip) = rendered.charged(gzip, account)?;
    Ok(ok_response(rendered.content_type(), body, is_gzip))
}
