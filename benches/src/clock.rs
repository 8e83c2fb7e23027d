//! The clocks of the measurements: the processor time of this thread, and the processor's counter.

use std::time::{Duration, Instant};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

/// Returns the processor time of this thread. Time that other processes take is not included.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the processor's counter; on other architectures nanoseconds.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[must_use]
#[expect(unsafe_code, reason = "one instruction that every x86-64 processor has")]
pub fn ticks() -> u64 {
    // SAFETY: reads a register; `rdtsc` is part of the baseline.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Returns the processor's counter after all earlier instructions are complete; on other
/// architectures nanoseconds.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[must_use]
#[expect(unsafe_code, reason = "one instruction that every processor has whose counter is steady")]
pub fn ticks_in_order() -> u64 {
    let mut processor = 0;
    // SAFETY: writes to a local variable; processors without `rdtscp` have no steady counter either.
    unsafe { core::arch::x86_64::__rdtscp(&raw mut processor) }
}

/// Returns the processor's counter after all earlier instructions are complete; on other
/// architectures nanoseconds.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
#[must_use]
pub fn ticks_in_order() -> u64 {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    ticks()
}

/// Returns the processor's counter; on other architectures nanoseconds.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
#[must_use]
pub fn ticks() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Returns the duration of one tick in nanoseconds, as measured in 50 ms.
#[must_use]
pub fn nanoseconds_per_tick() -> f64 {
    let (start, instant) = (ticks(), Instant::now());
    std::thread::sleep(Duration::from_millis(50));
    instant.elapsed().as_nanos() as f64 / (ticks() - start) as f64
}

/// Returns the processors that this process may use.
#[must_use]
pub fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(None::<Pid>).expect("the processors that are allowed");
    (0..CpuSet::MAX_CPU).filter(|&index| allowed.is_set(index)).collect()
}

/// Pins this thread to one processor.
pub fn pin(processor: usize) {
    let mut mask = CpuSet::new();
    mask.set(processor);
    sched_setaffinity(None, &mask).expect("a processor that this process may use");
}
