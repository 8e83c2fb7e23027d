//! Recording allocates nothing, makes no system call, and does not lose the observations of a
//! signal handler.
//!
//! The tests run in a separate process, because they replace the allocator and a signal handler.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "an allocator, a signal handler, seccomp"))]

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use ictus::{Registry, Timer};
use timing::timing;

mod counting_allocator;
mod timing;

/// The id of a trace.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn timer(registry: &Registry) -> Timer {
    registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap()
}

/// Makes the kernel end this process with SIGSYS at any system call but `exit_group`. (Strict mode
/// would do, but also forbids reading the processor's counter.)
fn forbid_system_calls() {
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let exit = u32::try_from(libc::SYS_exit_group).unwrap();
    let mut filter = [
        // Loads the number of the call, the first word of a filter's input.
        statement((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
        statement((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, 0, 1, exit),
        statement((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_ALLOW),
        statement((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes a number and three zeros.
    let fixed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program lives until the kernel has copied it.
    let filtered =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!((fixed, filtered), (0, 0));
}

#[test]
fn observations_allocate_nothing_and_make_no_system_call() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let (timer, counter) =
        (timer(&registry), registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap());
    // Use a child process, because the kernel kills the process at the first system call.
    // SAFETY: the child only records, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // First the ring grows to its full length, and the page of each exponential bucket is
        // created.
        (0..3000).for_each(|n| timer.observe(1e-6 * f64::from(n)));
        timer.observe_with_exemplar(1e-9, TRACE);
        counter.inc();
        let start = counting_allocator::allocations();
        forbid_system_calls();
        for n in 0..1_000_000 {
            timer.observe(1e-9 * f64::from(n));
            counter.inc();
        }
        (0..100_000).for_each(|_| timer.observe_with_exemplar(1e-9, TRACE));
        let status = i32::from(counting_allocator::allocations() != start);
        // SAFETY: nothing of the parent needs cleanup.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for a child of this process, and writes its status to a local.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(ended, child);
    assert_eq!(status, 0, "killed by a system call, or it allocated");
    let timing = timing(&registry.snapshot().unwrap(), "work_seconds", &[]);
    assert_eq!((timing.count, &*timing.exemplars[0].trace_id), (1_103_001, TRACE));
}

static SIGNALLED: OnceLock<Timer> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_: libc::c_int) {
    if let Some(timer) = SIGNALLED.get() {
        timer.observe_with_exemplar(1.0, "handler's");
        HANDLED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn signal_handler_may_observe_the_interrupted_series() {
    let registry = Registry::new();
    let timer = timer(&registry);
    timer.observe(1.0);
    SIGNALLED.set(timer.clone()).unwrap();
    // SAFETY: the handler observes a recorder whose lane exists, which is async-signal-safe.
    unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
    // SAFETY: returns the id of this thread.
    let thread = unsafe { libc::pthread_self() };
    let sender = std::thread::spawn(move || {
        for _ in 0..20_000 {
            // SAFETY: the thread lives until this one is joined.
            unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
        }
    });
    let mut own = 1;
    while !sender.is_finished() {
        timer.observe(1.0);
        timer.observe_with_exemplar(1.0, TRACE);
        own += 2;
        if own % 1000 == 1 {
            let timing = timing(&registry.snapshot().unwrap(), "work_seconds", &[]);
            assert!([TRACE, "handler's"].contains(&&*timing.exemplars[0].trace_id), "{:?}", timing.exemplars);
        }
    }
    sender.join().unwrap();
    let snapshot = registry.snapshot().unwrap();
    let (timing, dropped) = (timing(&snapshot, "work_seconds", &[]), snapshot.health.counts.reentered);
    assert_eq!(timing.count, own + HANDLED.load(Ordering::Relaxed) - dropped, "{dropped} were dropped");
    assert_eq!(timing.sum, timing.count as f64);
    assert_eq!(timing.distribution.count(), timing.count);
}
