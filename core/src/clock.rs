//! Stamps: monotonic instants that order observations over threads and processes.

use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds of `CLOCK_MONOTONIC`: the same clock in every process of this boot.
#[inline]
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Now by the wall clock, in nanoseconds since 1970: says when a segment was made, orders nothing.
pub(crate) fn wall() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// The name of the clock that makes the stamps, for the directory's epoch.
pub(crate) fn source() -> &'static str {
    "monotonic"
}
