//! Processors without a counter that all processors share: the kernel's clock makes the timestamps.

#[inline(always)]
pub(super) fn uses_tsc() -> bool {
    false
}

#[inline(always)]
pub(super) fn measures() -> bool {
    false
}

#[inline(always)]
pub(super) fn read_tsc() -> u64 {
    0
}

#[inline(always)]
pub(super) fn seconds_per_tick() -> f64 {
    1e-9
}

#[inline(always)]
pub(crate) fn calibrate() {}

/// Returns the seconds per clock tick.
pub(crate) fn seconds_a_stamp() -> f64 {
    1e-9
}
