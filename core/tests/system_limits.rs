//! Limits of the host's system: file sizes, unsupported calls of a file system, locks that other
//! processes hold.
//!
//! The tests run in a separate process, because they start this program again with other limits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise"
)]

use std::{
    fs::File,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use ictus::{Reader, Registry, Snapshot, snapshot::Value};
use rustix::fs::{FlockOperation, flock};

const DIRECTORY: &str = "ICTUS_TEST_LIMITED_DIRECTORY";

fn counts(snapshot: &Snapshot) -> Vec<u64> {
    let family = snapshot.family("job_seconds").unwrap();
    let count = |value: &Value| match value {
        Value::Timer(timing) => timing.count,
        other => panic!("{other:?}"),
    };
    family.series.iter().map(|series| count(&series.value)).collect()
}

fn record(registry: &Registry, series: usize) {
    let jobs = registry.timer("job_seconds", "", &["n"]).unwrap();
    for n in 0..series {
        let timer = jobs.labels(&[&n.to_string()]).unwrap();
        (0..1000).for_each(|_| timer.observe(1.0));
    }
}

/// Runs only where the test below starts it, in a separate process.
#[test]
fn limited_child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let limit = libc::rlimit { rlim_cur: 300 << 10, rlim_max: 300 << 10 };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    let registry = Registry::open(directory).unwrap();
    record(&registry, 100);
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(counts(&snapshot), vec![1000; 100]);
    assert!(snapshot.health.counts.process_local_lanes > 0, "{:?}", snapshot.health);
}

#[test]
fn file_size_limit_ends_no_process_and_loses_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limited_child", "--test-threads=1", "--nocapture"])
        .env(DIRECTORY, parent.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn file_system_without_fallocate_is_supported() {
    let parent = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "ramfs", "ramfs"]).arg(parent.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "continuous integration must be able to mount a ramfs"
        );
        println!("skipped: mounting a ramfs needs root");
        return;
    }
    let _mounted = Mounted(parent.path());
    let registry = Registry::open(parent.path()).unwrap();
    record(&registry, 100);
    let seen = Reader::new(parent.path()).without_retiring().snapshot().unwrap();
    assert_eq!(counts(&seen), vec![1000; 100]);
    assert_eq!(seen.health.counts.process_local_lanes, 0);
}

/// Creates a directory whose lock is held, as by another process, until the file is dropped.
fn locked(parent: &Path) -> File {
    drop(Registry::open(parent).unwrap());
    let lock = File::create(parent.join("ictus/lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    lock
}

#[test]
fn held_lock_stops_neither_recording_nor_scrapes() {
    let parent = tempfile::tempdir().unwrap();
    let _lock = locked(parent.path());
    let began = Instant::now();
    let registry = Registry::open(parent.path()).unwrap();
    record(&registry, 3);
    assert_eq!(counts(&registry.snapshot().unwrap()), vec![1000; 3]);
    registry.remove_idle(Duration::from_nanos(1)).unwrap();
    registry.snapshot().unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn held_lock_is_an_error_of_clear() {
    let parent = tempfile::tempdir().unwrap();
    let _lock = locked(parent.path());
    let began = Instant::now();
    let refused = ictus::clear(parent.path()).unwrap_err().to_string();
    assert!(refused.contains("fuser -v"), "{refused}");
    assert!((5..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[test]
fn relative_directory_stays_where_it_was_opened() {
    let parent = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "moving_child", "--test-threads=1", "--nocapture"])
        .env(DIRECTORY, "metrics")
        .current_dir(parent.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let seen = Reader::new(parent.path().join("metrics")).without_retiring().snapshot().unwrap();
    assert_eq!(counts(&seen), vec![1000; 100]);
}

/// Runs only where the test above starts it, in a separate process.
#[test]
fn moving_child() {
    let Some(directory) = std::env::var_os(DIRECTORY).filter(|directory| directory == "metrics") else {
        return;
    };
    let registry = Registry::open(&directory).unwrap();
    let mut reader = Reader::new(&directory);
    let elsewhere = tempfile::tempdir().unwrap();
    std::env::set_current_dir(elsewhere.path()).unwrap();
    record(&registry, 100);
    assert_eq!(counts(&registry.snapshot().unwrap()), vec![1000; 100]);
    assert_eq!(counts(&reader.snapshot().unwrap()), vec![1000; 100]);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    // The test above reads the data afterwards.
    std::mem::forget(registry);
}

/// A reader refuses a segment with more definitions of one name, so a writer refuses the definition.
#[test]
fn definitions_of_a_name_have_the_limit_of_the_reader() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    for number in 0..256 {
        let label = format!("label_{number}");
        registry.counter("many", "", &[&label]).unwrap().labels(&["a"]).unwrap().inc();
    }
    let refused = registry.counter("many", "", &["one_more"]).unwrap_err().to_string();
    assert!(refused.contains("256 sets of label names"), "{refused}");
    registry.counter("many", "", &["label_0"]).unwrap().labels(&["a"]).unwrap().inc();
    let snapshot = Reader::new(directory.path()).snapshot().unwrap();
    assert_eq!((snapshot.families_named("many").len(), snapshot.health.bad_segments), (256, 0));
}
