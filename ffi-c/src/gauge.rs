//! Gauges.

use ictus::Gauge;

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    status::recorded_state,
    string::{borrow, give, strings, take_back},
};

/// A state of this process, which may rise and fall: one series of a family. The states of live
/// processes are summed.
#[derive(Debug)]
pub struct ictus_gauge(pub(crate) Gauge);

/// Makes a handle of the series of the family `name` with those label values; family and series
/// are registered where they are new. Label names and values are two arrays of the same length, in
/// the same order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_new(
    registry: *const ictus_registry,
    name: ictus_str,
    help: ictus_str,
    label_names: *const ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut *mut ictus_gauge,
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
        let make = || Ok(ictus_gauge(registry.0.gauge(name, help, &names)?.labels(&values)?));
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, make) }
    })
}

/// Sets the state. NaN and infinities are rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_set(gauge: *const ictus_gauge, to: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a gauge that was not freed.
        let gauge = unsafe { borrow(gauge) }?;
        gauge.0.set(to);
        recorded_state(to)
    })
}

/// Adds `by` to the state, which may be negative. NaN and infinities are rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_add(gauge: *const ictus_gauge, by: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a gauge that was not freed.
        let gauge = unsafe { borrow(gauge) }?;
        gauge.0.add(by);
        recorded_state(by)
    })
}

/// Frees a handle. What was recorded through it stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_free(gauge: *mut ictus_gauge) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_gauge_new`, and not used again.
        unsafe { take_back(gauge) };
        Ok(())
    });
}
