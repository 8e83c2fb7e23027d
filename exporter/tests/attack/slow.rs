//! Connections that send little, or nothing.

use std::{thread, time::Duration};

use crate::{endpoint::Endpoint, scale};

/// More connections than the endpoint accepts.
const SOCKETS: usize = 520;

fn attack(name: &str, said: &[u8]) {
    let endpoint = Endpoint::small();
    for round in 0..scale() {
        let sockets: Vec<_> = (0..SOCKETS).map(|_| endpoint.send_from(1, said)).collect();
        thread::sleep(Duration::from_millis(200));
        // From another address, and from the address that all slow clients share.
        endpoint.is_scraped_within(9, Duration::from_secs(1));
        endpoint.is_scraped_within(1, Duration::from_secs(1));
        endpoint.report(&format!("{name}, round {round}"), SOCKETS, SOCKETS * said.len());
        drop(sockets);
    }
    endpoint.end();
}

#[test]
fn silent_sockets() {
    attack("520 sockets: silent", b"");
}

#[test]
fn partial_headers() {
    attack("520 sockets: half a head", b"GET /metrics HTTP/1.1\r\nHost: loc");
}

#[test]
fn idle_kept_connections() {
    attack("520 sockets: kept alive", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
