//! Endpoints of metrics, each in a separate process, and the recorders of their data: the command
//! `ictus serve`, and the HTTP server of Python's `prometheus_client`.

use std::{
    env, fmt,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ictus::{Registry, Timer};
use tempfile::TempDir;

use crate::{
    data::Random,
    python::Program,
    recorder::{Series, timers},
};

/// The processes that record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorders {
    /// The number of processes.
    pub(crate) processes: usize,
    /// The number of timers of each process, the same timers in all of them.
    pub(crate) timers: usize,
}

/// Observations per second of all processes together. The rate is so high that all timers change
/// from one response to the next.
pub(crate) const RATE: f64 = 600_000.0;
/// The same for the other client, which answers less often and pays more for each observation.
pub(crate) const PROMETHEUS_CLIENT_RATE: f64 = 30_000.0;
/// Observations of each timer before the measurement, of all processes together: more than a
/// window.
const OBSERVATIONS: usize = 1_280;
/// The interval at which due observations are recorded.
const RECORD_INTERVAL: Duration = Duration::from_millis(1);
/// The argument that makes this program act as the `ictus` command.
const COMMAND_FLAG: &str = "--ictus";

/// An endpoint, and the recorders whose metrics it shows.
pub(crate) trait Endpoint: fmt::Debug {
    /// Returns the name in tables.
    fn name(&self) -> &'static str;
    /// Returns the address on which the endpoint listens.
    fn address(&self) -> SocketAddr;
    /// Starts the observations if they are stopped, and stops them otherwise.
    fn toggle_recording(&mut self);
}

/// The `ictus serve` command, and segments that this process writes.
#[derive(Debug)]
pub(crate) struct Ictus {
    command: Child,
    address: SocketAddr,
    timers: Vec<Timer>,
    recording: Option<(Sender<()>, JoinHandle<()>)>,
    /// Kept open, so that the command can write its log.
    _stderr: BufReader<ChildStderr>,
    /// Kept, because its files are deleted when it is dropped.
    _directory: TempDir,
}

/// The server of Python's `prometheus_client`, and a process that writes its files.
#[derive(Debug)]
pub(crate) struct PrometheusClientServer {
    program: Program,
    address: SocketAddr,
}

/// Runs the `ictus` command if this program was started to act as the command.
pub fn run_command_if_requested() {
    let mut arguments = env::args_os();
    let name = arguments.next();
    if arguments.next().is_some_and(|flag| flag == COMMAND_FLAG) {
        std::process::exit(ictus_exporter::command::run(name.into_iter().chain(arguments), None));
    }
}

impl Ictus {
    /// The name in tables.
    pub(crate) const NAME: &str = "ictus serve";

    pub(crate) fn start(recorders: Recorders) -> Ictus {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut random, mut all_timers) = (Random::new(8), Vec::new());
        for _ in 0..recorders.processes {
            let registry = Registry::open(directory.path()).expect("a directory of our own");
            all_timers.extend(timers(&registry, Series::Buckets, recorders.timers));
        }
        for _ in 0..OBSERVATIONS / recorders.processes {
            all_timers.iter().for_each(|timer| timer.observe(random.duration()));
        }
        let (command, stderr, address) = serve(directory.path());
        Ictus {
            command,
            address,
            timers: all_timers,
            recording: None,
            _stderr: stderr,
            _directory: directory,
        }
    }
}

/// Starts this program as the command, and reads the address on which it listens.
fn serve(directory: &Path) -> (Child, BufReader<ChildStderr>, SocketAddr) {
    let mut command = Command::new(env::current_exe().expect("this program"))
        .args([COMMAND_FLAG, "serve"])
        .arg(directory)
        .arg("--listen=127.0.0.1:0")
        .env_remove("ICTUS_SURFACES")
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program");
    let mut stderr = BufReader::new(command.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("where it listens");
    let address = line.split_once("http://").and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
    let address = address.unwrap_or_else(|| panic!("no address in {line}"));
    (command, stderr, address)
}

impl Endpoint for Ictus {
    fn name(&self) -> &'static str {
        Ictus::NAME
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn toggle_recording(&mut self) {
        if let Some((stop, thread)) = self.recording.take() {
            drop(stop);
            thread.join().expect("no panic");
            return;
        }
        let (stop, stopped) = channel();
        let timers = self.timers.clone();
        let record = move || {
            let (start, mut recorded, mut random) = (Instant::now(), 0, Random::new(9));
            let mut timers = timers.iter().cycle();
            while stopped.recv_timeout(RECORD_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let due = (start.elapsed().as_secs_f64() * RATE) as u64;
                for _ in recorded..due {
                    timers.next().expect("no end").observe(random.duration());
                }
                recorded = due;
            }
        };
        self.recording = Some((stop, thread::spawn(record)));
    }
}

impl Drop for Ictus {
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}

impl PrometheusClientServer {
    /// The name in tables.
    pub(crate) const NAME: &str = "Python's prometheus_client";

    pub(crate) fn start(Recorders { processes, timers }: Recorders) -> PrometheusClientServer {
        let arguments = [processes.to_string(), timers.to_string(), PROMETHEUS_CLIENT_RATE.to_string()];
        let mut program = Program::start("prometheus_client_server.py", &arguments);
        let port = program.read_line().parse().expect("a port");
        PrometheusClientServer { program, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Endpoint for PrometheusClientServer {
    fn name(&self) -> &'static str {
        PrometheusClientServer::NAME
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn toggle_recording(&mut self) {
        let line = self.program.request();
        assert!(["True", "False"].contains(&line.as_str()), "{line}");
    }
}
