//! A processor's counter that restarts while processes record, as it may when a machine wakes from
//! suspend.
//!
//! The test runs in a separate process, because its signal handler replaces the instruction that
//! reads the counter.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it skips"
)]
#![expect(unsafe_code, reason = "has the counter's instruction trapped")]

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use ictus::{
    Reader, Registry,
    snapshot::{Timing, Value},
};
use timing::timing;

mod timing;
mod trapped_counter;

/// The loss of the counter: the counts by which it went back. The kernel's clock corrects for it.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Makes the counter one that has restarted.
fn restarted(reading: &mut trapped_counter::Reading) -> bool {
    if !reading.is_of_kernel_clock {
        reading.count -= LOST.load(Relaxed);
    }
    true
}

fn read(directory: &Path) -> Timing {
    timing(&Reader::new(directory).snapshot().unwrap(), "job_seconds", &[])
}

fn epochs(directory: &Path) -> usize {
    fs::read_to_string(directory.join("ictus/epoch")).unwrap().lines().count() / 2
}

#[test]
fn windows_continue_after_a_counter_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let registry = Registry::open(path).unwrap();
    let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    let active = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    (0..1000).for_each(|_| timer.observe(1.0));
    jobs.inc();
    active.set(3.0);
    if !fs::read_to_string(path.join("ictus/epoch")).unwrap().contains("\ntsc ") {
        println!("SKIPPED: the counter makes no stamps here");
        return;
    }

    LOST.store(trapped_counter::counter() - (1 << 33), Relaxed);
    trapped_counter::install(restarted);
    trapped_counter::trap(true);

    // The process notices the restart at the end of a chunk.
    (0..200).for_each(|_| timer.observe(2.0));
    assert_eq!(epochs(path), 2);
    let mut count = 1_200;
    for value in [3.0, 4.0, 5.0] {
        // Old and new threads, and another registry in place of another process.
        match value {
            3.0 => thread::scope(|scope| {
                scope.spawn(|| (0..1000).for_each(|_| timer.observe(value)));
            }),
            4.0 => (0..1000).for_each(|_| timer.observe(value)),
            _ => {
                let other = Registry::open(path).unwrap();
                let timer = other.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
                (0..1000).for_each(|_| timer.observe(value));
            }
        }
        count += 1000;
        let timing = read(path);
        assert_eq!((timing.count, timing.window.quantile(0.0)), (count, Some(value)));
        jobs.inc();
        active.add(1.0);
    }
    for snapshot in [registry.snapshot().unwrap(), Reader::new(path).snapshot().unwrap()] {
        let value = |name| snapshot.family(name).unwrap().get(&[]).cloned();
        assert_eq!((value("jobs"), value("active")), (Some(Value::Counter(4.0)), Some(Value::Gauge(6.0))));
    }
    assert_eq!(epochs(path), 2);
    trapped_counter::trap(false);
    assert!(trapped_counter::trapped() > 0, "no reading was trapped");
}
