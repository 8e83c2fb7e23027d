//! Growth of a segment in system calls: at most one call for each 256 KiB, and none without need.
//!
//! The tests run in a separate process, because they start this program again under another one
//! that counts.
#![cfg(all(target_os = "linux", not(ictus_portable)))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says what it skips"
)]

use std::{path::Path, process::Command, thread};

use ictus::Registry;

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";
const STEP: u64 = 256 << 10;

/// Runs only where the test below starts it, in a process that is traced.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let registry = Registry::open(Path::new(&directory)).unwrap();
    let family = registry.timer("work_seconds", "", &["queue"]).unwrap();
    // Threads that begin at once create a segment each, one of which is kept.
    family.labels(&["0 0"]).unwrap().observe(1.0);
    thread::scope(|scope| {
        for thread in 0..4 {
            let family = &family;
            scope.spawn(move || {
                for queue in 0..50 {
                    let timer = family.labels(&[&format!("{thread} {queue}")]).unwrap();
                    (0..3000).for_each(|n| timer.observe(f64::from(n)));
                }
            });
        }
    });
    let timer = family.labels(&["0 0"]).unwrap();
    (0..3000).for_each(|n| timer.observe(f64::from(n)));
    // From here on, the segment no longer grows.
    std::fs::write(Path::new(&directory).join("grown"), "").unwrap();
    (0..1_000_000).for_each(|_| timer.observe(1.0));
}

#[test]
fn growth_takes_at_most_one_call_for_each_step() {
    let can_trace = Command::new("strace").args(["-e", "trace=none", "true"]).output();
    if !can_trace.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no strace, or it may not trace");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let log = parent.path().join("calls");
    let traced = Command::new("strace")
        .args(["-f", "-e", "trace=fallocate,openat", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--test-threads=1"])
        .env(DIRECTORY, parent.path())
        .output();
    let traced = traced.unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let log = std::fs::read_to_string(&log).unwrap();
    let (growing, grown) = log.split_once("grown\"").unwrap();
    // strace prints the end of an interrupted call on another line, as "resumed".
    let calls = |log: &str| log.matches("fallocate(").count() as u64;
    let segment = std::fs::read_dir(parent.path().join("ictus")).unwrap().flatten();
    let bytes: u64 = segment
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "seg"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(bytes > 10 * STEP, "{bytes} bytes");
    assert!(calls(growing) <= bytes / STEP, "{} calls for {bytes} bytes", calls(growing));
    assert_eq!(calls(grown), 0);
}
