//! Memory of a model, in place of `segment/mapping.rs`: loom's atomics, created before each run.
//!
//! loom's atomic is a handle of eight bytes. A lane, a block or a chunk of handles therefore has
//! the same layout as in a mapping, and the shipped layout code applies. The committed length is a
//! loom atomic too. It stands for the length of the file: a reader follows no line beyond the
//! length that it has seen.
#![expect(unsafe_code, reason = "memory that outlives each run, as a mapping outlives its segment")]

use std::{
    cell::{Cell, RefCell},
    io,
};

use crate::{
    directory::{Directory, FileIdentity, NewSegment},
    format::layout::{self, LINE, LINE_WORDS, Lines},
    sync::{AtomicU64, Ordering},
};

/// Maximum number of lines of a model.
const MOST: usize = 96;

/// The memory of a line. [`Mapping::anonymous`] creates its words.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; LINE]);

std::thread_local! {
    static SIZE: Cell<(usize, usize)> = const { Cell::new((MOST, MOST)) };
    /// Memory of earlier runs.
    static FREE: RefCell<Vec<&'static mut [Line; MOST]>> = const { RefCell::new(Vec::new()) };
}

/// Sets the initial number of lines of later segments of this thread's models, and the maximum.
pub(crate) fn size(lines: usize, most: usize) {
    assert!(lines <= most && most <= MOST, "a model of more than {MOST} lines");
    SIZE.set((lines, most));
}

/// The memory of one segment.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: *mut u8,
    most: usize,
    committed: AtomicU64,
}

// SAFETY: `start` is the address of atomics, and is not changed.
unsafe impl Sync for Mapping {}
// SAFETY: as above.
unsafe impl Send for Mapping {}

impl Mapping {
    pub(crate) fn file(_: &Directory, _: u64, _: NewSegment, _: usize) -> io::Result<Mapping> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns 0: a model's memory has no file.
    pub(crate) fn take_closed_descriptors(&self) -> u64 {
        0
    }

    pub(crate) fn is_file(&self) -> bool {
        false
    }

    pub(crate) fn standing(&self) -> Option<FileIdentity> {
        None
    }

    pub(crate) fn is_whole(&self, line: u64, count: u64) -> bool {
        self.at(line, count).is_some()
    }

    pub(crate) fn anonymous(_: usize) -> io::Result<Mapping> {
        let (lines, most) = SIZE.get();
        let free = FREE.with_borrow_mut(Vec::pop);
        let memory = free.unwrap_or_else(|| Box::leak(Box::new([Line([0; LINE]); MOST])));
        let start = memory.as_mut_ptr().cast::<u8>();
        for word in 0..most * LINE_WORDS {
            let word_pointer = start.cast::<AtomicU64>().wrapping_add(word);
            // SAFETY: within `memory`, of which a word is as large and as aligned as an atomic.
            unsafe { word_pointer.write(AtomicU64::new(0)) };
        }
        Ok(Mapping { start, most: most * LINE, committed: AtomicU64::new((lines * LINE) as u64) })
    }

    pub(crate) fn committed(&self) -> usize {
        // Relaxed: the model checks whether other orderings make the growth of the file visible.
        self.committed.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn commit(&self, bytes: usize) -> io::Result<()> {
        if bytes > self.most {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.committed.fetch_max(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        let start = self.at(line, T::LINES)?;
        // SAFETY: on a line, created, and never freed; shared only as atomics.
        Some(unsafe { layout::lines(start) })
    }

    pub(crate) fn words(&self, line: u64, count: u64) -> Option<&'static [AtomicU64]> {
        let start = self.at(line, count)?;
        // SAFETY: on a line, created, and never freed; shared only as atomics.
        Some(unsafe { layout::words(start, usize::try_from(count).ok()? * LINE_WORDS) })
    }

    fn at(&self, line: u64, count: u64) -> Option<*mut u8> {
        let offset = usize::try_from(line).ok()?.checked_mul(LINE)?;
        let end = usize::try_from(line.checked_add(count)?).ok()?.checked_mul(LINE)?;
        (end <= self.committed()).then(|| self.start.wrapping_add(offset))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: from `anonymous`; the run has ended, and nothing of it is used again.
        let memory = unsafe { &mut *self.start.cast::<[Line; MOST]>() };
        FREE.with_borrow_mut(|free| free.push(memory));
    }
}
