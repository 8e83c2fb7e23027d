//! The mapping of a segment.
//!
//! Address space is reserved a little at a time ([`reservation`](super::reservation)), one part of the segment after the
//! other, and never unmapped once a line of it was handed out: a lane may keep a plain `&'static` to its
//! lines. Pages are committed before anybody may touch them, so that a full disk is an error at growth and
//! not a SIGBUS at some later store.
#![expect(unsafe_code, reason = "hands out references to mapped memory")]

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    backing::Backing,
    reservation::{self, Reservation},
};
use crate::{
    directory::{Directory, NewSegment},
    format::layout::{self, LINE, Lines},
    sync::{AtomicU64, static_ref::AtomicOptionRef},
    sys::{self, fork},
};

/// What a segment may grow to.
const MAX_LENGTH: usize = if cfg!(target_pointer_width = "64") { 1 << 30 } else { 1 << 26 };
/// Parts of a segment, each in a reservation of its own, one behind the other.
const MAX_PARTS: usize = 64;

/// Memory of a segment, committed from its start on.
#[derive(Debug)]
pub(crate) struct Mapping {
    parts: [AtomicOptionRef<Reservation>; MAX_PARTS],
    /// The end of the last part.
    reserved: AtomicUsize,
    committed: AtomicUsize,
    /// Up to where threads have asked for more, those included that are still at it.
    asked: AtomicUsize,
    /// The file behind it; none for anonymous memory.
    file: Option<Backing>,
    /// The process that it belongs to.
    generation: u32,
}

impl Mapping {
    /// Maps a new, empty file, and commits its first `bytes`.
    pub(crate) fn file(directory: &Directory, id: u64, new: NewSegment, bytes: usize) -> io::Result<Mapping> {
        let (backing, second) = Backing::new(directory, id, new)?;
        let mapping = Mapping::new(Some(backing), bytes)?;
        let is_kept_from_children = mapping.parts().all(Reservation::is_kept_from_children);
        if let Some(backing) = &mapping.file {
            backing.settle(second, is_kept_from_children)?;
        }
        Ok(mapping)
    }

    /// Maps memory of this process alone.
    pub(crate) fn anonymous(bytes: usize) -> io::Result<Mapping> {
        Mapping::new(None, bytes)
    }

    fn new(file: Option<Backing>, bytes: usize) -> io::Result<Mapping> {
        let mapping = Mapping {
            parts: [const { AtomicOptionRef::none() }; MAX_PARTS],
            reserved: AtomicUsize::new(0),
            committed: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            file,
            generation: fork::generation(),
        };
        mapping.commit(bytes)?;
        Ok(mapping)
    }

    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Returns how many descriptors the host has closed since the last call.
    pub(crate) fn take_closed_descriptors(&self) -> u64 {
        self.file.as_ref().map_or(0, Backing::take_closed)
    }

    /// Bytes that may be touched.
    #[inline]
    pub(crate) fn committed(&self) -> usize {
        // Threads that grow it at once may make the file longer than what is mapped.
        self.committed.load(Ordering::Acquire).min(self.reserved.load(Ordering::Acquire))
    }

    /// Commits at least up to `bytes`. Safe from several threads: who comes while others are at it
    /// commits what they do and as much again, so that no two calls are spent on the same memory.
    pub(crate) fn commit(&self, bytes: usize) -> io::Result<()> {
        let committed = self.committed();
        if bytes <= committed {
            return Ok(());
        }
        if bytes > MAX_LENGTH {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let more = bytes - committed;
        let end = (self.asked.fetch_add(more, Ordering::Relaxed) + more).clamp(bytes, MAX_LENGTH);
        let grown = self.commit_up_to(end);
        if grown.is_err() {
            self.asked.fetch_sub(more, Ordering::Relaxed);
            if end > bytes {
                return self.commit_up_to(bytes);
            }
        }
        grown
    }

    fn commit_up_to(&self, end: usize) -> io::Result<()> {
        match &self.file {
            Some(backing) => backing.with(|file| {
                sys::commit(file, &self.committed, end)?;
                self.reserve(end, |begin, wanted| {
                    backing.with_unlocked(file, |file| Reservation::for_file(begin, wanted, file))
                })
            })?,
            None => {
                self.reserve(end, Reservation::for_memory)?;
                for part in self.parts().take_while(|part| part.begin() < end) {
                    part.map_memory(end)?;
                }
                sys::growth::count();
                self.committed.fetch_max(end, Ordering::Release);
            }
        }
        self.parts().for_each(|part| part.use_up_to(end));
        Ok(())
    }

    /// Adds parts, each of which `map` makes before it is seen, until there are so many bytes.
    fn reserve(
        &self,
        end: usize,
        map: impl Fn(usize, usize) -> io::Result<&'static Reservation>,
    ) -> io::Result<()> {
        loop {
            let begin = self.reserved.load(Ordering::Acquire);
            if begin >= end {
                return Ok(());
            }
            // Another thread may have added one and not said so yet.
            let known = self.parts().last();
            let (index, had) = (self.parts().count(), known.map_or(0, Reservation::end));
            if had > begin {
                self.reserved.fetch_max(had, Ordering::Release);
                continue;
            }
            let place = self.parts.get(index).ok_or(io::ErrorKind::OutOfMemory)?;
            let wanted = reservation::suitable(had, end - had).min(MAX_LENGTH - had);
            let part = map(had, wanted)?;
            if place.exchange(None, Some(part), Ordering::AcqRel).is_err() {
                // Another thread was faster; nobody has seen this one.
                part.discard();
            }
        }
    }

    fn parts(&self) -> impl Iterator<Item = &'static Reservation> {
        self.parts.iter().map_while(|part| part.load(Ordering::Acquire))
    }

    /// The committed lines from `line` on as a `T`.
    pub(crate) fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        let start = self.at(line, T::LINES)?;
        // SAFETY: on a line, committed, and never unmapped; shared with others as atomics alone.
        Some(unsafe { layout::lines(start) })
    }

    /// The words of `count` committed lines from `line` on.
    pub(crate) fn words(&self, line: u64, count: u64) -> Option<&'static [AtomicU64]> {
        let start = self.at(line, count)?;
        // SAFETY: on a line, committed, and never unmapped; shared with others as atomics alone.
        Some(unsafe { layout::words(start, usize::try_from(count).ok()? * layout::LINE_WORDS) })
    }

    /// Whether committed lines lie one behind the other: not where a part ends between them.
    pub(crate) fn is_whole(&self, line: u64, count: u64) -> bool {
        self.at(line, count).is_some()
    }

    fn at(&self, line: u64, count: u64) -> Option<*mut u8> {
        let offset = usize::try_from(line).ok()?.checked_mul(LINE)?;
        let end = usize::try_from(line.checked_add(count)?).ok()?.checked_mul(LINE)?;
        if end > self.committed() {
            return None;
        }
        let part = self.parts().find(|part| offset < part.end())?;
        (end <= part.end()).then(|| part.start().wrapping_add(offset - part.begin()))
    }
}

impl Drop for Mapping {
    /// Gives pages and addresses back for segments to come: lines handed out stay memory, which nobody
    /// reads.
    fn drop(&mut self) {
        // In a forked child there is nothing of it, and other things may be at its addresses.
        if self.generation == fork::generation() {
            self.parts().for_each(|part| part.give_back());
        }
    }
}
