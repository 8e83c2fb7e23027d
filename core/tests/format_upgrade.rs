//! A directory during an upgrade: some processes write the next version of its format, others this
//! one.
//!
//! The next version is this library, built with `--cfg ictus_next_format`. `.ci/upgrade.sh` builds
//! it, and `ICTUS_NEXT_FORMAT` names its test program.
//!
//! The tests run in a separate process, because the logger is global.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod log_capture;

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use ictus::{Reader, Registry, snapshot::Value};

const DIRECTORY: &str = "ICTUS_UPGRADE_DIRECTORY";

/// Returns the number of observations that a reader shows, and of segments that it cannot use.
fn look(reader: &mut Reader) -> (u64, u64) {
    let snapshot = reader.snapshot().unwrap();
    let count = match snapshot.family("work_seconds").and_then(|family| family.get(&[])) {
        Some(Value::Timer(timing)) => timing.count,
        None => 0,
        other => panic!("{other:?}"),
    };
    (count, snapshot.health.bad_segments)
}

fn record(registry: &Registry, times: u64) {
    let family = registry.timer("work_seconds", "", &[]).unwrap();
    let timer = family.labels(&[]).unwrap();
    (0..times).for_each(|_| timer.observe(1.0));
}

/// A process of the next version, which executes commands.
struct Next {
    process: Child,
    orders: ChildStdin,
    answers: io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Next {
    fn start(program: &str, directory: &Path) -> Next {
        let mut process = Command::new(program)
            .args(["--exact", "other_version", "--nocapture", "--quiet"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Next { process, orders, answers }
    }

    fn order(&mut self, what: &str) -> (u64, u64) {
        writeln!(self.orders, "{what}").unwrap();
        let answer = self.answers.by_ref().map(Result::unwrap).find(|line| line.starts_with("= ")).unwrap();
        let mut numbers = answer.split(' ').skip(1).map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Runs in the process of the next version. Without a directory in its environment, it tests
/// nothing.
#[test]
fn other_version() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let registry = Registry::open(&directory).unwrap();
    let mut reader = Reader::new(&directory);
    for order in io::stdin().lines().map(Result::unwrap) {
        if let Some(times) = order.strip_prefix("record ") {
            record(&registry, times.parse().unwrap());
        }
        let (count, bad) = look(&mut reader);
        println!("= {count} {bad}");
    }
}

#[test]
fn mixed_versions_lose_nothing() {
    let Some(program) = env::var("ICTUS_NEXT_FORMAT").ok() else {
        println!("SKIPPED: ICTUS_NEXT_FORMAT names no program; .ci/upgrade.sh does");
        return;
    };
    log_capture::install(log::LevelFilter::Warn);
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path();
    let refused = "its format has version 2, and this reader supports versions up to 1; upgrade the reader";

    let registry = Registry::open(directory).unwrap();
    record(&registry, 100);
    let mut reader = Reader::new(directory);
    assert_eq!(look(&mut reader), (100, 0));

    // The next version reads the segments of this one. This version refuses those of the next, logs
    // that once, and goes on with the others.
    let mut next = Next::start(&program, directory);
    assert_eq!(next.order("record 10"), (110, 0));
    record(&registry, 100);
    for _ in 0..3 {
        assert_eq!(look(&mut reader), (200, 1));
    }
    let warnings = log_capture::take();
    assert_eq!(warnings.iter().filter(|said| said.contains(refused)).count(), 1, "{warnings:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");

    // A dead segment that this version cannot read stays, whatever else is retired.
    next.kill();
    drop(registry);
    assert_eq!(look(&mut reader), (200, 1));
    assert_eq!(look(&mut Reader::new(directory)), (200, 1));

    // The next version retires all segments into its own totals.
    let mut next = Next::start(&program, directory);
    assert_eq!(next.order("look"), (210, 0));

    // This version refuses those totals, and leaves them and the segments that it cannot add to
    // them unchanged.
    log_capture::take();
    let registry = Registry::open(directory).unwrap();
    record(&registry, 1_000);
    drop(registry);
    let mut reader = Reader::new(directory);
    for _ in 0..3 {
        assert_eq!(look(&mut reader).0, 1_000);
    }
    let warnings = log_capture::take();
    assert_eq!(
        warnings.iter().filter(|said| said.contains("totals is left out") && said.contains(refused)).count(),
        1,
        "{warnings:?}"
    );
    assert_eq!(next.order("look"), (1_210, 0));
    next.kill();
}
