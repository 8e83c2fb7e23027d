//! Registries that are created and dropped, as tests do. The test runs in a separate process,
//! because it measures the memory of the process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;

use ictus::Registry;

/// The memory that a dropped registry with two lanes may leave behind: lanes are never freed.
const LEFT: usize = 4 << 10;

/// Returns the resident memory of this process, in bytes.
fn memory() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

fn come_and_go(times: usize) {
    for _ in 0..times {
        let registry = Registry::new();
        for name in ["work_seconds", "wait_seconds"] {
            registry.timer(name, "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
        }
    }
}

#[test]
fn dropped_registries_free_their_memory() {
    come_and_go(100);
    let start = memory();
    come_and_go(1_000);
    let grown = memory().saturating_sub(start);
    assert!(grown < 1_000 * LEFT, "{} bytes each", grown / 1_000);
}
