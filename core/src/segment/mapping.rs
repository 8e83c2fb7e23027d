//! The mapping of a segment.
//!
//! Address space is reserved in small parts ([`reservation`](super::reservation)), one part of the
//! segment after the other. A part is never unmapped once one of its lines was handed out, so a
//! lane may keep a plain `&'static` to its lines. Pages are committed before any thread may touch
//! them. A full disk is therefore an error at growth, not a SIGBUS at a later store.
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
    directory::{Directory, FileIdentity, NewSegment},
    format::layout::{self, LINE, Lines},
    sync::{AtomicU64, static_ref::AtomicOptionRef},
    sys::{self, fork},
};

/// Maximum length of a segment in bytes.
const MAX_LENGTH: usize = if cfg!(target_pointer_width = "64") { 1 << 30 } else { 1 << 26 };
/// Maximum number of parts of a segment. Each part has a separate reservation and follows the
/// previous part.
const MAX_PARTS: usize = 64;

/// The memory of a segment, committed from its start on.
#[derive(Debug)]
pub(crate) struct Mapping {
    parts: [AtomicOptionRef<Reservation>; MAX_PARTS],
    /// The end of the last part.
    reserved: AtomicUsize,
    committed: AtomicUsize,
    /// The end that threads have requested, including threads that are still committing.
    asked: AtomicUsize,
    /// The file behind the mapping; none for anonymous memory.
    file: Option<Backing>,
    /// The fork generation of the process that it belongs to.
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

    /// Returns the identity of the file; none for anonymous memory.
    pub(crate) fn standing(&self) -> Option<FileIdentity> {
        self.file.as_ref().map(Backing::identity)
    }

    /// Maps memory of this process only.
    pub(crate) fn anonymous(bytes: usize) -> io::Result<Mapping> {
        Mapping::new(None, bytes)
    }

    fn new(file: Option<Backing>, bytes: usize) -> io::Result<Mapping> {
        let mapping = Mapping {
            parts: [const { AtomicOptionRef::null() }; MAX_PARTS],
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

    /// Returns the number of bytes that may be touched.
    #[inline]
    pub(crate) fn committed(&self) -> usize {
        // Threads that grow the file at once may make it longer than the mapped part.
        self.committed.load(Ordering::Acquire).min(self.reserved.load(Ordering::Acquire))
    }

    /// Commits at least the first `bytes`. May be called from several threads. A thread that
    /// arrives while others are committing commits their range and its own beyond that, so that no
    /// two system calls are spent on the same memory.
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

    /// Adds parts until the segment has `end` bytes. `map` creates each part before it is
    /// published.
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
            // Another thread may have added a part and not updated `reserved` yet.
            let newest = self.parts().last();
            let (index, had) = (self.parts().count(), newest.map_or(0, Reservation::end));
            if had > begin {
                self.reserved.fetch_max(had, Ordering::Release);
                continue;
            }
            let entry = self.parts.get(index).ok_or(io::ErrorKind::OutOfMemory)?;
            let wanted = reservation::suitable(had, end - had).min(MAX_LENGTH - had);
            let part = map(had, wanted)?;
            if entry.compare_exchange(None, Some(part), Ordering::AcqRel).is_err() {
                // Another thread was faster; no thread has seen this part.
                part.discard();
            }
        }
    }

    fn parts(&self) -> impl Iterator<Item = &'static Reservation> {
        self.parts.iter().map_while(|part| part.load(Ordering::Acquire))
    }

    /// Returns the committed lines from `line` on as a `T`.
    pub(crate) fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        let start = self.at(line, T::LINES)?;
        // SAFETY: on a line, committed, and never unmapped; shared only as atomics.
        Some(unsafe { layout::lines(start) })
    }

    /// Returns the words of `count` committed lines from `line` on.
    pub(crate) fn words(&self, line: u64, count: u64) -> Option<&'static [AtomicU64]> {
        let start = self.at(line, count)?;
        // SAFETY: on a line, committed, and never unmapped; shared only as atomics.
        Some(unsafe { layout::words(start, usize::try_from(count).ok()? * layout::LINE_WORDS) })
    }

    /// Whether committed lines are contiguous: false if a part ends between them.
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
    /// Returns pages and addresses for later segments. Lines that were handed out stay memory,
    /// which is not read any more.
    fn drop(&mut self) {
        // A forked child has none of this memory, and may use its addresses for other things.
        if self.generation == fork::generation() {
            self.parts().for_each(|part| part.release());
        }
    }
}
