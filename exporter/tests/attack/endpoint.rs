//! An endpoint in a separate process, the resources that it uses, and clients with several
//! addresses.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use ictus::Registry;
use socket2::{Domain, Socket, Type};

use crate::{http_client, terminal};

/// The maximum memory of an exporter with 5,000 series under any attack, in MB.
pub(crate) const MAX_RSS: usize = 160;

pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    running: terminal::StartedCommand,
    _directory: tempfile::TempDir,
    start: Instant,
}

impl Endpoint {
    /// Starts an endpoint with 5,000 series.
    pub(crate) fn large() -> Endpoint {
        Endpoint::start(&[], |directory| {
            let registry = Registry::open(directory).unwrap();
            for name in ["first", "second", "third", "fourth", "fifth"] {
                let family = registry.timer(&format!("{name}_seconds"), "", &["queue"]).unwrap();
                for queue in 0..1_000 {
                    let timer = family.labels(&[&format!("queue-of-some-name-{queue}")]).unwrap();
                    (1..4).for_each(|value| timer.observe(f64::from(value) / 7.0));
                }
            }
        })
    }

    pub(crate) fn small() -> Endpoint {
        Endpoint::with_options(&[])
    }

    pub(crate) fn with_options(options: &[&str]) -> Endpoint {
        Endpoint::start(options, |directory| {
            let registry = Registry::open(directory).unwrap();
            registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        })
    }

    fn start(options: &[&str], record: impl FnOnce(&Path)) -> Endpoint {
        let directory = tempfile::tempdir().unwrap();
        record(directory.path());
        let (running, address) = terminal::serve(directory.path(), options);
        // Scrape once, so that the endpoint takes the memory that it needs without any attack.
        assert!(matches!(http_client::get(address, "/metrics").status, 200 | 401));
        Endpoint { address, running, _directory: directory, start: Instant::now() }
    }

    /// Returns a line of `/proc/…/status` in MB.
    pub(crate) fn memory(&self, line: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.id())).unwrap();
        let line = status.lines().find(|text| text.starts_with(line)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
    }

    /// Prints the resources that an attack took. Fails if the peak of the memory is above the
    /// maximum.
    pub(crate) fn report(&self, attack: &str, requests: usize, bytes: usize) {
        let (peak, now, seconds) = (self.memory("VmHWM"), self.memory("VmRSS"), self.start.elapsed());
        println!(
            "attack: {attack:<34} {requests:>6} requests {:>8} bytes sent {:>6.1} s  peak {peak:>4} MB, then {now:>4} MB",
            bytes,
            seconds.as_secs_f64(),
        );
        assert!(peak <= MAX_RSS, "{attack}: {peak} MB");
    }

    /// Connects from one of the loopback addresses, with the smallest receive buffer that a client
    /// can have.
    pub(crate) fn connect_from(&self, last: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let local = SocketAddr::new(IpAddr::from([127, 0, 0, last]), 0);
        socket.bind(&local.into()).unwrap();
        socket.connect_timeout(&self.address.into(), Duration::from_secs(10)).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends the bytes on a new connection. The endpoint may refuse them.
    pub(crate) fn send_from(&self, last: u8, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect_from(last);
        let _ = stream.write_all(bytes);
        stream
    }

    /// Sends the bytes, and returns the status of the response; 0 if there is none.
    pub(crate) fn status_from(&self, last: u8, bytes: &[u8]) -> u16 {
        let mut stream = self.send_from(last, bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        status.and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// Scrapes from an address until the status is 200. Fails after `patience`.
    pub(crate) fn is_scraped_within(&self, last: u8, patience: Duration) {
        let start = Instant::now();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        loop {
            let status = self.status_from(last, request);
            if status == 200 {
                return;
            }
            assert!(start.elapsed() < patience, "answered with {status} after {:?}", start.elapsed());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn end(self) {
        assert_eq!(self.running.end("-TERM").0, Some(0));
    }
}
