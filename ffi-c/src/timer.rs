//! Timers.

use ictus::{Stamp, Stopwatch, Timer};

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    status::recorded,
    string::{array, borrow, give, strings, take_back},
};

/// Observed durations in seconds: one series of a family.
#[derive(Debug)]
pub struct ictus_timer(pub(crate) Timer);

/// Makes a handle of the series of the family `name` with those label values; family and series
/// are registered where they are new. Label names and values are two arrays of the same length, in
/// the same order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_new(
    registry: *const ictus_registry,
    name: ictus_str,
    help: ictus_str,
    label_names: *const ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut *mut ictus_timer,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or readable for the time of this call.
        let name = unsafe { name.read() }?;
        // SAFETY: as above.
        let help = unsafe { help.read() }?;
        // SAFETY: as above.
        let names = unsafe { strings(label_names, label_count) }?;
        // SAFETY: as above.
        let values = unsafe { strings(label_values, label_count) }?;
        let make = || Ok(ictus_timer(registry.0.timer(name, help, &names)?.labels(&values)?));
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, make) }
    })
}

/// Records one duration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe(timer: *const ictus_timer, seconds: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        timer.0.observe(seconds);
        recorded(seconds)
    })
}

/// Records the time since `begun`, which `ictus_now` gave in this process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe_since(timer: *const ictus_timer, begun: u64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        timer.0.observe_since(Stopwatch::from_bits(begun));
        Ok(())
    })
}

/// Records one duration that ended at `end`, which `ictus_now` gave in this process: reading the
/// clock is nearly the whole cost of the others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe_at(
    timer: *const ictus_timer,
    seconds: f64,
    end: u64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        timer.0.observe_at(seconds, Stopwatch::from_bits(end).stamp());
        recorded(seconds)
    })
}

/// Records durations, one after the other, as if all had ended now: for hosts whose calls are dear.
/// Where some cannot be recorded, all others are, and the answer is `ICTUS_STATUS_VALUE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe_many(
    timer: *const ictus_timer,
    seconds: *const f64,
    count: usize,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        // SAFETY: by convention, NULL or readable for the time of this call.
        let seconds = unsafe { array(seconds, count) }?;
        let end = Stamp::now();
        seconds.iter().for_each(|&seconds| timer.0.observe_at(seconds, end));
        seconds.iter().try_for_each(|&seconds| recorded(seconds))
    })
}

/// Frees a handle. What was recorded through it stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_free(timer: *mut ictus_timer) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_timer_new`, and not used again.
        unsafe { take_back(timer) };
        Ok(())
    });
}
