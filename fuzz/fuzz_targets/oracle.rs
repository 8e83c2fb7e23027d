//! Checks the cost of reading a directory: bytes of memory and bytes read, bounded by its bytes on
//! disk.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

#[path = "../../core/tests/hostile/allocations.rs"]
mod allocations;

/// The maximum of memory, and of bytes read, for each byte on disk: the same as in
/// `core/tests/hostile`.
const MEMORY: u64 = 96;
const STEPS: u64 = 80;
/// The additional cost that a small directory may have.
const ALLOWANCE: u64 = 4 << 20;

/// Runs `act`, which reads a folder `reads` times, and checks its cost against the bytes on disk.
pub fn bounded<T>(folder: &Path, reads: u64, act: impl FnOnce() -> T) -> T {
    let disk = on_disk(folder);
    let read = read_bytes();
    let (result, memory) = allocations::peak(act);
    let steps = read_bytes() - read;
    assert!(memory <= MEMORY * disk + ALLOWANCE, "{memory} bytes of memory for {disk} on disk");
    assert!(steps <= reads * (STEPS * disk + ALLOWANCE), "{steps} bytes read for {disk} on disk");
    result
}

fn on_disk(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|file| file.metadata().ok());
    files.map(|data| data.len().min(data.blocks() * 512)).sum()
}

/// Returns the number of bytes that this thread has read from files.
fn read_bytes() -> u64 {
    let counts = fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let read = counts.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.and_then(|read| read.parse().ok()).unwrap_or(0)
}
