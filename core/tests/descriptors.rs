//! A reader with fewer file descriptors than segments: it returns all recorded data or an error,
//! never a part.
//!
//! The tests run in a separate process, because they start this program again with fewer
//! descriptors.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use ictus::{Reader, Registry, Result, Snapshot, snapshot::Value};

const DIRECTORY: &str = "ICTUS_TEST_MANY_SEGMENTS";
const SEGMENTS: usize = 150;

/// Runs only where a test starts it, in a separate process. It lives until its standard input ends.
#[test]
fn many_segments() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let count = |registry: &Registry| registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    let registries: Vec<Registry> = (0..SEGMENTS).map(|_| Registry::open(&directory).unwrap()).collect();
    registries.iter().for_each(count);
    File::create(Path::new(&directory).join("recorded")).unwrap();
    let mut byte = [0];
    while std::io::stdin().read(&mut byte).unwrap() == 1 {
        registries.iter().for_each(count);
        File::create(Path::new(&directory).join("recorded again")).unwrap();
    }
    // Ends the process as a kill would.
    std::process::abort();
}

struct Recorder(Child);

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn recorder(directory: &Path) -> Recorder {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "many_segments", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let recorder = Recorder(child.unwrap());
    wait_for(&directory.join("recorded"));
    recorder
}

fn wait_for(path: &Path) {
    for _ in 0..10_000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{} is not there", path.display());
}

/// Limits this process's descriptors while `act` runs.
fn with_descriptors<T>(count: u64, act: impl FnOnce() -> T) -> T {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes a local.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut old) }, 0);
    let limit = libc::rlimit { rlim_cur: count, ..old };
    // SAFETY: reads a local.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let result = act();
    // SAFETY: reads a local.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const old) }, 0);
    result
}

fn jobs(snapshot: Result<Snapshot>) -> Option<f64> {
    match snapshot.ok()?.family("jobs")?.get(&[])? {
        Value::Counter(total) => Some(*total),
        other => panic!("{other:?}"),
    }
}

#[test]
fn reader_with_few_descriptors_shows_all_segments() {
    let parent = tempfile::tempdir().unwrap();
    let mut recorder = recorder(parent.path());
    let mut reader = Reader::new(parent.path());
    with_descriptors(40, || {
        for _ in 0..3 {
            let snapshot = reader.snapshot().unwrap();
            assert_eq!((snapshot.health.live_segments, snapshot.health.bad_segments), (SEGMENTS as u64, 0));
            assert_eq!(jobs(Ok(snapshot)), Some(SEGMENTS as f64));
        }
        recorder.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        wait_for(&parent.path().join("recorded again"));
        assert_eq!(jobs(reader.snapshot()), Some(2.0 * SEGMENTS as f64));
    });
    // No descriptor at all: the reader returns an error, and everything again afterwards.
    with_descriptors(0, || reader.snapshot().unwrap_err());
    assert_eq!(jobs(reader.snapshot()), Some(2.0 * SEGMENTS as f64));
    drop(recorder);
    // Segments are retired file by file, by this reader and concurrently by another one.
    with_descriptors(40, || {
        let mut other = Reader::new(parent.path());
        for _ in 0..100 {
            // The reader has more files open than the limit allows now, and closes some.
            assert_eq!(jobs(reader.snapshot()), Some(2.0 * SEGMENTS as f64));
            assert_eq!(jobs(other.snapshot()), Some(2.0 * SEGMENTS as f64));
        }
    });
    let segments = std::fs::read_dir(parent.path().join("ictus")).unwrap().flatten();
    let left = segments.filter(|file| file.path().extension().is_some_and(|one| one == "seg")).count();
    assert_eq!(left, 0);
}
