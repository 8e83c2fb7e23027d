//! Memory of a model, in place of `segment/mapping.rs`: loom's atomics, made before each run.
//!
//! loom's atomic is a handle of eight bytes, so a lane, a block or a chunk of handles lies as it does
//! in a mapping, and the shipped layout serves. What is committed is an atomic of loom's, too: it
//! stands for the length of the file, and says that a reader follows no line to where, for all that
//! it has seen, nothing is.
#![expect(unsafe_code, reason = "memory that outlives each run, as a mapping outlives its segment")]

use std::{
    cell::{Cell, RefCell},
    io,
};

use crate::{
    directory::{Directory, NewSegment},
    format::layout::{self, LINE, LINE_WORDS, Lines},
    sync::{AtomicU64, Ordering},
};

/// Most lines that a model may ask for.
const MOST: usize = 96;

/// The memory of a line; its words are made by [`Mapping::anonymous`].
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; LINE]);

std::thread_local! {
    static SIZE: Cell<(usize, usize)> = const { Cell::new((MOST, MOST)) };
    /// Memory of runs that are over.
    static FREE: RefCell<Vec<&'static mut [Line; MOST]>> = const { RefCell::new(Vec::new()) };
}

/// From now on, segments of this thread's models start with so many lines, and may grow to so many.
pub(crate) fn size(lines: usize, most: usize) {
    assert!(lines <= most && most <= MOST, "a model of more than {MOST} lines");
    SIZE.set((lines, most));
}

/// Memory of one segment.
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

    /// A model's memory has no file.
    pub(crate) fn take_closed_descriptors(&self) -> u64 {
        0
    }

    pub(crate) fn is_file(&self) -> bool {
        false
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
            let place = start.cast::<AtomicU64>().wrapping_add(word);
            // SAFETY: within `memory`, of which a word is as large and as aligned as an atomic.
            unsafe { place.write(AtomicU64::new(0)) };
        }
        Ok(Mapping { start, most: most * LINE, committed: AtomicU64::new((lines * LINE) as u64) })
    }

    pub(crate) fn committed(&self) -> usize {
        // Relaxed: the model asks whether other orderings make it known that the file has grown.
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
        // SAFETY: on a line, made, and never freed; shared with others as atomics alone.
        Some(unsafe { layout::lines(start) })
    }

    pub(crate) fn words(&self, line: u64, count: u64) -> Option<&'static [AtomicU64]> {
        let start = self.at(line, count)?;
        // SAFETY: on a line, made, and never freed; shared with others as atomics alone.
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
        // SAFETY: from `anonymous`; the run is over, and nothing of it is used again.
        let memory = unsafe { &mut *self.start.cast::<[Line; MOST]>() };
        FREE.with_borrow_mut(|free| free.push(memory));
    }
}
