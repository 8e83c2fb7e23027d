//! Processes that start, record and are killed, while readers retire their segments.
//!
//! The tests run in a separate process, because they start this program again and kill it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use ictus::{Reader, Registry, Snapshot, snapshot::Timing};
use timing::timing;

mod timing;

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";
const OBSERVATIONS: &str = "ICTUS_TEST_OBSERVATIONS";

/// Runs only in a process that a test below started: observes 1, 2, 3, … and prints each number
/// once its observation has returned.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let observations: u64 = std::env::var(OBSERVATIONS).unwrap().parse().unwrap();
    let registry = Registry::open(Path::new(&directory)).unwrap();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    for number in 1..=observations {
        timer.observe(number as f64);
        println!("observed {number}");
    }
}

fn start(directory: &Path, observations: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(OBSERVATIONS, observations.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the last number that the child printed.
fn said(child: &mut Child) -> u64 {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The output may end in the middle of a line.
    lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("observed ")?.parse().ok())
        .last()
        .unwrap_or(0)
}

/// Returns the timer, or an empty one before the first observation.
fn recorded_so_far(snapshot: &Snapshot) -> Timing {
    snapshot.family("work_seconds").map_or_else(Timing::default, |_| timing(snapshot, "work_seconds", &[]))
}

#[test]
fn recorded_observations_survive_a_kill_at_any_instant() {
    let parent = tempfile::tempdir().unwrap();
    let (mut least, mut seen) = (0, 0);
    let mut round = 0;
    // On a busy machine, the first processes are killed before they record.
    while round < 40 || seen == 0 && round < 1000 {
        let mut child = start(parent.path(), u64::MAX);
        thread::sleep(std::time::Duration::from_micros(3000 + 617 * round));
        child.kill().unwrap();
        least += said(&mut child);
        child.wait().unwrap();
        let now = recorded_so_far(&Reader::new(parent.path()).snapshot().unwrap()).count;
        assert!(now >= seen, "round {round}: the count fell from {seen} to {now}");
        // For each kill, at most one observation was counted and not yet printed.
        assert!((least..=least + round + 1).contains(&now), "round {round}: said {least}, counted {now}");
        (seen, round) = (now, round + 1);
    }
    assert!(seen > 0);
}

#[test]
fn totals_never_decrease_under_constant_retirement() {
    const ROUNDS: u64 = 60;
    const READS: u64 = 20_000;
    let parent = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reader = Reader::new(parent.path());
                    let (mut count, mut sum, mut reads) = (0, 0.0, 0);
                    while !done.load(Ordering::Acquire) || reads < READS / 2 {
                        let now = recorded_so_far(&reader.snapshot().unwrap());
                        assert!(now.count >= count, "count: {count}, then {}", now.count);
                        assert!(now.sum >= sum, "sum: {sum}, then {}", now.sum);
                        assert_eq!(now.window.len() as u64, now.count.min(1000));
                        (count, sum, reads) = (now.count, now.sum, reads + 1);
                    }
                })
            })
            .collect();
        for _ in 0..ROUNDS {
            let mut pair = [start(parent.path(), 150), start(parent.path(), 90)];
            pair.iter_mut().for_each(|child| {
                said(child);
                child.wait().unwrap();
            });
        }
        done.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    let mut reader = Reader::new(parent.path());
    reader.snapshot().unwrap();
    let timing = timing(&reader.snapshot().unwrap(), "work_seconds", &[]);
    assert_eq!(timing.count, ROUNDS * 240);
    assert_eq!(timing.sum, (ROUNDS * (150 * 151 / 2 + 90 * 91 / 2)) as f64);
    let left = std::fs::read_dir(parent.path().join("ictus")).unwrap().count();
    assert!(left <= 3, "{left} files are left; only totals, epoch and lock should be");
}
