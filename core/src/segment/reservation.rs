//! Address space for segments: reserved in small parts, and reused by later segments.
//!
//! Lines of a segment are `&'static`, so memory that was handed out stays memory. A reservation is
//! never unmapped, but is reused after its segment is dropped. A process therefore never has more
//! reservations than its registries needed at one time. A reservation that no thread has seen is
//! unmapped.
//!
//! Of all limits, only RLIMIT_AS counts reserved addresses. They can be neither read nor written,
//! so they are not data, are not charged, and are not locked into memory. A segment takes a small
//! fraction of RLIMIT_AS at a time.
#![expect(unsafe_code, reason = "reserves address space and maps memory there")]

use std::{
    io,
    os::fd::BorrowedFd,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
};

use rustix::{
    io::Errno,
    mm::{MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap},
    process::{Resource, getrlimit},
};

use crate::sys::{self, fork::without_fork};

/// Bytes reserved at once, at most, if nothing is limited and nothing is used yet.
const FIRST: usize = if cfg!(target_pointer_width = "64") { 16 << 20 } else { 4 << 20 };
/// Minimum number of bytes reserved at once.
pub(crate) const GROWTH_STEP: usize = 256 << 10;
/// Divisor of the limit on address space: at most that part is reserved at once, unless more is
/// needed.
const FRACTION: u64 = 64;

/// A range of addresses that no other part of the process gets.
#[derive(Debug)]
pub(crate) struct Reservation {
    start: AtomicPtr<u8>,
    length: AtomicUsize,
    /// Offset of its start in the segment.
    begin: AtomicUsize,
    /// Bytes, from its start on, that were handed out.
    used: AtomicUsize,
    state: AtomicUsize,
    /// Whether a forked child has no mapping there, so that it does not share its parent's file.
    is_kept_from_children: AtomicBool,
    next: *const Reservation,
}

const FREE: usize = 0;
const USED: usize = 1;
/// The slot has no addresses.
const EMPTY: usize = 2;

// SAFETY: `next` points to a leaked reservation and is not written after it is published.
unsafe impl Sync for Reservation {}

/// All reservations, newest first. They are never freed, so that a fork handler may walk them.
static ALL: AtomicPtr<Reservation> = AtomicPtr::new(ptr::null_mut());

fn all() -> impl Iterator<Item = &'static Reservation> {
    // SAFETY: reservations are leaked, and complete before they are published.
    let one = |one: *const Reservation| unsafe { one.as_ref() };
    std::iter::successors(one(ALL.load(Ordering::Acquire)), move |this| one(this.next))
}

/// Returns how much to reserve for a segment that has `had` bytes and now needs `needed` more: as
/// much again, limited to a fraction of the address space that the process may have.
pub(crate) fn suitable(had: usize, needed: usize) -> usize {
    let limit = getrlimit(Resource::As).current.map_or(u64::MAX, |limit| limit / FRACTION);
    let max = usize::try_from(limit).unwrap_or(usize::MAX) / GROWTH_STEP * GROWTH_STEP;
    had.max(FIRST).min(max).max(GROWTH_STEP).max(needed.next_multiple_of(GROWTH_STEP))
}

