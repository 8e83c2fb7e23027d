//! Traps the instruction that reads the processor's counter. A signal handler does the work of the
//! instruction, so that a test chooses the value and the time of each reading.
//!
//! The kernel's clock is read in the vDSO, by code that reads the counter as well.

use std::{
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// A reading of the counter by a trapped instruction.
pub(crate) struct Reading {
    /// The result of the instruction.
    pub(crate) count: u64,
    /// Whether the instruction is one of the vDSO.
    pub(crate) is_of_kernel_clock: bool,
}

/// Changes a reading, or stops the thread after it. Returns whether the next instruction is trapped
/// as well. Runs in a signal handler.
type OnRead = fn(&mut Reading) -> bool;

static ON_READ: OnceLock<OnRead> = OnceLock::new();
static VDSO: AtomicUsize = AtomicUsize::new(0);
/// The number of trapped instructions outside of the vDSO.
static TRAPPED: AtomicUsize = AtomicUsize::new(0);

/// Returns the count of the processor.
pub(crate) fn counter() -> u64 {
    // SAFETY: part of every x86-64 processor.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Sets the handler of trapped instructions, once in a process.
pub(crate) fn install(on_read: OnRead) {
    ON_READ.set(on_read).unwrap();
    // SAFETY: returns an address.
    VDSO.store(unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize, Relaxed);
    // SAFETY: all zeros are a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = read_counter as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
    // SAFETY: the handler has the signature that the flags require.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) }, 0);
}

/// Traps the counter for this thread and the threads that it starts.
pub(crate) fn trap(trap: bool) {
    let mode = if trap { libc::PR_TSC_SIGSEGV } else { libc::PR_TSC_ENABLE };
    // SAFETY: concerns this thread's reading of the counter alone.
    unsafe { libc::prctl(libc::PR_SET_TSC, mode) };
}

/// Returns the number of instructions that were trapped outside of the vDSO.
pub(crate) fn trapped() -> usize {
    TRAPPED.load(Relaxed)
}

/// Does the work of the trapped instruction.
extern "C" fn read_counter(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the third argument of a handler with SA_SIGINFO.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    trap(false);
    let at = registers[libc::REG_RIP as usize].cast_unsigned() as usize;
    let vdso = VDSO.load(Relaxed);
    let is_of_kernel_clock = (vdso..vdso + 0x8000).contains(&at);
    TRAPPED.fetch_add(usize::from(!is_of_kernel_clock), Relaxed);
    // SAFETY: the instruction that was trapped.
    let instruction = unsafe { ptr::read_unaligned(at as *const [u8; 3]) };
    let length = match instruction {
        [0x0F, 0x31, _] => 2,
        [0x0F, 0x01, 0xF9] => 3,
        // SAFETY: ends the process, because the fault is not a trapped reading.
        _ => unsafe { libc::_exit(9) },
    };
    let mut reading = Reading { count: counter(), is_of_kernel_clock };
    let traps_next = ON_READ.get().is_some_and(|on_read| on_read(&mut reading));
    registers[libc::REG_RAX as usize] = (reading.count & 0xFFFF_FFFF).cast_signed();
    registers[libc::REG_RDX as usize] = (reading.count >> 32).cast_signed();
    if length == 3 {
        registers[libc::REG_RCX as usize] = 0;
    }
    registers[libc::REG_RIP as usize] += length;
    trap(traps_next);
}
