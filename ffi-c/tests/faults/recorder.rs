//! The Rust recorder of `faults/matrix.py`, which lists its commands.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{self, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ictus::{Family, Registry, Timer};
use ictus_exporter::{
    Source,
    http::{ListenAddress, Server},
};

use super::host::{Host, channel};

/// Below a family's limit of series.
const MAX_CHURN: u32 = 500;
/// Names the directory to record into; the test does nothing without it.
const DIRECTORY: &str = "FAULTS_DIRECTORY";

#[test]
fn recorder() {
    if let Ok(directory) = env::var(DIRECTORY) {
        Recorder::new(directory).run();
        // Do not end as a test does: the thread that waits for this test may not exist in this
        // process.
        process::exit(0);
    }
}

fn record(timer: &Timer, from: u32, count: u32) {
    (from + 1..=from + count).for_each(|number| timer.observe(f64::from(number)));
}

fn grow(family: &Family<Timer>, prefix: &str, from: u32, count: u32) {
    for n in from..from + count {
        record(&family.labels(&[&format!("{prefix}{n}")]).unwrap(), 0, 10);
    }
}

struct Recorder {
    directory: String,
    host: Arc<Host>,
    objects: Option<(Family<Timer>, Registry)>,
    churns: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    server: Option<Server>,
}

impl Recorder {
    fn new(directory: String) -> Recorder {
        let registry = Registry::open(&directory).unwrap();
        let family = registry.timer("work_seconds", "Work.", &["label"]).unwrap();
        Recorder {
            directory,
            host: Arc::new(Host::load()),
            objects: Some((family, registry)),
            churns: Arc::default(),
            thread: None,
            server: None,
        }
    }

    fn run(mut self) {
        let (commands, mut answers) = channel();
        writeln!(answers, "ready").unwrap();
        for line in BufReader::with_capacity(1, commands).lines() {
            let line = line.unwrap();
            let result = self.act(&line.split(' ').collect::<Vec<_>>());
            writeln!(answers, "{result}").unwrap();
            if line == "exit" {
                // The exit drops nothing, as in a program that ends by itself.
                process::exit(0);
            }
        }
    }

    fn family(&self) -> &Family<Timer> {
        &self.objects.as_ref().unwrap().0
    }

    fn timer(&self, label: &str) -> Timer {
        self.family().labels(&[label]).unwrap()
    }

    fn act(&mut self, words: &[&str]) -> String {
        let number = |text: &str| text.parse::<u32>().unwrap();
        let ended = |status| format!("ok {status}");
        match *words {
            ["record", label, from, count] => record(&self.timer(label), number(from), number(count)),
            ["grow", prefix, from, count] => grow(self.family(), prefix, number(from), number(count)),
            ["churn"] => self.begin_churn(),
            ["calm"] => {
                self.churns.store(false, Relaxed);
                self.thread.take().unwrap().join().unwrap();
            }
            ["fork", label, count] => {
                return ended(self.host.fork(|| record(&self.timer(label), 0, number(count))));
            }
            ["clone", label, count] => {
                return ended(self.host.clone_process(|| record(&self.timer(label), 0, number(count))));
            }
            ["serve", _] => return self.serve(),
            ["host", action, argument] if self.host.act(action, argument) => {}
            ["host", ..] => return "failed".to_owned(),
            ["drop"] => self.objects = None,
            ["exec"] => panic!("{}", Command::new("/proc/self/exe").args(env::args().skip(1)).exec()),
            ["exit"] => {}
            _ => panic!("{words:?}"),
        }
        "ok".to_owned()
    }

    fn begin_churn(&mut self) {
        self.churns.store(true, Relaxed);
        let (churns, family, host) =
            (Arc::clone(&self.churns), self.family().clone(), Arc::clone(&self.host));
        self.thread = Some(thread::spawn(move || {
            let mut created = 0;
            while churns.load(Relaxed) && created < MAX_CHURN {
                grow(&family, "churn", created, 1);
                created += 1;
                host.set_progress(created);
                thread::sleep(Duration::from_micros(500));
            }
        }));
    }

    fn serve(&mut self) -> String {
        let listen: ListenAddress = "127.0.0.1:0".parse().unwrap();
        let server = Server::start(Source::new(&self.directory), listen).unwrap();
        let port = server.address().tcp().unwrap().port();
        self.server = Some(server);
        format!("ok {port}")
    }
}
