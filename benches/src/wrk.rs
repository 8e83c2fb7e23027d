//! The number of requests that an endpoint answers, as measured by wrk.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

/// The timeout of a request; a longer one counts as an error.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The measurements of wrk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WrkResult {
    /// Responses per second.
    pub(crate) rate: f64,
    /// Bytes of a response with its head, including parts of responses that came too late.
    pub(crate) bytes: f64,
    /// Failed requests and error responses.
    pub(crate) errors: f64,
    /// The median of the nanoseconds from request to response.
    pub(crate) p50: f64,
    /// The 99th percentile of the nanoseconds from request to response.
    pub(crate) p99: f64,
}

/// Whether wrk is installed.
#[must_use]
pub(crate) fn is_installed() -> bool {
    // Called with `--version`, wrk fails as if called wrongly.
    Command::new("wrk").arg("--version").output().is_ok()
}

/// Requests metrics for a duration over a number of connections. Each connection sends the next
/// request as soon as it has the response.
pub(crate) fn wrk(address: SocketAddr, connections: usize, during: Duration) -> WrkResult {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("wrk.lua");
    let output = Command::new("wrk")
        .args(["--threads=1", &format!("--connections={connections}")])
        .args([
            format!("--duration={}s", during.as_secs()),
            format!("--timeout={}s", REQUEST_TIMEOUT.as_secs()),
        ])
        .arg(format!("--script={}", script.display()))
        .arg(format!("http://{address}/metrics"))
        .output()
        .expect("wrk");
    let text = String::from_utf8_lossy(&output.stdout);
    parse_output(&text).unwrap_or_else(|| panic!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Parses the output of `wrk.lua`.
fn parse_output(text: &str) -> Option<WrkResult> {
    let line = text.lines().find_map(|line| line.strip_prefix("result\t"))?;
    let numbers: Vec<f64> = line.split('\t').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [requests, microseconds, bytes, errors, p50, p99] = numbers[..] else { return None };
    let rate = requests / microseconds * 1e6;
    Some(WrkResult { rate, bytes: bytes / requests, errors, p50: p50 * 1e3, p99: p99 * 1e3 })
}

/// Returns the body of one response.
pub(crate) fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).expect("an endpoint");
    stream.set_read_timeout(Some(REQUEST_TIMEOUT)).expect("a limit");
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it listens");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.split(' ').nth(1) == Some("200"), "{head}");
    body.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{WrkResult, parse_output};

    #[test]
    fn output_of_the_script_is_parsed() {
        let text = "Running 2s test\nRequests/sec: 50\nresult\t100\t2000000\t5000\t1\t7\t9\n";
        let expected = WrkResult { rate: 50.0, bytes: 50.0, errors: 1.0, p50: 7e3, p99: 9e3 };
        assert_eq!(parse_output(text), Some(expected));
        assert_eq!(parse_output("result\t100\t2000000\n"), None);
        assert_eq!(parse_output("unable to connect"), None);
    }
}
