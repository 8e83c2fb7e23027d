//! A thread that is stopped between two instructions while it measures the rate of the processor's
//! counter.
//!
//! The test runs in a separate process, because its signal handler replaces the instruction.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it skips"
)]
#![expect(unsafe_code, reason = "has the counter's instruction trapped")]

use std::{
    fs, ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use ictus::{Registry, Stopwatch};

mod trapped_counter;

/// Number of further readings of the counter after which the thread is stopped.
static STOPS: AtomicUsize = AtomicUsize::new(0);

/// Stops the thread after a reading.
fn stop_after(reading: &mut trapped_counter::Reading) -> bool {
    if reading.is_of_kernel_clock {
        return true;
    }
    if STOPS.fetch_sub(1, Relaxed) > 0 {
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 45_000_000 };
        // SAFETY: reads `pause`, and the second pointer may be null.
        unsafe { libc::nanosleep(&raw const pause, ptr::null_mut()) };
        return STOPS.load(Relaxed) > 0;
    }
    false
}

#[test]
fn durations_are_correct_if_calibration_is_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    // The first observation chooses the clock.
    timer.observe(0.0);
    if !fs::read_to_string(directory.path().join("ictus/epoch")).unwrap().contains("\ntsc ") {
        println!("SKIPPED: the counter makes no timestamps here");
        return;
    }
    trapped_counter::install(stop_after);
    // Pauses fall on both ends of the measurement.
    for stops in [1, 3] {
        let trapped_at_start = trapped_counter::trapped();
        let running = timer.start();
        STOPS.store(stops, Relaxed);
        trapped_counter::trap(true);
        running.stop();
        trapped_counter::trap(false);
        assert!(trapped_counter::trapped() > trapped_at_start, "the thread was not stopped");
        thread::sleep(Duration::from_millis(60));
    }
    timer.start().stop();
    for _ in 0..3 {
        let (watch, instant) = (Stopwatch::start(), Instant::now());
        thread::sleep(Duration::from_millis(200));
        let (seconds, expected) = (timer.observe_since(watch), instant.elapsed().as_secs_f64());
        assert!((seconds / expected - 1.0).abs() < 0.01, "measured {seconds} s, not {expected} s");
    }
}
