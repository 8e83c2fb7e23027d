//! Processors without a counter that all processors share: the kernel's clock makes the timestamps.

#[inline(always)]
pub(super) fn counts() -> bool {
    false
}

#[inline(always)]
pub(super) fn measures() -> bool {
    false
}

#[inline(always)]
pub(super) fn counter() -> u64 {
    0
}

#[inline(always)]
pub(super) fn seconds_a_count() -> f64 {
    1e-9
}

#[inline(always)]
pub(crate) fn calibrate() {}

/// Returns the seconds per clock tick.
pub(crate) fn seconds_a_stamp() -> f64 {
    1e-9
}
