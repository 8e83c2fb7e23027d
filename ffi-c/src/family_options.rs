//! Options of families: window, maximum age, series limit, buckets.

use std::time::Duration;

use ictus::FamilyOptions;

use crate::{
    guard::guard,
    ictus_status,
    string::{array, borrow_mut, free, into_out},
};

/// Options of families: how a family keeps observations, and how many series it can have. Pass
/// them to `ictus_timer_new_with` for one family, or to `ictus_registry_options_set_families`
/// for all families of a registry.
///
/// The library copies options where it uses them. You may change, reuse or free them afterwards.
/// Do not call a `_set` function concurrently with another call with the same options.
#[derive(Debug)]
pub struct ictus_family_options(pub(crate) FamilyOptions);

/// Creates options with their defaults: a window of 1,000 observations of any age, 1,000
/// series, no expiry, and the default buckets of the unit. Free them with
/// `ictus_family_options_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_new(out: *mut *mut ictus_family_options) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_family_options(FamilyOptions::default()))) }
    })
}

/// Sets how many of a timer's newest observations form the window for quantiles: 1 to 65,536.
///
/// Returns `ICTUS_STATUS_OPTION` and changes nothing for another number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_set_window(
    options: *mut ictus_family_options,
    observations: u32,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(|options| options.window(observations))
    })
}

/// Removes observations that are older than `seconds` from a timer's window, so that an idle
/// series shows no quantiles instead of old ones. Count and sum do not change. By default
/// observations of any age are kept.
///
/// Returns `ICTUS_STATUS_OPTION` and changes nothing if `seconds` is NaN, infinite, or not
/// greater than 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_set_max_age(
    options: *mut ictus_family_options,
    seconds: f64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(|options| options.max_age(duration(seconds)))
    })
}

/// Expires series that no process of the directory has updated for `seconds`: they are no
/// longer shown, and their memory can be used for other series. By default idle series are
/// kept. Handles of an expired series stay valid; recording through one starts the series
/// again. `ictus_snapshot_new` and `ictus_registry_remove_idle` detect idle series.
///
/// Returns `ICTUS_STATUS_OPTION` and changes nothing if `seconds` is NaN, infinite, or not
/// greater than 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_set_expire_after(
    options: *mut ictus_family_options,
    seconds: f64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(|options| options.expire_after(duration(seconds)))
    })
}

/// Sets the maximum number of series of a family. Observations of further label sets are
/// recorded in one overflow series and counted. Numbers above 1,048,576 are reduced to it.
///
/// Returns `ICTUS_STATUS_OPTION` and changes nothing if `series` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_set_max_series(
    options: *mut ictus_family_options,
    series: u32,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(|options| options.max_series(series))
    })
}

/// Sets the upper bounds of a timer's classic buckets: `count` ascending, finite numbers, at
/// most 1,000. A last bound of infinity is removed, because every histogram has that bucket.
///
/// Returns `ICTUS_STATUS_OPTION` and changes nothing for other bounds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_set_buckets(
    options: *mut ictus_family_options,
    bounds: *const f64,
    count: usize,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let bounds = unsafe { array(bounds, count) }?;
        options.set(|options| options.buckets(bounds))
    })
}

/// Records a timer without buckets: with a window, a count and a sum only. An observation then
/// costs three fifths as much, and no surface shows the timer as a histogram.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_set_no_distribution(
    options: *mut ictus_family_options,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(FamilyOptions::without_distribution)
    })
}

/// Frees options. Registries and families that were created with them keep their copy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_family_options_free(options: *mut ictus_family_options) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_family_options_new`, and not used again.
        unsafe { free(options) };
        Ok(())
    });
}

impl ictus_family_options {
    /// Replaces the options by changed ones, if these are valid.
    fn set(&mut self, change: impl FnOnce(FamilyOptions) -> FamilyOptions) -> Result<(), ictus_status> {
        let changed = change(self.0.clone());
        changed.validate()?;
        self.0 = changed;
        Ok(())
    }
}

/// Returns a duration in seconds, or 0, which the core refuses, for a number that is none.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

/// Returns the time after which a series is idle, or an error if the number is no duration.
pub(crate) fn idle_time(seconds: f64) -> Result<Duration, ictus_status> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        crate::error::keep(
            &"invalid option idle: it must be a finite number of seconds, 0 or more",
            ictus_status::Option,
        )
    })
}
