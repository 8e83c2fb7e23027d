//! Forks: the descriptors that a forked child must not keep, and whose memory is whose.
//!
//! A descriptor that a child inherits keeps its lock for as long as the child lives. So the child
//! closes those of its parent before it does anything else, without unlocking. That it finds them,
//! and only them, takes that no fork happens while a thread opens or closes one: the kernel copies
//! descriptors and memory one after the other.
#![expect(unsafe_code, reason = "sees forks, closes descriptors in a forked child")]

use std::{
    io,
    os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd},
    ptr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering},
    thread,
    time::Duration,
};

use rustix::io::Errno;

/// How many forks made this process: 0 in one that was not forked. A fork may count twice.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Which of the processes on this image's line of forks this one is. What was made in another
/// generation belongs to the parent.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// An open file of this process alone, until it is dropped or the process ends; a forked child has
/// closed it.
///
/// It may hold the `flock` that says that an owner lives, and is then never mapped: a mapping that
/// a fork inherits pins its open file, so a lock on it would outlive a killed owner.
#[derive(Debug)]
pub(super) struct OwnDescriptor {
    held: &'static Held,
    generation: u32,
}

/// A place for a descriptor, which others use after it.
#[derive(Debug)]
struct Held {
    /// The descriptor, [`FREE`] or [`TAKEN`].
    number: AtomicI32,
    next: *const Held,
}

const FREE: RawFd = -1;
/// By a thread that is about to open one.
const TAKEN: RawFd = -2;

// SAFETY: `next` points to a leaked place and is not written after the place is published.
unsafe impl Sync for Held {}

/// All places, newest first; they are never freed, so the fork handler may walk them.
static HELD: AtomicPtr<Held> = AtomicPtr::new(ptr::null_mut());

fn all_held() -> impl Iterator<Item = &'static Held> {
    // SAFETY: places are leaked, and complete before they are published.
    let place = |place: *const Held| unsafe { place.as_ref() };
    std::iter::successors(place(HELD.load(Ordering::Acquire)), move |held| place(held.next))
}

impl OwnDescriptor {
    /// Keeps what `open` opens. It must not allocate: another library may have locked the
    /// allocator for the fork that waits for it.
    pub(super) fn open(
        open: impl FnOnce() -> rustix::io::Result<OwnedFd>,
    ) -> rustix::io::Result<OwnDescriptor> {
        let held = Held::take();
        let opened = undivided(|| {
            let opened = open().map(IntoRawFd::into_raw_fd);
            held.number.store(opened.unwrap_or(FREE), Ordering::Release);
            opened
        });
        opened.map(|_| OwnDescriptor { held, generation: generation() })
    }

    /// The descriptor; an error in a forked child of the process that opened it, where the number
    /// may be that of another file.
    pub(super) fn get(&self) -> io::Result<BorrowedFd<'_>> {
        if self.generation != generation() {
            return Err(Errno::BADF.into());
        }
        // SAFETY: of this process, so open until `self` is dropped.
        Ok(unsafe { BorrowedFd::borrow_raw(self.held.number.load(Ordering::Acquire)) })
    }
}

impl Drop for OwnDescriptor {
    fn drop(&mut self) {
        // A child's place is free, or has another descriptor by now.
        if self.generation == generation() {
            undivided(|| self.held.close());
        }
    }
}

impl Held {
    /// A place that nobody uses; a new one where there is none.
    fn take() -> &'static Held {
        let take = |held: &&Held| {
            held.number.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        if let Some(held) = all_held().find(take) {
            return held;
        }
        let new = Held { number: AtomicI32::new(TAKEN), next: HELD.load(Ordering::Acquire) };
        let held = Box::leak(Box::new(new));
        while let Err(newest) =
            HELD.compare_exchange(held.next.cast_mut(), held, Ordering::AcqRel, Ordering::Acquire)
        {
            held.next = newest;
        }
        held
    }

    fn close(&self) {
        let number = self.number.swap(FREE, Ordering::AcqRel);
        if number >= 0 {
            // SAFETY: taken from an `OwnedFd`; the swap lets exactly one caller close it.
            unsafe { libc::close(number) };
        }
    }
}

/// Threads that open or close a descriptor, and, above them, forks that are about to happen.
static GATE: AtomicU32 = AtomicU32::new(0);
const FORK: u32 = 1 << 16;
/// How long a fork waits for a thread that the system does not let go on, on a disk that hangs.
const PATIENCE: u32 = 10_000;
const PAUSE: Duration = Duration::from_micros(100);

/// Runs `change` with no fork in between.
fn undivided<T>(change: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            // Pairs with the load in `before_fork`.
            GATE.fetch_sub(1, Ordering::Release);
        }
    }
    let enter = |gate: u32| (gate < FORK).then_some(gate + 1);
    // Pairs with the handlers after a fork.
    while GATE.fetch_update(Ordering::Acquire, Ordering::Relaxed, enter).is_err() {
        thread::yield_now();
    }
    let _leave = Leave;
    change()
}

extern "C" fn before_fork() {
    GATE.fetch_add(FORK, Ordering::Relaxed);
    for _ in 0..PATIENCE {
        // Pairs with leaving `undivided`.
        if GATE.load(Ordering::Acquire).is_multiple_of(FORK) {
            return;
        }
        thread::sleep(PAUSE);
    }
}

extern "C" fn in_parent() {
    // Pairs with entering `undivided`.
    GATE.fetch_sub(FORK, Ordering::Release);
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // Its one thread is not inside. Pairs with entering `undivided`.
    GATE.store(0, Ordering::Release);
    all_held().for_each(Held::close);
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
    // SAFETY: these store atomics, sleep, and close descriptors.
    let unseen = unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    // SAFETY: the caller vouches for `child`.
    let unseen = unseen | unsafe { libc::pthread_atfork(None, None, Some(child)) };
    if unseen != 0 {
        log::error!("forks are not seen (error {unseen}): observe in a forked child only after exec");
    }
    WATCHED.store(true, Ordering::Release);
}
