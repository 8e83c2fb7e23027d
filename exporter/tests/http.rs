//! The endpoint over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]
mod http_client;

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use http_client::{ask, ask_with, connect, get, tcp};
use ictus::surface::{Surface, View};
use ictus_exporter::{
    Error, Source,
    http::{ListenAddress, Server},
};

const TEXT: &str = "# HELP up Whether.\n# TYPE up gauge\nup 1.0\n";

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn serve(source: Source) -> Server {
    Server::start(source, loopback().into()).unwrap()
}

fn plain() -> Server {
    serve(Source::from_fn(|_| TEXT.to_owned()))
}

#[test]
fn the_metrics_are_served_as_text() {
    let server = plain();
    let answer = get(tcp(&server), "/metrics");
    assert_eq!((answer.status, answer.body.as_str()), (200, TEXT));
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("content-length"), Some(TEXT.len().to_string().as_str()));
}

#[test]
fn large_exposition_is_complete() {
    let text: String = (0..200_000).map(|n| format!("sample_{n} {n}.0\n")).collect();
    let server = serve(Source::from_fn({
        let text = text.clone();
        move |_| text.clone()
    }));
    assert!(get(tcp(&server), "/metrics").body == text);
}

#[test]
fn an_unknown_query_changes_nothing() {
    let server = plain();
    for target in ["/metrics?x=1", "/metrics?", "/metrics?name[]=up&%zz"] {
        let answer = get(tcp(&server), target);
        assert_eq!((answer.status, answer.body.as_str()), (200, TEXT), "{target}");
    }
}

#[test]
fn head_response_equals_get_without_its_body() {
    let server = plain();
    let answer = ask(tcp(&server), "HEAD", "/metrics");
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-length"), Some(TEXT.len().to_string().as_str()));
}

#[test]
fn health_answers_ok() {
    let server = plain();
    for target in ["/", "/health", "/health?probe=1"] {
        let answer = get(tcp(&server), target);
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{target}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    }
}

#[test]
fn other_paths_point_to_the_metrics() {
    let server = plain();
    for target in ["/metric", "/metrics/", "/healthz", "/a/../metrics"] {
        let answer = get(tcp(&server), target);
        assert_eq!((answer.status, answer.body.as_str()), (404, "Not Found - Try /metrics"), "{target}");
    }
}

#[test]
fn other_methods_are_refused() {
    let server = plain();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = ask(tcp(&server), method, "/metrics");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn the_client_chooses_the_view() {
    let server = serve(Source::from_fn(|view| format!("{view:?}")));
    for (name, surface) in [("legacy", Surface::Legacy), ("canonical", Surface::Canonical)] {
        let answer = get(tcp(&server), &format!("/metrics?surface={name}"));
        assert_eq!(answer.body, format!("{:?}", View::new(&[surface]).unwrap()));
    }
}

#[test]
fn invalid_view_is_a_client_error() {
    let server = plain();
    let answer = get(tcp(&server), "/metrics?surface=legacy,canonical");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, ictus::Error::SurfaceConflict.to_string());
    for job in ["?surface=canonical", "?surface=legacy,documented"] {
        assert!(answer.body.contains(job), "{}", answer.body);
    }
    let answer = get(tcp(&server), "/metrics?surface=legcy");
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("legcy") && answer.body.contains("documented"), "{}", answer.body);
}

#[test]
fn error_of_a_used_port_names_its_remedy() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let error = Server::start(Source::from_fn(|_| String::new()), address.into()).unwrap_err();
    assert!(matches!(error, Error::Bind { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("choose another port"), "{text}");
}

#[test]
fn the_port_is_free_after_a_stop() {
    let server = plain();
    let address = tcp(&server);
    // A client that stays connected must not keep the port in use.
    let mut idle = connect(address);
    write!(idle, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 1]).unwrap();
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(1), "idle clients held the stop: {:?}", start.elapsed());
    let again = Server::start(Source::from_fn(|_| TEXT.to_owned()), address.into()).unwrap();
    assert_eq!(get(address, "/metrics").body, TEXT);
    server.stop();
    drop(again);
    TcpListener::bind(address).unwrap();
}

#[test]
fn stop_lets_a_scrape_finish() {
    let (entered, scraping) = mpsc::channel();
    let server = serve(Source::from_fn(move |_| {
        entered.send(()).unwrap();
        thread::sleep(Duration::from_millis(200));
        TEXT.to_owned()
    }));
    let address = tcp(&server);
    let scraper = thread::spawn(move || get(address, "/metrics"));
    scraping.recv().unwrap();
    server.stop();
    assert_eq!(scraper.join().unwrap().body, TEXT);
}

