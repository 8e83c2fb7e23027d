//! The mapping of a segment, its descriptors, and what a fork does to both.
//!
//! The largest size is reserved at once and never unmapped: a lane may keep a plain `&'static` to
//! its lines. Pages are committed before anybody may touch them, so that a full disk is an error at
//! growth and not a SIGBUS at some later store.
#![expect(unsafe_code, reason = "maps memory, closes descriptors in a forked child")]

use std::{
    io,
    os::fd::{BorrowedFd, IntoRawFd, OwnedFd},
    ptr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering},
};

use rustix::{
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, mmap_anonymous},
};

use super::layout::{self, LINE, Lines};
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
    pub(super) fn file(file: OwnedFd, bytes: usize) -> io::Result<Mapping> {
        let committed = AtomicUsize::new(0);
        platform::commit(&file, &committed, bytes)?;
        let (start, reserved) = reserve(|length| {
            // SAFETY: a new mapping at an address of the kernel's choice; nothing else uses it.
            unsafe {
                mmap(
                    ptr::null_mut(),
                    length,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::SHARED | platform::RESERVED_ONLY,
                    &file,
                    0,
                )
            }
        })?;
        Ok(Mapping {
            start,
            reserved,
            committed,
            asked: AtomicUsize::new(bytes),
            file: Some(OwnDescriptor::hold(file)),
        })
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
        let file = match self.file.as_ref().and_then(OwnDescriptor::get) {
            Some(file) if bytes <= self.reserved => file,
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

/// A descriptor of a segment, which a forked child closes before it does anything else.
///
/// One holds the `flock` that says that the owner lives. It is never mapped: a mapping inherited by
/// a fork pins its open file, so a lock on it would outlive a killed owner. The child closes its
/// copy without unlocking. The other is that of the mapped file: later the child may have closed
/// all it inherited, as daemons do, and the number may be that of another file.
#[derive(Debug)]
pub(super) struct OwnDescriptor(&'static HeldDescriptor);

#[derive(Debug)]
struct HeldDescriptor {
    number: AtomicI32,
    next: *const HeldDescriptor,
}

/// Descriptors of this process, newest first; entries are never freed, so the fork handler may walk
/// it.
static HELD: AtomicPtr<HeldDescriptor> = AtomicPtr::new(ptr::null_mut());

impl OwnDescriptor {
    /// Keeps a descriptor until this is dropped or the process ends.
    pub(super) fn hold(descriptor: OwnedFd) -> OwnDescriptor {
        let number = AtomicI32::new(descriptor.into_raw_fd());
        let node = Box::leak(Box::new(HeldDescriptor { number, next: HELD.load(Ordering::Acquire) }));
        while let Err(newest) =
            HELD.compare_exchange(node.next.cast_mut(), node, Ordering::AcqRel, Ordering::Acquire)
        {
            node.next = newest;
        }
        OwnDescriptor(node)
    }

    /// The descriptor; none in a forked child of the process that held it.
    fn get(&self) -> Option<BorrowedFd<'_>> {
        let number = self.0.number.load(Ordering::Acquire);
        // SAFETY: open until `self` is dropped, or in a forked child until it runs.
        (number >= 0).then(|| unsafe { BorrowedFd::borrow_raw(number) })
    }
}

// SAFETY: `next` points to a leaked node and is not written after the node is published.
unsafe impl Sync for HeldDescriptor {}

impl Drop for OwnDescriptor {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl HeldDescriptor {
    fn close(&self) {
        let number = self.number.swap(-1, Ordering::AcqRel);
        if number >= 0 {
            // SAFETY: taken from an `OwnedFd`; the swap lets exactly one caller close it.
            unsafe { rustix::io::close(number) };
        }
    }
}

/// How many forks made this process: 0 in one that was not forked. A fork may count twice.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Which of the processes on this image's line of forks this one is. What was made in another
/// generation belongs to the parent.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Watches forks from now on; calls `child` in every forked child before `fork` returns, where only
/// async-signal-safe work is allowed.
pub(crate) fn watch_forks(child: extern "C" fn()) {
    // No `Once`: forked while another thread is inside, a child would wait for that thread for
    // ever. Whoever is second registers again, and a fork then counts twice.
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Ordering::Acquire) {
        return;
    }
    for handler in [forked, child] {
        // SAFETY: `forked` only stores atomics and closes descriptors; the caller vouches for `child`.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(handler)) };
        if failed != 0 {
            log::error!("forks are not seen (error {failed}): observe in a forked child only after exec");
        }
    }
    WATCHED.store(true, Ordering::Release);
}

extern "C" fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let mut node = HELD.load(Ordering::Acquire).cast_const();
    // SAFETY: nodes are leaked, and complete before they are published.
    while let Some(held) = unsafe { node.as_ref() } {
        held.close();
        node = held.next;
    }
}
