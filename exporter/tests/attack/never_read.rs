//! Clients that send requests and never read the responses.

use std::{thread, time::Duration};

use crate::{endpoint::Endpoint, scale};

const CLIENTS: usize = 200;
/// The time for which the clients hold their connections after the requests.
const HOLD: Duration = Duration::from_secs(3);

/// Sends the requests on connections from two addresses, and holds the connections. Meanwhile the
/// endpoint must answer another address.
fn attack(name: &str, request: impl Fn(usize) -> String) {
    let endpoint = Endpoint::large();
    let count = CLIENTS * scale();
    let mut sent = 0;
    let sockets: Vec<_> = (0..count)
        .map(|number| {
            let request = request(number);
            sent += request.len();
            endpoint.send_from(1 + (number % 2) as u8, request.as_bytes())
        })
        .collect();
    endpoint.is_scraped_within(9, Duration::from_secs(30));
    thread::sleep(HOLD);
    drop(sockets);
    endpoint.is_scraped_within(9, Duration::from_secs(5));
    endpoint.report(name, count, sent);
    endpoint.end();
}

#[test]
fn plain_scrapes() {
    attack("never read: /metrics", |_| "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned());
}

#[test]
fn distinct_names() {
    attack("never read: /metrics?name[]=", |number| {
        let names =
            ["first", "second", "third", "fourth", "fifth"].map(|name| format!("name[]={name}_seconds&"));
        format!("GET /metrics?{}name[]={number} HTTP/1.1\r\nHost: localhost\r\n\r\n", names.concat())
    });
}

#[test]
fn snapshots_as_json() {
    attack("never read: /snapshot.json", |_| {
        "GET /snapshot.json HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()
    });
}

#[test]
fn formats_and_compression() {
    attack("never read: formats, gzip", |number| {
        let accept = ["text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"];
        let surface = ["legacy", "documented", "canonical"][number / 3 % 3];
        format!(
            "GET /metrics?surface={surface}&native={} HTTP/1.1\r\nHost: localhost\r\nAccept: {}\r\n\
             Accept-Encoding: {}\r\n\r\n",
            number % 2,
            accept[number % 3],
            ["gzip", "identity"][number / 9 % 2]
        )
    });
}

#[test]
fn pipelined_scrapes() {
    attack("never read: 30 pipelined", |_| "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(30));
}
