//! Counters.

use ictus::Counter;

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    status::recorded,
    string::{borrow, give, strings, take_back},
};

/// A total that only grows: one series of a family.
#[derive(Debug)]
pub struct ictus_counter(pub(crate) Counter);

/// Makes a handle of the series of the family `name` with those label values; family and series
/// are registered where they are new. Label names and values are two arrays of the same length, in
/// the same order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_new(
    registry: *const ictus_registry,
    name: ictus_str,
    help: ictus_str,
    label_names: *const ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut *mut ictus_counter,
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
        let make = || Ok(ictus_counter(registry.0.counter(name, help, &names)?.labels(&values)?));
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, make) }
    })
}

/// Adds one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_inc(counter: *const ictus_counter) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a counter that was not freed.
        let counter = unsafe { borrow(counter) }?;
        counter.0.inc();
        Ok(())
    })
}

/// Adds `by`, which must not be negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_add(counter: *const ictus_counter, by: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a counter that was not freed.
        let counter = unsafe { borrow(counter) }?;
        counter.0.add(by);
        recorded(by)
    })
}

/// Frees a handle. What was recorded through it stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_free(counter: *mut ictus_counter) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_counter_new`, and not used again.
        unsafe { take_back(counter) };
        Ok(())
    });
}
