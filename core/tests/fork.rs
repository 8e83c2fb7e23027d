//! Forks with live lanes: parent, children and grandchildren record into their own segments.
//!
//! The tests run in a separate process, because they fork.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "forks")]

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use ictus::{
    Reader, Registry, Timer,
    snapshot::{Timing, Value},
};
use timing::timing;

mod timing;

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";

/// Runs `child` in a forked process, which ends without unwinding into the test's threads.
fn fork(child: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child runs the closure and leaves by `_exit`; glibc makes malloc usable in it.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: always sound; skips destructors that belong to the parent's threads.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    pid
}

fn wait(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: waits for a child of this process, and writes its status to a local.
    let ended = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((ended, status), (pid, 0), "the child failed");
}

fn timer(registry: &Registry) -> Timer {
    registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap()
}

fn read(directory: &Path) -> Timing {
    timing(&Reader::new(directory).snapshot().unwrap(), "work_seconds", &[])
}

#[test]
fn counts_of_parent_child_and_grandchild_add_up() {
    let parent = tempfile::tempdir().unwrap();
    let registry = Registry::open(parent.path()).unwrap();
    let timer = timer(&registry);
    // Other threads hold lanes, and one of them is in the middle of its work.
    let (stop, stopped) = mpsc::channel::<()>();
    let busy = {
        let timer = timer.clone();
        thread::spawn(move || {
            let mut created = 0;
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                timer.observe(1.0);
                created += 1;
            }
            created
        })
    };
    let mut own = 0;
    for _ in 0..10 {
        (0..100).for_each(|_| timer.observe(1.0));
        own += 100;
        wait(fork(|| {
            (0..10).for_each(|_| timer.observe(1.0));
            // A new thread of the child, and a family that the parent never had.
            let from_thread = timer.clone();
            thread::spawn(move || from_thread.observe(1.0)).join().unwrap();
            let counter = registry.counter("childs", "", &["x"]).unwrap().labels(&["y"]).unwrap();
            counter.inc();
            wait(fork(|| {
                timer.observe(1.0);
                counter.add(2.0);
            }));
        }));
    }
    drop(stop);
    own += busy.join().unwrap();
    let timing = read(parent.path());
    assert_eq!(timing.count, own + 10 * 12);
    assert_eq!(timing.sum, timing.count as f64);
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(snapshot.family("childs").unwrap().get(&["y"]), Some(&Value::Counter(30.0)));
}

/// Runs only in a process that the test below started: forks, and is killed while its child lives.
#[test]
fn killed_parent() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let registry = Registry::open(Path::new(&directory)).unwrap();
    let (timer, active) = (timer(&registry), registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap());
    timer.observe(1.0);
    active.set(1.0);
    fork(|| {
        // The child observes only after its parent's death.
        let path = Path::new(&directory).join("parent-is-dead");
        (0..5000).take_while(|_| !path.exists()).for_each(|_| {
            thread::sleep(std::time::Duration::from_millis(1));
        });
        timer.observe(2.0);
    });
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
}

#[test]
fn forked_child_does_not_hold_its_parents_lock() {
    let parent = tempfile::tempdir().unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_parent", "--test-threads=1"])
        .env(DIRECTORY, parent.path())
        // Not a pipe, which would stay open as long as the child lives.
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let mut reader = Reader::new(parent.path());
    let segments = || {
        let entries = std::fs::read_dir(parent.path().join("ictus")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some()).count()
    };
    // The child first closes its copy of the lock, but it must be scheduled for that.
    eventually("the dead parent's state is gone", || reader.snapshot().unwrap().family("active").is_none());
    assert_eq!(segments(), 0, "the dead parent's segment is retired");
    std::fs::write(parent.path().join("parent-is-dead"), "").unwrap();
    eventually("the child's observation is seen", || read(parent.path()).count == 2);
}

/// Waits until other processes have done something.
fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..5000 {
        if happened() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("not so: {what}");
}

#[test]
fn ten_thousand_short_lived_processes_leave_one_totals_file() {
    const PROCESSES: u64 = 10_000;
    let parent = tempfile::tempdir().unwrap();
    let registry = Registry::open(parent.path()).unwrap();
    let timer = timer(&registry);
    let mut reader = Reader::new(parent.path());
    for process in 1..=PROCESSES {
        wait(fork(|| (0..3).for_each(|_| timer.observe(process as f64))));
        if process % 100 == 0 {
            let snapshot = reader.snapshot().unwrap();
            let Some(Value::Timer(timing)) = snapshot.family("work_seconds").unwrap().get(&[]) else {
                panic!("no timer")
            };
            assert_eq!(timing.count, 3 * process, "{:?}", snapshot.health);
        }
    }
    let timing = read(parent.path());
    assert_eq!((timing.count, timing.sum), (3 * PROCESSES, (3 * PROCESSES * (PROCESSES + 1) / 2) as f64));
    assert_eq!(timing.window.quantile(1.0), Some(PROCESSES as f64));
    drop((timer, registry));
    let segments = || {
        let entries = std::fs::read_dir(parent.path().join("ictus")).unwrap().flatten();
        entries.filter(|entry| entry.path().extension().is_some()).count()
    };
    eventually("this process's own segment is retired", || {
        reader.snapshot().unwrap();
        segments() == 0
    });
    let files = std::fs::read_dir(parent.path().join("ictus")).unwrap().flatten();
    let mut files: Vec<_> = files.map(|file| (file.file_name(), file.metadata().unwrap().len())).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert_eq!(names, ["epoch", "lock", "totals"]);
    // A window of 1,000 observations of 20 bytes, and some hundred bytes for the family.
    assert!(files[2].1 < 32 << 10, "{files:?}");
}

#[test]
fn removal_in_a_child_keeps_its_parents_series() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
    let gauges = registry.gauge("active", "", &["x"]).unwrap();
    let (timer, gauge) = (timers.labels(&["a"]).unwrap(), gauges.labels(&["a"]).unwrap());
    timer.observe(1.0);
    gauge.set(1.0);
    let count = || {
        let snapshot = Reader::new(directory.path()).snapshot().unwrap();
        match snapshot.family("work_seconds").and_then(|family| family.get(&["a"])) {
            Some(Value::Timer(timing)) => timing.count,
            _ => 0,
        }
    };
    wait(fork(|| {
        timer.observe(1.0);
        gauge.set(1.0);
        assert_eq!(count(), 2);
        assert!(timers.remove(&["a"]).unwrap() && gauges.remove(&["a"]).unwrap());
        assert_eq!(count(), 1, "the parent's is the parent's");
        timer.observe(1.0);
        gauge.set(1.0);
        assert_eq!(count(), 1, "an old handle records nothing");
        timers.labels(&["a"]).unwrap().observe(1.0);
        assert_eq!(count(), 2);
    }));
    timer.observe(1.0);
    assert_eq!(count(), 3);
    assert!(timers.remove(&["a"]).unwrap());
    assert_eq!(count(), 0, "what the dead child left is gone as well");
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(snapshot.family("active").unwrap().get(&["a"]), Some(&Value::Gauge(1.0)));
}
