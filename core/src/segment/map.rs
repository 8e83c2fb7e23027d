//! The mapping of a segment.
//!
//! The largest size is reserved at once and never unmapped: a lane may keep a plain `&'static` to
//! its lines. Pages are committed before anybody may touch them, so that a full disk is an error at
//! growth and not a SIGBUS at some later store.
#![expect(unsafe_code, reason = "maps memory")]

use std::{
    io, ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use rustix::{
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, mmap_anonymous},
};

use super::{
    fork::OwnDescriptor,
    layout::{self, LINE, Lines},
};
use crate::{platform, sync::AtomicU64};

/// What a segment may grow to: address space, not memory.
const RESERVE: usize = if cfg!(target_pointer_width = "64") { 1 << 30 } else { 1 << 26 };
/// Less than this is not worth having.
const LEAST_RESERVE: usize = 1 << 24;

/// Reserved address space, committed from its start on.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: AtomicPtr<u8>,
    reserved: usize,
    committed: AtomicUsize,
    /// Up to where threads have asked for more, those included that are still at it.
    asked: AtomicUsize,
    /// The file behind it; none for anonymous memory.
    file: Option<OwnDescriptor>,
}

impl Mapping {
    /// Maps a new, empty file, opened to append, and commits its first `bytes`.
    pub(super) fn file(file: OwnDescriptor, bytes: usize) -> io::Result<Mapping> {
        let committed = AtomicUsize::new(0);
        let opened = file.get()?;
        platform::commit(opened, &committed, bytes)?;
        let (start, reserved) = reserve(|length| {
            // SAFETY: a new mapping at an address of the kernel's choice; nothing else uses it.
            unsafe {
                mmap(
                    ptr::null_mut(),
                    length,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::SHARED | platform::RESERVED_ONLY,
                    opened,
                    0,
                )
            }
        })?;
        Ok(Mapping { start, reserved, committed, asked: AtomicUsize::new(bytes), file: Some(file) })
    }

    /// Maps memory of this process alone, all of it committed: the kernel gives pages on touch.
    pub(super) fn anonymous() -> io::Result<Mapping> {
        let (start, reserved) = reserve(|length| {
            let flags = MapFlags::PRIVATE | platform::RESERVED_ONLY;
            // SAFETY: a new mapping at an address of the kernel's choice; nothing else uses it.
            unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, flags) }
        })?;
        Ok(Mapping {
            start,
            reserved,
            committed: AtomicUsize::new(reserved),
            asked: AtomicUsize::new(reserved),
            file: None,
        })
    }

    /// Bytes that may be touched.
    pub(crate) fn committed(&self) -> usize {
        // Threads that grow it at once may make the file longer than what is mapped.
        self.committed.load(Ordering::Acquire).min(self.reserved)
    }

    /// Commits at least up to `bytes`. Safe from several threads: who comes while others are at it
    /// commits what they do and as much again, so that no two calls are spent on the same memory.
    pub(super) fn commit(&self, bytes: usize) -> io::Result<()> {
        let committed = self.committed();
        if bytes <= committed {
            return Ok(());
        }
        let file = match &self.file {
            Some(file) if bytes <= self.reserved => file.get()?,
            _ => return Err(io::ErrorKind::OutOfMemory.into()),
        };
        let more = bytes - committed;
        let end = (self.asked.fetch_add(more, Ordering::Relaxed) + more).clamp(bytes, self.reserved);
        let grown = platform::commit(file, &self.committed, end);
        if grown.is_err() {
            self.asked.fetch_sub(more, Ordering::Relaxed);
            if end > bytes {
                return platform::commit(file, &self.committed, bytes);
            }
        }
        grown
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

    fn at(&self, line: u64, count: u64) -> Option<*mut u8> {
        let offset = usize::try_from(line).ok()?.checked_mul(LINE)?;
        let end = usize::try_from(line.checked_add(count)?).ok()?.checked_mul(LINE)?;
        let start = self.start.load(Ordering::Relaxed);
        (end <= self.committed()).then(|| start.wrapping_add(offset))
    }
}

impl Drop for Mapping {
    /// Gives the pages back, keeps the addresses: lines handed out stay memory, which nobody reads.
    fn drop(&mut self) {
        let start = self.start.load(Ordering::Relaxed);
        let flags = MapFlags::PRIVATE | platform::RESERVED_ONLY | MapFlags::FIXED;
        // SAFETY: replaces this mapping, and nothing else, by zeroed memory of the same length.
        let replaced =
            unsafe { mmap_anonymous(start.cast(), self.reserved, ProtFlags::READ | ProtFlags::WRITE, flags) };
        if let Err(error) = replaced {
            log::debug!("pages of a closed segment stay mapped: {error}");
        }
    }
}

/// The most address space that the process may have, in halves from [`RESERVE`] on.
fn reserve(
    map: impl Fn(usize) -> rustix::io::Result<*mut std::ffi::c_void>,
) -> io::Result<(AtomicPtr<u8>, usize)> {
    let mut length = RESERVE;
    loop {
        match map(length) {
            Ok(start) => return Ok((AtomicPtr::new(start.cast()), length)),
            Err(Errno::NOMEM) if length > LEAST_RESERVE => length /= 2,
            Err(error) => return Err(error.into()),
        }
    }
}
