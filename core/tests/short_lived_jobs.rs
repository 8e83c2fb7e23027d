//! Short-lived jobs in a directory without a reader.
//!
//! The test runs in a separate process: a process that another test starts holds copies of this
//! process's locks until it executes its own program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use ictus::{Reader, Registry, snapshot::Value};

/// The number of segments up to which a job that opens the directory leaves dead segments alone.
const LEFT_ALONE: usize = 32;
/// Other files in the folder: totals, epoch and lock.
const OTHERS: usize = 3;

#[test]
fn directory_without_a_reader_stays_small() {
    let parent = tempfile::tempdir().unwrap();
    for job in 1..=400 {
        let registry = Registry::open(parent.path()).unwrap();
        registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
        drop(registry);
        let left = std::fs::read_dir(parent.path().join("ictus")).unwrap().count();
        assert!(left <= LEFT_ALONE + 1 + OTHERS, "{left} files after {job} jobs");
    }
    let snapshot = Reader::new(parent.path()).snapshot().unwrap();
    match snapshot.family("work_seconds").unwrap().get(&[]) {
        Some(Value::Timer(timing)) => assert_eq!(timing.count, 400),
        other => panic!("{other:?}"),
    }
}
