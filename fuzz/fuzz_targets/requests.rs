//! Arbitrary requests: the endpoint returns a response with an expected status and of bounded size,
//! without a panic. The input may also be parts of no valid request, as applications of WSGI and
//! ASGI servers receive them.
//!
//! An input is a list of lines: a method, a target, and headers with a few names, chosen by their
//! first byte.
#![no_main]

use std::sync::LazyLock;

use hyper::{
    Method, Request, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderValue},
};
use ictus::Registry;
use ictus_exporter::{Source, http};
use libfuzzer_sys::fuzz_target;

/// The size of the page's largest file. The recorded data takes less in every format.
const MAX_BODY: usize = 64 * 1024;
const NAMES: [&str; 4] = ["accept", "accept-encoding", "authorization", "x-other"];

static SOURCE: LazyLock<Source> = LazyLock::new(|| {
    let registry = Registry::new();
    let timer = registry.timer("work_seconds", "", &["job"]).expect("a family");
    timer.labels(&["a b"]).expect("a series").observe(1.0);
    Source::from_registry(registry)
});

/// Uses the whole input as the parts of a request.
fn answer_parts(input: &[u8]) {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let mut part = || lines.next().unwrap_or_default();
    let (method, query) = (part(), part());
    let answer = http::answer_parts(&SOURCE, method, query, &[(ACCEPT, part()), (ACCEPT_ENCODING, part())]);
    assert!([200, 400, 405, 431].contains(&answer.status().as_u16()), "{}", answer.status());
    assert!(answer.body().len() <= MAX_BODY, "{} bytes", answer.body().len());
}

fuzz_target!(|input: &[u8]| {
    answer_parts(input);
    let mut lines = input.split(|byte| *byte == b'\n');
    let method = lines.next().and_then(|line| Method::from_bytes(line).ok()).unwrap_or(Method::GET);
    let Some(uri) = lines.next().and_then(|line| Uri::try_from(line).ok()) else { return };
    let mut request = Request::new(());
    (*request.method_mut(), *request.uri_mut()) = (method.clone(), uri);
    for line in lines {
        let Some((&name, value)) = line.split_first() else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        request.headers_mut().append(NAMES[usize::from(name) % NAMES.len()], value);
    }
    let answer = http::answer(&SOURCE, &request);
    let status = answer.status().as_u16();
    assert!([200, 400, 404, 405].contains(&status), "{status}");
    assert_eq!(status == 405, method != Method::GET && method != Method::HEAD);
    assert!(answer.body().len() <= MAX_BODY, "{} bytes", answer.body().len());
    // A response without families is empty.
    let shows = request.uri().path() == "/metrics" && status == 200;
    assert!(shows || !answer.body().is_empty());
});
