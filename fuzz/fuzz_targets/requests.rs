//! Any request: an answer of the endpoint's own kinds, without a panic.
//!
//! An input is lines: a method, a target, and headers of a few names, chosen by their first byte.
#![no_main]

use std::sync::LazyLock;

use hyper::{Method, Request, Uri, header::HeaderValue};
use ictus::Registry;
use ictus_exporter::{Source, http};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 4] = ["accept", "accept-encoding", "authorization", "x-other"];

static SOURCE: LazyLock<Source> = LazyLock::new(|| {
    let registry = Registry::new();
    let timer = registry.timer("work_seconds", "", &["job"]).expect("a family");
    timer.labels(&["a b"]).expect("a series").observe(1.0);
    Source::from_registry(registry)
});

fuzz_target!(|input: &[u8]| {
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
    // Of families that are not there, there is nothing to show.
    let shows = request.uri().path() == "/metrics" && status == 200;
    assert!(shows || !answer.body().is_empty());
});
