//! The responses to browsers and to the live page. A browser test checks the display of the page.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]
mod http_client;
mod terminal;

use std::time::Duration;

use http_client::{ask_with, get, tcp};
use ictus::Registry;
use ictus_exporter::{Source, http::Server};
use serde_json::Value;

fn serve(registry: &Registry) -> Server {
    Server::start(Source::from_registry(registry.clone()), "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn json(server: &Server, target: &str) -> Value {
    let answer = get(tcp(server), target);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{target}");
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn a_browser_gets_the_page_and_its_files_under_a_strict_policy() {
    let server = serve(&Registry::new());
    let browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = ask_with(tcp(&server), "GET", "/", &[browser]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("vary"), Some("Accept, Accept-Encoding"));
    let named = page.body.split('"').filter(|part| part.starts_with("page/"));
    let files: Vec<_> = named.map(|name| get(tcp(&server), &format!("/{name}"))).collect();
    assert_eq!(files.len(), 4);
    for answer in files.iter().chain([&page]) {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
    }
    let small = ask_with(tcp(&server), "GET", "/page/uPlot.iife.min.js", &["Accept-Encoding: gzip"]);
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.bytes.len() < 30_000);
    let plain = get(tcp(&server), "/page/uPlot.iife.min.js");
    assert_eq!(plain.body, include_str!("../page/vendor/uPlot.iife.min.js"));
    // Other clients still get `OK`, as always.
    assert_eq!(get(tcp(&server), "/").body, "OK");
    assert_eq!(get(tcp(&server), "/page/nothing.js").status, 404);
}

#[test]
fn snapshot_equals_the_output_of_dump() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = registry.timer("job_seconds", "Jobs.", &["job"]).unwrap().labels(&["import"]).unwrap();
    (1..=10).for_each(|number| timer.observe(f64::from(number)));
    let server = serve(&registry);
    let dumped =
        terminal::ictus().arg("dump").arg(directory.path()).args(["--format", "json"]).output().unwrap();
    let (code, dumped, _) = terminal::outcome(&dumped);
    assert_eq!(code, Some(0));
    assert_eq!(json(&server, "/snapshot.json"), serde_json::from_str::<Value>(&dumped).unwrap());
}

#[test]
fn history_has_records_from_before_the_page_was_open() {
    let registry = Registry::new();
    let job = registry.timer("job_seconds", "", &["job"]).unwrap().labels(&["import"]).unwrap();
    (1..=10).for_each(|number| job.observe(f64::from(number)));
    let source = Source::from_registry(registry.clone()).with_history(Duration::from_secs(900));
    let server = Server::start(source, "127.0.0.1:0".parse().unwrap()).unwrap();
    assert_eq!(get(tcp(&server), "/metrics").status, 200);
    job.observe(11.0);
    // The second scrape follows too soon for another point.
    assert_eq!(get(tcp(&server), "/metrics").status, 200);
    let past = json(&server, "/history.json?origin=user&name=job_seconds&label=import");
    let points = past["points"].as_array().unwrap();
    assert_eq!(points.len(), 1);
    assert_eq!((&points[0]["count"], &points[0]["quantiles"]["p50"]), (&10.into(), &5.5.into()));
    assert!(points[0]["time"].as_u64().unwrap() > 1_600_000_000_000);
    let empty = serde_json::json!({ "points": [] });
    assert_eq!(json(&server, "/history.json?origin=user&name=job_seconds"), empty);
    let without = serve(&registry);
    assert_eq!(get(tcp(&without), "/metrics").status, 200);
    assert_eq!(json(&without, "/history.json?origin=user&name=job_seconds&label=import"), empty);
}

#[test]
fn the_page_learns_where_the_metrics_come_from() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source::new(directory.path()).with_view("canonical".parse().unwrap());
    let server = Server::start(source, "127.0.0.1:0".parse().unwrap()).unwrap();
    let about = json(&server, "/about.json");
    assert_eq!(about["directory"], directory.path().to_str().unwrap());
    assert_eq!(about["surfaces"], serde_json::json!(["canonical"]));
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert!(about["host"].as_str().is_some_and(|host| !host.is_empty()));
    assert!(json(&serve(&Registry::new()), "/about.json")["directory"].is_null());
}

#[test]
fn the_snapshot_has_the_names_of_a_surface() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(Source::new(directory.path()), "127.0.0.1:0".parse().unwrap()).unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    registry.counter("mails", "Mails.", &[]).unwrap().labels(&[]).unwrap().inc();
    for surface in ["legacy", "canonical"] {
        let snapshot = json(&server, &format!("/snapshot.json?surface={surface}"));
        assert_eq!(snapshot["families"][0]["shown"][0]["name"], "mails_total");
    }
    assert_eq!(get(tcp(&server), "/snapshot.json?surface=legacy,canonical").status, 400);
}

#[test]
fn a_window_is_found_by_the_labels_of_its_series() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job", "zone"]).unwrap();
    for value in [0.25, 3.0, 0.5] {
        jobs.labels(&["a b", "ü&"]).unwrap().observe(value);
    }
    registry.counter("mails", "", &[]).unwrap().labels(&[]).unwrap().inc();
    let server = serve(&registry);
    let window = json(&server, "/window.json?origin=user&name=job_seconds&label=a+b&label=%C3%BC%26&more=1");
    assert_eq!(window, serde_json::json!({ "count": 3, "values": [0.25, 3.0, 0.5] }));
    for query in [
        "",
        "?origin=user&name=job_seconds",
        "?origin=user&name=job_seconds&label=%C3%BC%26&label=a+b",
        "?origin=conductor&name=job_seconds&label=a+b&label=%C3%BC%26",
        "?origin=user&name=mails",
    ] {
        let answer = get(tcp(&server), &format!("/window.json{query}"));
        assert_eq!(answer.status, 404, "{query}");
        assert!(answer.body.contains("/snapshot.json"));
    }
}
