//! Forks: the generation of this process, and a gate that delays forks during critical changes.
//!
//! Resources belong to the generation of the process that created them. A forked child has another
//! generation. The handlers that `fork` calls set it. Children that no handler sees (`clone` by the
//! system call, `_Fork`) detect it by a word in memory that the kernel wipes in every child. So
//! each function that reads the generation is correct in such a child. Each observation is correct,
//! too, because the tables in which it finds its lane are also in wiped memory
//! ([`wiped`](super::wiped)).
#![expect(unsafe_code, reason = "registers functions that a fork calls")]

use std::{
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::{own_descriptor, wiped};
use crate::packed::{pack, unpack};

/// The number of the newest generation: the number of forks that led to this process. A fork may
/// count twice.
static NEWEST: AtomicU32 = AtomicU32::new(1);
/// The number of this process's generation on systems that do not wipe memory; see [`wiped::mark`].
static UNWIPED: AtomicU32 = AtomicU32::new(1);

/// Returns the generation of this process in its line of forks; never 0. Resources of another
/// generation belong to the parent.
#[inline]
pub(crate) fn generation() -> u32 {
    match wiped::mark(&UNWIPED).load(Ordering::Relaxed) {
        0 => begin(),
        generation => generation,
    }
}

/// The first call in a child that no handler has seen. Several threads may call it at once.
#[cold]
#[inline(never)]
fn begin() -> u32 {
    let new = NEWEST.fetch_add(1, Ordering::Relaxed) + 1;
    match wiped::mark(&UNWIPED).compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            own_descriptor::close_parents();
            new
        }
        Err(begun) => begun,
    }
}

/// Threads in critical changes, and pending forks: the generation in the high half, then 16 bits of
/// forks and 16 bits of threads. Counts of another generation are ignored.
static FORK_GATE: AtomicU64 = AtomicU64::new(0);
const THREADS: u32 = (1 << 16) - 1;
const FORK: u32 = 1 << 16;
/// Maximum number of attempts, each after a delay, in which a fork waits for a thread that is
/// blocked, for example on a disk that hangs.
const MAX_ATTEMPTS: u32 = 10_000;
const RETRY_DELAY: Duration = Duration::from_micros(100);

/// Returns the forks and threads at the gate, if they are of this generation.
fn counts(gate: u64, generation: u32) -> u32 {
    let (of, counts) = unpack(gate);
    if of == generation { counts } else { 0 }
}

/// Updates the forks and threads at the gate if `change` allows it. Returns whether it did.
fn update(generation: u32, change: impl Fn(u32) -> Option<u32>) -> bool {
    let change = |gate| Some(pack(generation, change(counts(gate, generation))?));
    // Acquire and release: each side of the gate sees all stores of the other side.
    FORK_GATE.fetch_update(Ordering::AcqRel, Ordering::Relaxed, change).is_ok()
}

/// Runs `change` with no fork in between. Otherwise a fork could copy an intermediate state,
/// because the kernel copies descriptors, mappings and memory one after the other.
pub(crate) fn without_fork<T>(change: impl FnOnce() -> T) -> T {
    struct GateGuard(u32);
    impl Drop for GateGuard {
        fn drop(&mut self) {
            update(self.0, |counts| counts.checked_sub(1));
        }
    }
    let generation = generation();
    while !update(generation, |counts| (counts < FORK).then_some(counts + 1)) {
        thread::yield_now();
    }
    let _leave = GateGuard(generation);
    change()
}

extern "C" fn atfork_prepare() {
    let generation = generation();
    update(generation, |counts| counts.checked_add(FORK));
    for _ in 0..MAX_ATTEMPTS {
        if counts(FORK_GATE.load(Ordering::Acquire), generation) & THREADS == 0 {
            return;
        }
        thread::sleep(RETRY_DELAY);
    }
}

extern "C" fn atfork_parent() {
    update(generation(), |counts| counts.checked_sub(FORK));
}

extern "C" fn atfork_child() {
    let new = NEWEST.fetch_add(1, Ordering::Relaxed) + 1;
    wiped::mark(&UNWIPED).store(new, Ordering::Relaxed);
    own_descriptor::close_parents();
}

/// Registers the fork handlers. Calls `child` in every forked child before `fork` returns, where
/// only async-signal-safe work is allowed.
pub(crate) fn install_fork_handlers(child: extern "C" fn()) {
    // Not a `Once`: a child that is forked while another thread is inside would wait for that
    // thread forever. If two threads register handlers, a fork counts twice.
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Ordering::Acquire) {
        return;
    }
    wiped::prepare(&NEWEST);
    // SAFETY: these store atomics, sleep, map memory, and close descriptors.
    let unseen =
        unsafe { libc::pthread_atfork(Some(atfork_prepare), Some(atfork_parent), Some(atfork_child)) };
    // SAFETY: the caller guarantees that `child` is async-signal-safe.
    let unseen = unseen | unsafe { libc::pthread_atfork(None, None, Some(child)) };
    if unseen != 0 {
        log::error!(
            "cannot register fork handlers (error {unseen}): do not record in a forked child before exec"
        );
    }
    WATCHED.store(true, Ordering::Release);
}

/// Registers `call` to be called once, when the process exits normally.
pub(crate) fn at_exit(call: extern "C" fn()) {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    // SAFETY: the library is not unloaded before the process ends, or `call` is called when it is.
    if !WATCHED.swap(true, Ordering::Relaxed) && unsafe { libc::atexit(call) } != 0 {
        log::warn!(
            "cannot register an exit handler: observations that are only in memory at the end of this process are lost"
        );
    }
}

/// Runs `act` with all signals blocked, so that a thread that it starts never runs a signal handler
/// of the host.
pub(crate) fn with_signals_blocked<T>(act: impl FnOnce() -> T) -> T {
    let (mut all, mut previous) = (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::uninit());
    // SAFETY: fills the set that is passed to it.
    let filled = unsafe { libc::sigfillset(all.as_mut_ptr()) } == 0;
    // SAFETY: the first set is filled where this is called; the second one is for the call to fill.
    let blocked = filled
        && unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), previous.as_mut_ptr()) } == 0;
    let result = act();
    if blocked {
        // SAFETY: filled by the call above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, previous.as_ptr(), ptr::null_mut()) };
    }
    result
}