impl Reservation {
    /// Maps a part of a segment's file, from its byte `begin` on. The part has `wanted` bytes, or
    /// fewer if the system refuses that many, and its length is a multiple of [`GROWTH_STEP`]. A forked
    /// child does not get the mapping: it would pin the open file, and with it the lock that shows
    /// that the owner is alive.
    pub(crate) fn for_file(
        begin: usize,
        wanted: usize,
        file: BorrowedFd<'_>,
    ) -> io::Result<&'static Reservation> {
        let all = ProtFlags::READ | ProtFlags::WRITE;
        let map = |start: *mut u8, length, how| {
            without_fork(|| {
                let flags = MapFlags::SHARED | sys::MAP_RESERVE | how;
                // SAFETY: at an address of the kernel's choice, or in place of a reservation of
                // which nothing is handed out.
                let start = unsafe { mmap(start.cast(), length, all, flags, file, begin as u64) }?;
                let kept = sys::KEPT_FROM_CHILDREN.is_some_and(|advice| {
                    // SAFETY: of the mapping that was just made; decides what children find there.
                    unsafe { madvise(start, length, advice) }.is_ok()
                });
                Ok::<_, Errno>((start.cast(), kept))
            })
        };
        let (part, kept) = match Reservation::free(wanted) {
            Some(free) => match map(free.start(), free.length(), MapFlags::FIXED) {
                Ok((_, kept)) => (free, kept),
                Err(error) => {
                    // The state of these addresses is unknown now: never use them again.
                    free.lose_addresses();
                    return Err(error.into());
                }
            },
            None => {
                let (start, length, kept) = smaller_and_smaller(wanted, |length| {
                    map(ptr::null_mut(), length, MapFlags::empty()).map(|(start, kept)| (start, length, kept))
                })?;
                (Reservation::put(start, length), kept)
            }
        };
        part.is_kept_from_children.store(kept, Ordering::Release);
        Ok(part.begins_at(begin))
    }

    /// Reserves a part of a segment in memory. [`map_memory`](Self::map_memory) makes its addresses
    /// usable.
    pub(crate) fn for_memory(begin: usize, wanted: usize) -> io::Result<&'static Reservation> {
        let part = match Reservation::free(wanted) {
            Some(free) => free,
            None => {
                let (start, length) = smaller_and_smaller(wanted, |length| {
                    map_nothing(ptr::null_mut(), length, 0, MapFlags::empty()).map(|start| (start, length))
                })?;
                Reservation::put(start, length)
            }
        };
        Ok(part.begins_at(begin))
    }

    /// Claims a reservation that a segment has returned.
    fn free(wanted: usize) -> Option<&'static Reservation> {
        let fits = |one: &&Reservation| (wanted..=wanted.max(FIRST)).contains(&one.length());
        all().find(|one| fits(one) && one.passes(FREE, USED))
    }

    fn begins_at(&'static self, begin: usize) -> &'static Reservation {
        self.begin.store(begin, Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
        self
    }

    /// Stores new addresses, in an empty slot if there is one.
    fn put(start: *mut u8, length: usize) -> &'static Reservation {
        let reservation = match all().find(|one| one.passes(EMPTY, USED)) {
            Some(empty) => empty,
            None => {
                let new = Box::leak(Box::new(Reservation {
                    start: AtomicPtr::new(ptr::null_mut()),
                    length: AtomicUsize::new(0),
                    begin: AtomicUsize::new(0),
                    used: AtomicUsize::new(0),
                    state: AtomicUsize::new(USED),
                    is_kept_from_children: AtomicBool::new(false),
                    next: ALL.load(Ordering::Acquire),
                }));
                while let Err(newest) =
                    ALL.compare_exchange(new.next.cast_mut(), new, Ordering::AcqRel, Ordering::Acquire)
                {
                    new.next = newest;
                }
                new
            }
        };
        reservation.start.store(start, Ordering::Relaxed);
        reservation.length.store(length, Ordering::Relaxed);
        reservation
    }

    fn passes(&self, from: usize, to: usize) -> bool {
        self.state.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn start(&self) -> *mut u8 {
        self.start.load(Ordering::Relaxed)
    }

    pub(crate) fn length(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) -> usize {
        self.begin.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) -> usize {
        self.begin() + self.length()
    }

    /// Whether a forked child has no mapping of it.
    pub(crate) fn is_kept_from_children(&self) -> bool {
        self.is_kept_from_children.load(Ordering::Acquire)
    }

    /// Makes its addresses usable up to the segment's byte `end`.
    pub(crate) fn map_memory(&self, end: usize) -> io::Result<()> {
        let bytes = end.saturating_sub(self.begin()).min(self.length());
        // SAFETY: of this reservation; memory that is in use stays as it is.
        Ok(unsafe { mprotect(self.start().cast(), bytes, MprotectFlags::READ | MprotectFlags::WRITE) }?)
    }

    /// Allows the bytes before the segment's byte `end` to be handed out.
    pub(crate) fn use_up_to(&self, end: usize) {
        self.used.fetch_max(end.saturating_sub(self.begin()).min(self.length()), Ordering::Release);
    }

    /// Returns it for other segments. Memory that was handed out becomes zeros.
    pub(crate) fn release(&self) {
        match map_nothing(self.start(), self.length(), self.used.load(Ordering::Acquire), MapFlags::FIXED) {
            Ok(_) => {
                self.is_kept_from_children.store(false, Ordering::Relaxed);
                self.state.store(FREE, Ordering::Release);
            }
            Err(error) => log::debug!("addresses of a closed segment stay mapped: {error}"),
        }
    }

    /// Unmaps a reservation that no thread has seen.
    pub(crate) fn discard(&self) {
        // SAFETY: this reservation's, of which nothing was handed out.
        if unsafe { munmap(self.start().cast(), self.length()) }.is_ok() {
            self.lose_addresses();
        }
    }

    /// Forgets the addresses. The slot can hold others.
    fn lose_addresses(&self) {
        self.start.store(ptr::null_mut(), Ordering::Relaxed);
        self.length.store(0, Ordering::Relaxed);
        self.is_kept_from_children.store(false, Ordering::Relaxed);
        self.state.store(EMPTY, Ordering::Release);
    }
}

/// Maps the longest range that the system accepts, halving the length after each refusal.
fn smaller_and_smaller<T>(
    mut length: usize,
    map: impl Fn(usize) -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    loop {
        match map(length) {
            // EAGAIN: the host locks its memory, and this length exceeds the limit of locked
            // memory.
            Err(Errno::NOMEM | Errno::AGAIN) if length > GROWTH_STEP => {
                length = (length / 2).next_multiple_of(GROWTH_STEP);
            }
            mapped => return mapped,
        }
    }
}

/// Reserves addresses, with zeroed memory in their first `used` bytes. Returns the start.
fn map_nothing(start: *mut u8, length: usize, used: usize, how: MapFlags) -> rustix::io::Result<*mut u8> {
    let flags = MapFlags::PRIVATE | sys::MAP_RESERVE | how;
    // SAFETY: replaces the caller's reservation, or maps where nothing is.
    let mapped = unsafe { mmap_anonymous(start.cast(), length, ProtFlags::empty(), flags) }?.cast::<u8>();
    if mapped == start && used > 0 {
        let all = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: of the range that was just mapped. Only a defect of this crate would read or
        // write there, so if the host's limits forbid the call, the range stays as it is.
        let _ = unsafe { mprotect(start.cast(), used, all) };
    }
    Ok(mapped)
}

/// Keeps the addresses of the parent's segments reserved in a forked child: the handler that forked
/// may have interrupted a thread while it wrote there. Async-signal-safe.
pub(crate) fn keep_parents_addresses() {
    for one in all() {
        if !one.is_kept_from_children.swap(false, Ordering::Relaxed) {
            continue;
        }
        let (start, length) = (one.start(), one.length());
        let used = one.used.load(Ordering::Relaxed);
        match map_nothing(start, length, used, sys::AT_FREE_ADDRESSES) {
            Ok(mapped) if mapped == start => {}
            // An old kernel takes the address only as a hint.
            // SAFETY: mapped a moment ago, and seen by no thread.
            Ok(mapped) => _ = unsafe { munmap(mapped.cast(), length) },
            Err(_) => {}
        }
    }
}
