//! Checks the cost of reading a directory: bytes of memory and bytes read, bounded by its bytes on
//! disk.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

/// The maximum of memory, and of bytes read, for each byte on disk: the same as in
/// `core/tests/hostile`.
const MEMORY: u64 = 96;
const STEPS: u64 = 80;
/// The additional cost that a small directory may have.
const ALLOWANCE: u64 = 4 << 20;

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

struct Counting;

fn count(bytes: i64) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `act`, which reads a folder `reads` times, and checks its cost against the bytes on disk.
pub fn bounded<T>(folder: &Path, reads: u64, act: impl FnOnce() -> T) -> T {
    let disk = on_disk(folder);
    let (before, read) = (LIVE.load(Relaxed), read_bytes());
    PEAK.store(before, Relaxed);
    let result = act();
    let memory = (PEAK.load(Relaxed) - before).unsigned_abs();
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
