//! Slow clients, and the responses that other clients receive meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]
mod http_client;
mod terminal;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use http_client::{ask_on, connect, tcp};
use ictus::Registry;
use ictus_exporter::{
    Source,
    http::{BoundAddress, Server},
};

const CLIENTS: usize = 200;
const SCRAPES: usize = 20;
/// More bytes than sockets buffer for a client that does not read.
const LARGE: usize = 6 << 20;

/// Creates a registry with a large exposition.
fn large(directory: &Path) -> Registry {
    let registry = Registry::open(directory).unwrap();
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    for name in ["first_seconds", "second_seconds"] {
        let family = registry.timer(name, "", &["queue"]).unwrap();
        for queue in 0..900 {
            family.labels(&[&format!("{queue:0>500}")]).unwrap().observe(0.25);
        }
    }
    registry
}

/// Connects 200 clients: some send nothing, some send half a head, some send a request and do not
/// read the response. Meanwhile workers record, and the endpoint must answer other clients. In the
/// end, a client of the last kind gets its complete response.
fn attached_clients_delay_nobody<S: Read + Write>(registry: &Registry, connect: impl Fn() -> S) {
    let mut attached: Vec<S> = (0..CLIENTS)
        .map(|index| {
            let mut stream = connect();
            let said: &[u8] = match index % 3 {
                0 => b"",
                1 => b"GET /metrics HTTP/1.1\r\nHost:",
                _ => b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            };
            stream.write_all(said).unwrap();
            stream
        })
        .collect();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    let start = Instant::now();
    for scrape in 0..SCRAPES {
        jobs.inc();
        let answer = ask_on(connect(), "GET", "/metrics?name[]=jobs", &[]);
        assert!(answer.body.ends_with(&format!("\njobs_total {}.0\n", scrape + 2)), "{}", answer.body);
    }
    assert!(ask_on(connect(), "GET", "/metrics", &[]).body.len() > LARGE);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let mut answer = Vec::new();
    attached[2].read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() > LARGE, "{} bytes", answer.len());
}

#[test]
fn slow_clients_do_not_delay_the_library_over_tcp() {
    let directory = tempfile::tempdir().unwrap();
    let registry = large(directory.path());
    let server = Server::start(Source::new(directory.path()), "127.0.0.1:0".parse().unwrap()).unwrap();
    attached_clients_delay_nobody(&registry, || connect(tcp(&server)));
}

#[test]
fn slow_clients_do_not_delay_the_library_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let registry = large(directory.path());
    let path = directory.path().join("metrics.sock");
    let server =
        Server::start(Source::new(directory.path()), BoundAddress::Unix(path.clone()).into()).unwrap();
    attached_clients_delay_nobody(&registry, || UnixStream::connect(&path).unwrap());
    server.stop();
}

#[test]
fn slow_clients_do_not_delay_the_command() {
    let directory = tempfile::tempdir().unwrap();
    let registry = large(directory.path());
    let (running, address) = terminal::serve(directory.path(), &[]);
    attached_clients_delay_nobody(&registry, || connect(address));
    assert_eq!(running.end("-TERM").0, Some(0));
}
