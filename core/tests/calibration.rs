//! A thread that is stopped between two instructions while it measures the rate of the processor's
//! counter.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "has the counter's instruction trapped")]

use std::{
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use ictus::{Registry, Stopwatch};

/// The address of the vDSO, where the kernel's clock is read: that code reads the counter as well.
static VDSO: AtomicUsize = AtomicUsize::new(0);
/// Number of further readings of the counter after which the thread is stopped.
static STOPS: AtomicUsize = AtomicUsize::new(0);

fn trap_counter(trap: bool) {
    let mode = if trap { libc::PR_TSC_SIGSEGV } else { libc::PR_TSC_ENABLE };
    // SAFETY: concerns this thread's reading of the counter alone.
    unsafe { libc::prctl(libc::PR_SET_TSC, mode) };
}

/// Does the work of the trapped instruction, and stops the thread after it.
extern "C" fn read_counter(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the third argument of a handler with SA_SIGINFO.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let mut set = |register: i32, to: u64| registers[register as usize] = to.cast_signed();
    trap_counter(false);
    // SAFETY: part of every x86-64 processor.
    let count = unsafe { core::arch::x86_64::_rdtsc() };
    set(libc::REG_RAX, count & 0xFFFF_FFFF);
    set(libc::REG_RDX, count >> 32);
    let at = registers[libc::REG_RIP as usize].cast_unsigned() as usize;
    // SAFETY: the instruction that has just been executed.
    let instruction = unsafe { ptr::read_unaligned(at as *const [u8; 3]) };
    let length = match instruction {
        [0x0F, 0x31, _] => 2,
        [0x0F, 0x01, 0xF9] => 3,
        // SAFETY: ends the process, because the fault is not a trapped reading.
        _ => unsafe { libc::_exit(9) },
    };
    if length == 3 {
        registers[libc::REG_RCX as usize] = 0;
    }
    registers[libc::REG_RIP as usize] += length;
    let vdso = VDSO.load(Relaxed);
    if (vdso..vdso + 0x8000).contains(&at) {
        trap_counter(true);
    } else if STOPS.fetch_sub(1, Relaxed) > 0 {
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 45_000_000 };
        // SAFETY: reads `pause`, and the second pointer may be null.
        unsafe { libc::nanosleep(&raw const pause, ptr::null_mut()) };
        trap_counter(STOPS.load(Relaxed) > 0);
    }
}

#[test]
fn durations_are_correct_if_calibration_is_interrupted() {
    // SAFETY: returns an address.
    VDSO.store(unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize, Relaxed);
    // SAFETY: all zeros are a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = read_counter as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
    // SAFETY: the handler has the signature that the flags require.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) }, 0);

    let registry = Registry::new();
    let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    // The first observation chooses the clock.
    timer.observe(0.0);
    // Pauses fall on both ends of the measurement.
    for stops in [1, 3] {
        let running = timer.start();
        STOPS.store(stops, Relaxed);
        trap_counter(true);
        running.stop();
        trap_counter(false);
        thread::sleep(Duration::from_millis(60));
    }
    timer.start().stop();
    for _ in 0..3 {
        let (watch, instant) = (Stopwatch::start(), Instant::now());
        thread::sleep(Duration::from_millis(200));
        let (seconds, expected) = (timer.observe_since(watch), instant.elapsed().as_secs_f64());
        assert!((seconds / expected - 1.0).abs() < 0.01, "measured {seconds} s, not {expected} s");
    }
}
