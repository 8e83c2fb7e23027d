//! Timers: handles of series of durations or sizes.

use ictus::{Stamp, Stopwatch, Timer};

use crate::{
    guard::guard,
    ictus_family_options, ictus_registry, ictus_status, ictus_str,
    status::{check_observation, is_trace_id},
    string::{array, borrow, free, into_out, strings},
};

/// A timer: a handle of one series of durations in seconds, or of sizes in bytes if the
/// catalog defines the metric so.
#[derive(Debug)]
pub struct ictus_timer(pub(crate) Timer);

/// Creates a handle of one series: the series of the family `name` with these label values.
/// Registers the family and the series if they do not exist. Free the handle with
/// `ictus_timer_free`.
///
/// `label_names` and `label_values` are arrays of `label_count` strings in the same order.
///
/// Returns `ICTUS_STATUS_NAME` for an invalid metric or label name, and
/// `ICTUS_STATUS_MISMATCH` if a family of that name exists with another kind.
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
        // SAFETY: by convention, NULL or readable during this call.
        let name = unsafe { name.read() }?;
        // SAFETY: as above.
        let help = unsafe { help.read() }?;
        // SAFETY: as above.
        let names = unsafe { strings(label_names, label_count) }?;
        // SAFETY: as above.
        let values = unsafe { strings(label_values, label_count) }?;
        let make = || Ok(ictus_timer(registry.0.timer(name, help, &names)?.labels(&values)?));
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, make) }
    })
}

/// Creates a handle of one series as `ictus_timer_new` does, and registers the family with
/// `options` instead of those of the registry. Options are copied. If this process has
/// registered the family before, the family keeps its options. Free the handle with
/// `ictus_timer_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_new_with(
    registry: *const ictus_registry,
    name: ictus_str,
    help: ictus_str,
    label_names: *const ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    options: *const ictus_family_options,
    out: *mut *mut ictus_timer,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let name = unsafe { name.read() }?;
        // SAFETY: as above.
        let help = unsafe { help.read() }?;
        // SAFETY: as above.
        let names = unsafe { strings(label_names, label_count) }?;
        // SAFETY: as above.
        let values = unsafe { strings(label_values, label_count) }?;
        // SAFETY: by convention, NULL or options that were not freed and that no `_set` uses.
        let options = &unsafe { borrow(options) }?.0;
        let make = || Ok(ictus_timer(registry.0.timer_with(name, help, &names, options)?.labels(&values)?));
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, make) }
    })
}

/// Records one duration in seconds (or one size in bytes) that ends now. Returns
/// `ICTUS_STATUS_VALUE` if the value is NaN, infinite, negative, or 2^94 or more; the value
/// is then counted as rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe(timer: *const ictus_timer, seconds: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        timer.0.observe(seconds);
        check_observation(seconds)
    })
}

/// Records the time from `begun` to now, in seconds. `begun` is a result of `ictus_now` in
/// this process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe_since(timer: *const ictus_timer, begun: u64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        timer.0.observe_since(Stopwatch::from_bits(begun));
        Ok(())
    })
}

/// Records one duration in seconds that ended at `end`, a result of `ictus_now` in this
/// process. It does not read the clock, which is nearly the whole cost of the other
/// functions. Returns `ICTUS_STATUS_VALUE` as `ictus_timer_observe` does.
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
        check_observation(seconds)
    })
}

/// Records one duration in seconds that ends now, with the id of its trace as an exemplar.
/// OpenMetrics and protobuf show the newest exemplar of each bucket of a histogram. Timers of
/// the catalog are histograms on the canonical surface.
///
/// An id has 1 to 96 bytes of UTF-8 and no control characters. For any other id the function
/// returns `ICTUS_STATUS_TRACE_ID`: it has recorded the duration without an exemplar, and has
/// counted the id as rejected. Returns `ICTUS_STATUS_VALUE` as `ictus_timer_observe` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe_exemplar(
    timer: *const ictus_timer,
    seconds: f64,
    trace_id: ictus_str,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let trace_id = match unsafe { trace_id.read() } {
            // The core counts the empty id as rejected.
            Err(ictus_status::Utf8) => "",
            result => result?,
        };
        timer.0.observe_with_exemplar(seconds, trace_id);
        check_observation(seconds)?;
        if is_trace_id(trace_id) { Ok(()) } else { Err(ictus_status::TraceId) }
    })
}

/// Records `count` durations in seconds, in order, with the current time as the end of
/// each. Use it where each call from your language to C is expensive. Returns
/// `ICTUS_STATUS_VALUE` if some values are rejected; all others are recorded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_observe_many(
    timer: *const ictus_timer,
    seconds: *const f64,
    count: usize,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let seconds = unsafe { array(seconds, count) }?;
        let end = Stamp::now();
        seconds.iter().for_each(|&seconds| timer.0.observe_at(seconds, end));
        seconds.iter().try_for_each(|&seconds| check_observation(seconds))
    })
}

/// Frees a handle. Values recorded through it are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_timer_free(timer: *mut ictus_timer) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_timer_new`, its `_with`, or `ictus_catalog_timer_new`,
        // and not used again.
        unsafe { free(timer) };
        Ok(())
    });
}
