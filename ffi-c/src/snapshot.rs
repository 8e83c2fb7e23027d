//! What was recorded, as numbers.

use ictus::{GivenLabels, Snapshot, snapshot::Value};

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    string::{array, borrow, give, strings, take_back},
};

/// Every series at one instant, here or in the directory by all of its processes.
#[derive(Debug)]
pub struct ictus_snapshot(Snapshot, GivenLabels);

/// What a timer has observed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ictus_timing {
    /// Observations since the series began.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum: f64,
    /// How many of the newest the quantiles are of.
    pub window: usize,
}

/// Takes a snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_snapshot_new(
    registry: *const ictus_registry,
    out: *mut *mut ictus_snapshot,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, || Ok(ictus_snapshot(registry.0.snapshot()?, registry.0.given_labels()))) }
    })
}

/// The value of a counter or gauge: of the series of the family `name` with those label values, in
/// the order in which this registry was given the family's label names; sorted where only other
/// processes have the family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_snapshot_value(
    snapshot: *const ictus_snapshot,
    name: ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut f64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a snapshot that was not freed; NULL or readable.
        let value = unsafe { find(snapshot, name, label_values, label_count) }?;
        match value {
            // SAFETY: by convention, NULL or a place that can be written.
            Value::Counter(value) | Value::Gauge(value) => unsafe { put(out, *value) },
            Value::Timer(_) => Err(ictus_status::Mismatch),
        }
    })
}

/// What a timer has observed; the series is named as for `ictus_snapshot_value`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_snapshot_timing(
    snapshot: *const ictus_snapshot,
    name: ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    out: *mut ictus_timing,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a snapshot that was not freed; NULL or readable.
        let value = unsafe { find(snapshot, name, label_values, label_count) }?;
        let Value::Timer(timing) = value else {
            return Err(ictus_status::Mismatch);
        };
        let timing = ictus_timing { count: timing.count, sum: timing.sum, window: timing.window.len() };
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { put(out, timing) }
    })
}

/// Quantiles of a timer's window, in seconds: for each of `count` numbers from 0 to 1 in
/// `quantiles` one in `out`, NaN where the window is empty. Linear between the two nearest
/// observations. The series is named as for `ictus_snapshot_value`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_snapshot_quantiles(
    snapshot: *const ictus_snapshot,
    name: ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
    quantiles: *const f64,
    count: usize,
    out: *mut f64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a snapshot that was not freed; NULL or readable.
        let value = unsafe { find(snapshot, name, label_values, label_count) }?;
        // SAFETY: by convention, NULL or readable for the time of this call.
        let quantiles = unsafe { array(quantiles, count) }?;
        if quantiles.iter().any(|quantile| !(0.0..=1.0).contains(quantile)) {
            return Err(ictus_status::Value);
        }
        let Value::Timer(timing) = value else {
            return Err(ictus_status::Mismatch);
        };
        if out.is_null() && count > 0 {
            return Err(ictus_status::Null);
        }
        for (at, &quantile) in quantiles.iter().enumerate() {
            let value = timing.window.quantile(quantile).unwrap_or(f64::NAN);
            // SAFETY: not NULL; by convention, there is room for `count` numbers.
            unsafe { out.wrapping_add(at).write(value) };
        }
        Ok(())
    })
}

/// Frees a snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_snapshot_free(snapshot: *mut ictus_snapshot) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_snapshot_new`, and not used again.
        unsafe { take_back(snapshot) };
        Ok(())
    });
}

/// The value of a series.
///
/// # Safety
///
/// `snapshot` is NULL or lives for as long as the result is used; `name` and the `count` strings
/// from `labels` on are NULL or can be read.
unsafe fn find<'a>(
    snapshot: *const ictus_snapshot,
    name: ictus_str,
    labels: *const ictus_str,
    count: usize,
) -> Result<&'a Value, ictus_status> {
    // SAFETY: what the caller vouches for.
    let snapshot: &'a ictus_snapshot = unsafe { borrow(snapshot) }?;
    // SAFETY: what the caller vouches for.
    let name = unsafe { name.read() }?;
    // SAFETY: what the caller vouches for.
    let labels = unsafe { strings(labels, count) }?;
    snapshot.1.find(&snapshot.0, name, &labels).ok_or(ictus_status::Unknown)
}

/// Gives a value to C.
///
/// # Safety
///
/// `out` is NULL, or can be written.
unsafe fn put<T>(out: *mut T, value: T) -> Result<(), ictus_status> {
    if out.is_null() {
        return Err(ictus_status::Null);
    }
    // SAFETY: not NULL; the caller vouches for the rest.
    unsafe { out.write(value) };
    Ok(())
}
