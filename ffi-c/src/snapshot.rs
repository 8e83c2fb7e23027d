//! Snapshots: recorded metrics as numbers.

use ictus::{GivenLabels, Snapshot, snapshot::Value};

use crate::{
    guard::guard,
    ictus_registry, ictus_status, ictus_str,
    string::{array, borrow, free, into_out, put, strings},
};

/// A snapshot: the values of every series at one moment, merged over all processes of the
/// metrics directory, or those of this process for a registry in memory. It does not
/// change.
#[derive(Debug)]
pub struct ictus_snapshot(Snapshot, GivenLabels);

/// The count, sum and window of a timer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ictus_timing {
    /// Number of observations since the series began.
    pub count: u64,
    /// Sum of these observations, in the timer's unit: seconds, or bytes.
    pub sum: f64,
    /// Number of newest observations from which quantiles are computed.
    pub window: usize,
}

/// Creates a snapshot of a registry. Free it with `ictus_snapshot_free`. Returns
/// `ICTUS_STATUS_IO` if the metrics directory cannot be listed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_snapshot_new(
    registry: *const ictus_registry,
    out: *mut *mut ictus_snapshot,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_snapshot(registry.0.snapshot()?, registry.0.given_labels()))) }
    })
}

/// Writes the value of a counter or gauge to `out`: of the series of the family `name` with
/// these label values.
///
/// Label values are in the order in which this registry registered the family's label
/// names. If only other processes have the family, they are in the order of the sorted
/// label names.
///
/// Returns `ICTUS_STATUS_UNKNOWN` if the snapshot has no such series, and
/// `ICTUS_STATUS_MISMATCH` if the series is a timer.
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
            // SAFETY: by convention, NULL or writable.
            Value::Counter(value) | Value::Gauge(value) => unsafe { put(out, *value) },
            // A timer, or a kind that is no single number.
            _ => Err(ictus_status::Mismatch),
        }
    })
}

/// Writes the count, sum and window of a timer to `out`. Name and label values identify the
/// series as in `ictus_snapshot_value`.
///
/// Returns `ICTUS_STATUS_UNKNOWN` if the snapshot has no such series, and
/// `ICTUS_STATUS_MISMATCH` if the series is not a timer.
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
        // SAFETY: by convention, NULL or writable.
        unsafe { put(out, timing) }
    })
}

/// Computes quantiles of a timer's window: for each of the `count` numbers in `quantiles`,
/// from 0 to 1, writes one number to the array `out`, in the timer's unit: seconds, or
/// bytes. A result is interpolated linearly between the two nearest observations, and NaN
/// if the window is empty. Name and label values identify the series as in
/// `ictus_snapshot_value`.
///
/// Returns `ICTUS_STATUS_UNKNOWN` if the snapshot has no such series,
/// `ICTUS_STATUS_MISMATCH` if the series is not a timer, and `ICTUS_STATUS_VALUE` if a
/// quantile is not from 0 to 1.
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
        // SAFETY: by convention, NULL or readable during this call.
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
            // SAFETY: not NULL; by convention, `count` numbers can be written there.
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
        unsafe { free(snapshot) };
        Ok(())
    });
}

/// Returns the value of a series, or an error if the snapshot does not have it.
///
/// # Safety
///
/// `snapshot` is NULL or lives as long as the result is used; `name` and the `count`
/// strings at `labels` are NULL or readable.
unsafe fn find<'a>(
    snapshot: *const ictus_snapshot,
    name: ictus_str,
    labels: *const ictus_str,
    count: usize,
) -> Result<&'a Value, ictus_status> {
    // SAFETY: the caller guarantees it.
    let snapshot: &'a ictus_snapshot = unsafe { borrow(snapshot) }?;
    // SAFETY: the caller guarantees it.
    let name = unsafe { name.read() }?;
    // SAFETY: the caller guarantees it.
    let labels = unsafe { strings(labels, count) }?;
    snapshot.1.find(&snapshot.0, name, &labels).ok_or(ictus_status::Unknown)
}
