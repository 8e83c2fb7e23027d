//! An allocator that counts the bytes that each thread has allocated and not freed.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The bytes of a function, relative to those before its call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocated {
    /// The bytes that are allocated after the call.
    pub(crate) retained: isize,
    /// The most bytes that were allocated at one time during the call.
    pub(crate) peak: isize,
}

/// Runs a function of this thread, and returns the bytes that it allocated.
pub(crate) fn allocated(run: impl FnOnce()) -> Allocated {
    let start = BYTES.get();
    PEAK.set(start);
    run();
    Allocated { retained: BYTES.get() - start, peak: PEAK.get() - start }
}

struct Counting;

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get() + layout.size() as isize);
        PEAK.set(PEAK.get().max(BYTES.get()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
