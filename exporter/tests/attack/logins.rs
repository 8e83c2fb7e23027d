//! Clients that guess passwords.

use std::{
    fs,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{endpoint::Endpoint, http_client, scale};

const GUESSES: usize = 300;
/// The bcrypt hash of `pass`.
const HASH: &str = "$2b$06$F.3s4m6OlE3Rvfj/aymJw.hmsY1B3PEFGRMWao0qrDmXyBl9iKvrW";

fn login(pair: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(pair))
}

#[test]
fn password_guesses_delay_no_scrape() {
    let folder = tempfile::tempdir().unwrap();
    let auth = folder.path().join("auth");
    fs::write(&auth, format!("basic ann:{HASH}\n")).unwrap();
    let endpoint = Endpoint::with_options(&["--auth", &auth.display().to_string()]);
    let right = login("ann:pass");
    let answer = || http_client::ask_with(endpoint.address, "GET", "/metrics", &[&right]).status;
    assert_eq!(answer(), 200);
    let count = GUESSES * scale();
    let (mut sent, mut sockets) = (0, Vec::new());
    for number in 0..count {
        let guess = login(&format!("ann:guess-{number}"));
        let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{guess}\r\n\r\n");
        sent += request.len();
        sockets.push(endpoint.send_from(1 + (number % 8) as u8, request.as_bytes()));
        if number % 100 == 50 {
            let start = Instant::now();
            assert_eq!(answer(), 200);
            assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        }
    }
    endpoint.report("guesses of hashed passwords", count, sent);
    endpoint.end();
}
