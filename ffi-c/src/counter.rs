//! Counters: handles of series that only increase.

use ictus::Counter;

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    status::check_observation,
    string::{borrow, free, into_out, strings},
};

/// A counter: a handle of one series, a total that only increases.
#[derive(Debug)]
pub struct ictus_counter(pub(crate) Counter);

/// Creates a handle of one series: the series of the family `name` with these label values.
/// Registers the family and the series if they do not exist. Free the handle with
/// `ictus_counter_free`.
///
/// `label_names` and `label_values` are arrays of `label_count` strings in the same order.
/// A `_total` suffix of the name is removed, because the output formats add it.
///
/// Returns `ICTUS_STATUS_NAME` for an invalid metric or label name, and
/// `ICTUS_STATUS_MISMATCH` if a family of that name exists with another kind.
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
        // SAFETY: by convention, NULL or readable during this call.
        let name = unsafe { name.read() }?;
        // SAFETY: as above.
        let help = unsafe { help.read() }?;
        // SAFETY: as above.
        let names = unsafe { strings(label_names, label_count) }?;
        // SAFETY: as above.
        let values = unsafe { strings(label_values, label_count) }?;
        let make = || Ok(ictus_counter(registry.0.counter(name, help, &names)?.labels(&values)?));
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, make) }
    })
}

/// Adds one to a counter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_inc(counter: *const ictus_counter) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a counter that was not freed.
        let counter = unsafe { borrow(counter) }?;
        counter.0.inc();
        Ok(())
    })
}

/// Adds `by` to a counter. Returns `ICTUS_STATUS_VALUE` and adds nothing if `by` is NaN,
/// infinite, negative, or 2^94 or more; the call is counted as rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_add(counter: *const ictus_counter, by: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a counter that was not freed.
        let counter = unsafe { borrow(counter) }?;
        counter.0.add(by);
        check_observation(by)
    })
}

/// Frees a handle. Values recorded through it are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_counter_free(counter: *mut ictus_counter) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_counter_new` or `ictus_catalog_counter_new`,
        // and not used again.
        unsafe { free(counter) };
        Ok(())
    });
}
