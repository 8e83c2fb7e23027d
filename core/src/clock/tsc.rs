//! The processor's counter: whether it makes the timestamps, and its rate.

use std::sync::{
    Mutex, TryLockError,
    atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
};

use super::calibration::{Calibration, measure_roughly, read_clocks};
use crate::sys;

const UNDETECTED: u8 = 0;
const KERNEL: u8 = 1;
const TSC: u8 = 2;
static SOURCE: AtomicU8 = AtomicU8::new(UNDETECTED);

/// Seconds per count, as `f64` bits; 0 if unknown. Negative if a known rate is in doubt:
/// measurements that started with the counter still use it.
static SECONDS_PER_TICK: AtomicU64 = AtomicU64::new(0);

static CALIBRATION: Mutex<Calibration> = Mutex::new(Calibration::new());

/// Returns whether the counter makes the timestamps. It does only if the kernel uses it, too.
#[inline]
pub(super) fn uses_tsc() -> bool {
    match SOURCE.load(Relaxed) {
        UNDETECTED => detect(),
        choice => choice == TSC,
    }
}

#[cold]
fn detect() -> bool {
    let is_trusted = sys::has_invariant_tsc();
    SOURCE.store(if is_trusted { TSC } else { KERNEL }, Relaxed);
    is_trusted
}

/// Returns whether the counter measures durations as well, which requires a known rate.
#[inline(always)]
pub(super) fn measures() -> bool {
    f64::from_bits(SECONDS_PER_TICK.load(Relaxed)) > 0.0
}

#[inline(always)]
#[expect(unsafe_code, reason = "one instruction that every x86-64 processor has")]
pub(super) fn read_tsc() -> u64 {
    // SAFETY: reads a register; `rdtsc` is part of the baseline.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Returns the seconds per count by the last known rate; 0 if no rate was ever known.
#[inline(always)]
pub(super) fn seconds_per_tick() -> f64 {
    f64::from_bits(SECONDS_PER_TICK.load(Relaxed)).abs()
}

/// Compares the counter with the kernel's clock: measures its rate, or checks the known one. Takes
/// a microsecond and does not block.
#[cold]
pub(crate) fn calibrate() {
    if !uses_tsc() {
        return;
    }
    // If several threads calibrate at once, one of them is enough.
    let mut calibration = match CALIBRATION.try_lock() {
        Ok(calibration) => calibration,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    calibration.learn(read_clocks());
    match calibration.rate() {
        Some(seconds) => SECONDS_PER_TICK.store(seconds.to_bits(), Relaxed),
        None => SECONDS_PER_TICK.store((-seconds_per_tick()).to_bits(), Relaxed),
    }
}

/// Returns the seconds per clock tick, with an error of about one percent. For readers: if the rate
/// is unknown, waits for a millisecond to measure it, once per process. Concurrent threads each
/// measure, so that a child that is forked in the meantime waits for none of them.
pub(crate) fn seconds_a_stamp() -> f64 {
    static ROUGHLY: AtomicU64 = AtomicU64::new(0);
    if !uses_tsc() {
        return 1e-9;
    }
    let cached = seconds_per_tick();
    if cached > 0.0 {
        return cached;
    }
    let mut rough = f64::from_bits(ROUGHLY.load(Relaxed));
    if rough == 0.0 {
        rough = measure_roughly();
        ROUGHLY.store(rough.to_bits(), Relaxed);
    }
    rough
}
