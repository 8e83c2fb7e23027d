//! Gauges: handles of series that hold a state of the process.

use ictus::Gauge;

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    status::check_gauge,
    string::{borrow, free, into_out, strings},
};

/// A gauge: a handle of one series, a state of this process that may rise and fall. Readers
/// add up the states of all live processes.
#[derive(Debug)]
pub struct ictus_gauge(pub(crate) Gauge);

/// Creates a handle of one series: the series of the family `name` with these label values.
/// Registers the family and the series if they do not exist. Free the handle with
/// `ictus_gauge_free`.
///
/// `label_names` and `label_values` are arrays of `label_count` strings in the same order.
///
/// Returns `ICTUS_STATUS_NAME` for an invalid metric or label name, and
/// `ICTUS_STATUS_MISMATCH` if a family of that name exists with another kind.
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
        // SAFETY: by convention, NULL or readable during this call.
        let name = unsafe { name.read() }?;
        // SAFETY: as above.
        let help = unsafe { help.read() }?;
        // SAFETY: as above.
        let names = unsafe { strings(label_names, label_count) }?;
        // SAFETY: as above.
        let values = unsafe { strings(label_values, label_count) }?;
        let make = || Ok(ictus_gauge(registry.0.gauge(name, help, &names)?.labels(&values)?));
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, make) }
    })
}

/// Sets the state of this process to `to`. Returns `ICTUS_STATUS_VALUE` and changes nothing
/// if `to` is NaN or infinite; the call is counted as rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_set(gauge: *const ictus_gauge, to: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a gauge that was not freed.
        let gauge = unsafe { borrow(gauge) }?;
        gauge.0.set(to);
        check_gauge(to)
    })
}

/// Adds `by`, which may be negative, to the state of this process. Returns
/// `ICTUS_STATUS_VALUE` and changes nothing if `by` is NaN or infinite; the call is counted
/// as rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_add(gauge: *const ictus_gauge, by: f64) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a gauge that was not freed.
        let gauge = unsafe { borrow(gauge) }?;
        gauge.0.add(by);
        check_gauge(by)
    })
}

/// Frees a handle. Values recorded through it are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_gauge_free(gauge: *mut ictus_gauge) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_gauge_new` or `ictus_catalog_gauge_new`,
        // and not used again.
        unsafe { free(gauge) };
        Ok(())
    });
}
