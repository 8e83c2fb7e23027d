//! A processor's counter that restarts while processes record, as it may when a machine wakes from
//! suspend.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it skips"
)]
#![expect(unsafe_code, reason = "has the counter's instruction trapped")]

use std::{
    fs,
    path::Path,
    ptr,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    thread,
};

use ictus::{
    Reader, Registry,
    snapshot::{Timing, Value},
};

/// The address of the vDSO, where the kernel's clock is read: that code reads the counter as well,
/// and corrects for the loss.
static VDSO: AtomicUsize = AtomicUsize::new(0);
/// The loss of the counter: the counts by which it went back.
static LOST: AtomicU64 = AtomicU64::new(0);

fn counter() -> u64 {
    // SAFETY: part of every x86-64 processor.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Traps the counter for this thread and the threads that it starts.
fn trap_counter(trap: bool) {
    let mode = if trap { libc::PR_TSC_SIGSEGV } else { libc::PR_TSC_ENABLE };
    // SAFETY: concerns this thread's reading of the counter alone.
    unsafe { libc::prctl(libc::PR_SET_TSC, mode) };
}

/// Does the work of the trapped instruction, with a counter that has restarted.
extern "C" fn read_counter(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the third argument of a handler with SA_SIGINFO.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    trap_counter(false);
    let at = registers[libc::REG_RIP as usize].cast_unsigned() as usize;
    let vdso = VDSO.load(Relaxed);
    let lost = if (vdso..vdso + 0x8000).contains(&at) { 0 } else { LOST.load(Relaxed) };
    let count = counter() - lost;
    // SAFETY: the instruction that was trapped.
    let instruction = unsafe { ptr::read_unaligned(at as *const [u8; 3]) };
    let length = match instruction {
        [0x0F, 0x31, _] => 2,
        [0x0F, 0x01, 0xF9] => 3,
        // SAFETY: ends the process, because the fault is not a trapped reading.
        _ => unsafe { libc::_exit(9) },
    };
    registers[libc::REG_RAX as usize] = (count & 0xFFFF_FFFF).cast_signed();
    registers[libc::REG_RDX as usize] = (count >> 32).cast_signed();
    if length == 3 {
        registers[libc::REG_RCX as usize] = 0;
    }
    registers[libc::REG_RIP as usize] += length;
    trap_counter(true);
}

fn timing(directory: &Path) -> Timing {
    match Reader::new(directory).snapshot().unwrap().family("job_seconds").unwrap().get(&[]) {
        Some(Value::Timer(timing)) => timing.clone(),
        other => panic!("{other:?}"),
    }
}

fn epochs(directory: &Path) -> usize {
    fs::read_to_string(directory.join("ictus/epoch")).unwrap().lines().count() / 2
}

#[test]
fn windows_continue_after_a_counter_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let registry = Registry::open(path).unwrap();
    let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    let active = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    (0..1000).for_each(|_| timer.observe(1.0));
    jobs.inc();
    active.set(3.0);
    if !fs::read_to_string(path.join("ictus/epoch")).unwrap().contains("\ntsc ") {
        println!("SKIPPED: the counter makes no stamps here");
        return;
    }

    // SAFETY: returns an address.
    VDSO.store(unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize, Relaxed);
    LOST.store(counter() - (1 << 33), Relaxed);
    // SAFETY: all zeros are a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = read_counter as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
    // SAFETY: the handler has the signature that the flags require.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) }, 0);
    trap_counter(true);

    // The process notices the restart at the end of a chunk.
    (0..200).for_each(|_| timer.observe(2.0));
    assert_eq!(epochs(path), 2);
    let mut count = 1_200;
    for value in [3.0, 4.0, 5.0] {
        // Old and new threads, and another registry in place of another process.
        match value {
            3.0 => thread::scope(|scope| {
                scope.spawn(|| (0..1000).for_each(|_| timer.observe(value)));
            }),
            4.0 => (0..1000).for_each(|_| timer.observe(value)),
            _ => {
                let other = Registry::open(path).unwrap();
                let timer = other.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
                (0..1000).for_each(|_| timer.observe(value));
            }
        }
        count += 1000;
        let timing = timing(path);
        assert_eq!((timing.count, timing.window.quantile(0.0)), (count, Some(value)));
        jobs.inc();
        active.add(1.0);
    }
    for snapshot in [registry.snapshot().unwrap(), Reader::new(path).snapshot().unwrap()] {
        let value = |name| snapshot.family(name).unwrap().get(&[]).cloned();
        assert_eq!((value("jobs"), value("active")), (Some(Value::Counter(4.0)), Some(Value::Gauge(6.0))));
    }
    assert_eq!(epochs(path), 2);
    trap_counter(false);
}