#[test]
fn waiting_ends_with_a_stop() {
    let server = Arc::new(plain());
    let waiter = thread::spawn({
        let server = server.clone();
        move || server.wait()
    });
    server.stop();
    waiter.join().unwrap();
}

#[test]
fn endless_header_is_refused() {
    let server = plain();
    let cookie = format!("Cookie: {}", "x".repeat(20_000));
    assert_eq!(ask_with(tcp(&server), "GET", "/metrics", &[&cookie]).status, 431);
    assert_eq!(get(tcp(&server), "/metrics").body, TEXT);
}

#[test]
fn slow_snapshot_blocks_no_accept() {
    let (entered, scraping) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let server = serve(Source::from_fn(move |_| {
        entered.send(()).unwrap();
        let _ = gate.recv();
        TEXT.to_owned()
    }));
    let address = tcp(&server);
    let scraper = thread::spawn(move || get(address, "/metrics"));
    scraping.recv().unwrap();
    assert_eq!(get(address, "/health").body, "OK");
    go.send(()).unwrap();
    assert_eq!(scraper.join().unwrap().body, TEXT);
}

#[test]
fn concurrent_scrapes_share_snapshots() {
    const SCRAPERS: usize = 20;
    let snapshots = Arc::new(AtomicUsize::new(0));
    let source = Source::from_fn(|_| TEXT.to_owned()).with_extra(Arc::new({
        let snapshots = snapshots.clone();
        move || {
            snapshots.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(100));
            Arc::default()
        }
    }));
    let server = serve(source);
    let address = tcp(&server);
    let barrier = Arc::new(Barrier::new(SCRAPERS));
    let scrapers: Vec<_> = (0..SCRAPERS)
        .map(|_| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                barrier.wait();
                get(address, "/metrics")
            })
        })
        .collect();
    for scraper in scrapers {
        assert_eq!(scraper.join().unwrap().body, TEXT);
    }
    // One snapshot for the first scrape, one for all scrapes that arrived meanwhile, and one or two
    // for late scrapes on a busy machine.
    let snapshots = snapshots.load(Ordering::SeqCst);
    assert!(snapshots <= 4, "{snapshots} snapshots for {SCRAPERS} scrapes");
}

#[test]
fn panic_in_a_hook_fails_one_scrape() {
    let calls = AtomicUsize::new(0);
    let server = serve(Source::from_fn(move |_| {
        assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "the first scrape fails");
        TEXT.to_owned()
    }));
    assert_eq!(get(tcp(&server), "/metrics").status, 500);
    assert_eq!(get(tcp(&server), "/metrics").body, TEXT);
}

#[test]
fn kept_connections_serve_several_requests() {
    let server = plain();
    let mut stream = connect(tcp(&server));
    for _ in 0..3 {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\nOK") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
    }
}

#[test]
fn half_closed_client_gets_its_response() {
    let server = plain();
    let mut stream = connect(tcp(&server));
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(TEXT), "{answer}");
}

#[test]
fn ipv6_is_served_if_available() {
    let Ok(server) = Server::start(Source::from_fn(|_| TEXT.to_owned()), "[::1]:0".parse().unwrap()) else {
        return;
    };
    assert_eq!(get(tcp(&server), "/metrics").body, TEXT);
}

#[test]
fn loopback_endpoint_refuses_names_of_other_sites() {
    let server = plain();
    let status = |head: &str| {
        let mut stream = connect(tcp(&server));
        write!(stream, "{head}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let port = tcp(&server).port();
    assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\nHost: localhost:{port}\r\n")), "200");
    assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n"), "421");
    assert_eq!(status("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n"), "421");
    assert_eq!(status("GET /metrics HTTP/1.1\r\n"), "400");
    assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"), "400");
    let listen = ListenAddress::from(loopback()).with_allowed_hosts(["metrics.example".to_owned()]);
    let named = Server::start(Source::from_fn(|_| TEXT.to_owned()), listen).unwrap();
    let mut stream = connect(tcp(&named));
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: metrics.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn responses_keep_browsers_of_other_sites_out() {
    let server = plain();
    for (method, target) in [
        ("GET", "/metrics"),
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("POST", "/metrics"),
        ("GET", "/snapshot.json"),
    ] {
        let answer = ask(tcp(&server), method, target);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {target} {name}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn failure_does_not_reveal_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("s3cret-folder");
    std::fs::write(&metrics, "no directory").unwrap();
    let server = serve(Source::new(&metrics));
    let answer = get(tcp(&server), "/metrics");
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("s3cret"), "{}", answer.body);
}
