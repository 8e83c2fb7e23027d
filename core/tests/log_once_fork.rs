//! A cause that is logged once a process is also logged by a forked child that meets it. The test
//! runs in a separate process, because the logger is global.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "forks")]

use std::{fs, path::Path, thread, time::Duration};

use ictus::{FamilyOptions, Reader, Registry};

mod log_capture;

/// Runs `run` in a forked child. Returns whether it succeeded.
fn in_child(run: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs the closure and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: no memory is involved.
        unsafe { libc::alarm(60) };
        let well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or(false);
        // SAFETY: ends the child without its parent's destructors.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

/// Returns the number of lines with those words since the last call. If there is none yet, waits up
/// to ten seconds.
fn logged(words: &str) -> usize {
    for _ in 0..1000 {
        let lines = log_capture::take().iter().filter(|line| line.contains(words)).count();
        if lines > 0 {
            thread::sleep(Duration::from_millis(50));
            return lines + log_capture::take().iter().filter(|line| line.contains(words)).count();
        }
        thread::sleep(Duration::from_millis(10));
    }
    0
}

/// Causes a fault several times in this process, and then in a child. Each process must log it
/// once.
fn logs_once(words: &str, meet: impl Fn()) {
    log_capture::take();
    (0..5).for_each(|_| meet());
    assert_eq!(logged(words), 1, "{words}: the parent");
    let in_child = in_child(|| {
        log_capture::take();
        (0..5).for_each(|_| meet());
        logged(words) == 1
    });
    assert!(in_child, "{words}: the child");
    meet();
    assert!(!log_capture::take().iter().any(|line| line.contains(words)), "{words}: the parent again");
}

fn occupy(directory: &Path) {
    fs::remove_dir_all(directory).unwrap();
    fs::write(directory, "no directory").unwrap();
}

#[test]
fn forked_child_logs_a_cause_that_its_parent_logged() {
    log_capture::install(log::LevelFilter::Warn);
    let parent = tempfile::tempdir().unwrap();

    let registry = Registry::with_options(FamilyOptions::default().max_series(1));
    let jobs = registry.counter("jobs", "", &["job"]).unwrap();
    jobs.labels(&["first"]).unwrap();
    logs_once("has reached its limit of", || jobs.labels(&["second"]).unwrap().inc());

    let directory = parent.path().join("occupied");
    let registry = Registry::open(&directory).unwrap();
    occupy(&directory);
    // With a label: a counter without labels records zero, and meets the cause, when it is created.
    let counter = registry.counter("jobs", "", &["job"]).unwrap();
    logs_once("cannot create a segment", || counter.labels(&["first"]).unwrap().inc());

    let directory = parent.path().join("damaged");
    let registry = Registry::open(&directory).unwrap();
    registry.counter("jobs", "", &[]).unwrap();
    fs::write(directory.join("ictus/totals"), "no totals").unwrap();
    fs::write(directory.join("ictus/00000000000000aa.seg"), "no segment").unwrap();
    for words in ["the last good totals stay", "00000000000000aa.seg is left out"] {
        let reader = std::sync::Mutex::new(Reader::new(&directory).without_retiring());
        logs_once(words, || drop(reader.lock().unwrap().snapshot().unwrap()));
    }

    let registries = [10, 20].map(|window| {
        let registry = Registry::open_with(&directory, FamilyOptions::default().window(window)).unwrap();
        registry.timer("work", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
        registry
    });
    let reader = std::sync::Mutex::new(Reader::new(&directory).without_retiring());
    logs_once("differently", || drop(reader.lock().unwrap().snapshot().unwrap()));
    drop(registries);
}
