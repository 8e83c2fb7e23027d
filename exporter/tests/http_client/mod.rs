//! An HTTP client that sends and returns raw bytes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too; no test needs all of them"
)]
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use ictus_exporter::http::Server;

/// A response with its raw bytes.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) bytes: Vec<u8>,
    /// The bytes as text; empty if they are not text.
    pub(crate) body: String,
}

impl Response {
    /// Returns the value of a header; `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Returns the address of a server on a TCP port.
pub(crate) fn tcp(server: &Server) -> SocketAddr {
    server.address().tcp().unwrap()
}

/// Connects, with a timeout that turns a hanging server into a failing test.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends a single request on a connection, with these lines in its head, and returns the response.
pub(crate) fn ask_on(mut stream: impl Read + Write, method: &str, target: &str, lines: &[&str]) -> Response {
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").unwrap();
    lines.iter().for_each(|line| write!(stream, "{line}\r\n").unwrap());
    write!(stream, "\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head in {answer:?}"));
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let bytes = answer[end + 4..].to_vec();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = String::from_utf8(bytes.clone()).unwrap_or_default();
    Response { status, head, bytes, body }
}

/// Sends a request on a new connection.
pub(crate) fn ask_with(address: SocketAddr, method: &str, target: &str, lines: &[&str]) -> Response {
    ask_on(connect(address), method, target, lines)
}

pub(crate) fn ask(address: SocketAddr, method: &str, target: &str) -> Response {
    ask_with(address, method, target, &[])
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Response {
    ask(address, "GET", target)
}
