//! Malformed requests, and requests of the maximum size.

use std::time::{Duration, Instant};

use crate::{endpoint::Endpoint, scale};

const REQUESTS: usize = 400;

/// A generator of the same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Returns a request with some bytes changed, doubled or removed.
fn mutated(random: &mut Random) -> Vec<u8> {
    let heads: [&[u8]; 4] = [
        b"GET /metrics?name[]=jobs_total&surface=legacy HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;q=0.5\r\nConnection: close\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /x",
        b"GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip;q=1,*;q=0\r\nConnection: close\r\n\r\n",
        b"GET /window.json?origin=general&name=jobs&label=a&label=%ff HTTP/1.0\r\nAuthorization: Basic !\r\nConnection: close\r\n\r\n",
    ];
    let mut bytes = heads[random.below(heads.len())].to_vec();
    for _ in 0..random.below(6) {
        let index = random.below(bytes.len());
        match random.below(3) {
            0 => bytes[index] = random.below(256) as u8,
            1 => {
                bytes.remove(index);
            }
            _ => {
                let part = bytes[index..].to_vec();
                bytes.extend(part);
            }
        }
    }
    bytes
}

#[test]
fn mutated_requests() {
    let endpoint = Endpoint::small();
    let (mut random, mut sent) = (Random(1), 0);
    let count = REQUESTS * scale();
    let mut sockets = Vec::new();
    for number in 0..count {
        let bytes = mutated(&mut random);
        sent += bytes.len();
        // Do not wait for a response to these: the bytes may be only a part of a head.
        sockets.push(endpoint.send_from(1 + (number % 8) as u8, &bytes));
        if sockets.len() == 100 {
            sockets.clear();
        }
    }
    endpoint.is_scraped_within(9, Duration::from_secs(1));
    endpoint.report("mutated requests", count, sent);
    endpoint.end();
}

#[test]
fn endless_headers() {
    let endpoint = Endpoint::small();
    let head = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(1 << 20));
    let count = 50 * scale();
    let start = Instant::now();
    for number in 0..count {
        // The endpoint refuses the head, or resets the connection, as soon as the head is too long.
        let status = endpoint.status_from(1 + (number % 8) as u8, head.as_bytes());
        assert!(matches!(status, 0 | 431), "{status}");
    }
    assert!(start.elapsed() < Duration::from_secs(10 * scale() as u64), "{:?}", start.elapsed());
    endpoint.report("heads of 1 MB", count, count * head.len());
    endpoint.end();
}
