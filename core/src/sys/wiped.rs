//! Memory that the kernel wipes in a forked child. In every child, however it was created, pointers
//! in this memory to the parent's resources are zeros.
//!
//! On systems that cannot wipe memory, ordinary memory is used, and the fork handlers do part of
//! the work. The memory is never freed. A child allocates new words after its parent's.
#![expect(unsafe_code, reason = "maps memory, and hands out references to it")]

use std::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::sys;

/// Minimum size of a mapping, in bytes.
const MIN_ARENA: usize = 1 << 16;

/// A mapping of words, used from the first to the last.
#[derive(Debug)]
struct Arena {
    start: *mut AtomicU64,
    words: usize,
    used: AtomicUsize,
}

// SAFETY: `start` is the address of atomics, and is not changed.
unsafe impl Sync for Arena {}

/// The arena that is being filled; null if there is none. This pointer itself is not wiped, so a
/// child continues after its parent's words.
static ARENA: AtomicPtr<Arena> = AtomicPtr::new(ptr::null_mut());
/// The word that distinguishes a process from its children; null if there is no wiped memory.
static MARK: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// Returns the word that contains the generation's number. It is 0 in a child that no handler has
/// seen. Returns `otherwise` if memory is not wiped.
#[inline(always)]
pub(crate) fn mark(otherwise: &'static AtomicU32) -> &'static AtomicU32 {
    let mark = MARK.load(Ordering::Acquire);
    // SAFETY: null, or the first word of an arena, which is never unmapped.
    unsafe { mark.as_ref() }.unwrap_or(otherwise)
}

/// Creates the mark with that generation, if the system wipes memory. Called once per process.
pub(crate) fn prepare(generation: &AtomicU32) {
    if !MARK.load(Ordering::Acquire).is_null() {
        return;
    }
    if let Some([word, ..]) = words(1) {
        let mark = ptr::from_ref(word).cast::<AtomicU32>().cast_mut();
        // SAFETY: within the word, and aligned as it is.
        unsafe { &*mark }.store(generation.load(Ordering::Relaxed), Ordering::Relaxed);
        let _ = MARK.compare_exchange(ptr::null_mut(), mark, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// Returns zeroed words that are zeros again in every child. Returns `None` if the system does not
/// wipe memory, or has none left.
pub(crate) fn words(count: usize) -> Option<&'static [AtomicU64]> {
    let mut arena = ARENA.load(Ordering::Acquire);
    loop {
        // SAFETY: null, or leaked and complete before it was published.
        if let Some(arena) = unsafe { arena.as_ref() } {
            let first = arena.used.fetch_add(count, Ordering::Relaxed);
            if first.checked_add(count).is_some_and(|end| end <= arena.words) {
                // SAFETY: within the arena's words, which stay mapped; all are atomics, and zeros
                // are valid.
                return Some(unsafe { std::slice::from_raw_parts(arena.start.wrapping_add(first), count) });
            }
        }
        let new = Box::into_raw(Box::new(Arena::new(count)?));
        match ARENA.compare_exchange(arena, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => arena = new,
            Err(other) => {
                // SAFETY: from `Box::into_raw`, and never published: another thread was faster.
                unsafe { Box::from_raw(new) }.unmap();
                arena = other;
            }
        }
    }
}

impl Arena {
    fn new(words: usize) -> Option<Arena> {
        let wipe = sys::WIPED_IN_CHILDREN?;
        let length = words.checked_mul(size_of::<AtomicU64>())?.checked_next_multiple_of(MIN_ARENA)?;
        // SAFETY: a new mapping at an address of the kernel's choice; nothing else uses it.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        let start = start.ok()?;
        // SAFETY: of the mapping that was just created; determines its contents in children.
        let wiped = unsafe { madvise(start, length, wipe) };
        let words = length / size_of::<AtomicU64>();
        let arena = Arena { start: start.cast(), words, used: AtomicUsize::new(0) };
        if wiped.is_err() {
            arena.unmap();
            return None;
        }
        Some(arena)
    }

    /// Unmaps an arena that no other thread has seen.
    fn unmap(self) {
        // SAFETY: from `new`, and no word of it was returned to a caller.
        let _ = unsafe { munmap(self.start.cast(), self.words * size_of::<AtomicU64>()) };
    }
}
