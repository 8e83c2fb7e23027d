//! Options of a family: window, maximum age, bucket bounds and number of series.

use std::time::Duration;

use crate::{
    error::{Error, Result},
    format::descriptor::{MAX_BOUNDS, MAX_WINDOW},
};

/// Options of a family: how it keeps observations and how many series it can have. A registry has
/// options for all of its families, and each family of timers can have its own.
///
/// If processes that share a metrics directory set different options for a family, the options of
/// the newest living process apply. The others are counted in
/// [`Health::conflicting_definitions`](crate::snapshot::Health::conflicting_definitions).
///
/// ```
/// # use ictus::{FamilyOptions, Registry};
/// let registry = Registry::with_options(FamilyOptions::default().max_series(100));
/// let options = FamilyOptions::default().window(200).max_age(std::time::Duration::from_secs(600));
/// let timer = registry.timer_with("job_seconds", "How long a job takes.", &["queue"], &options)?;
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyOptions {
    pub(crate) window: u32,
    pub(crate) max_age: Option<Duration>,
    pub(crate) expire_after: Option<Duration>,
    pub(crate) max_series: u32,
    pub(crate) buckets: Option<Vec<f64>>,
    pub(crate) distribution: bool,
}

impl Default for FamilyOptions {
    /// Returns a window of 1,000 observations of any age, 1,000 series, and the default buckets of
    /// the unit.
    fn default() -> FamilyOptions {
        FamilyOptions {
            window: 1000,
            max_age: None,
            expire_after: None,
            max_series: 1000,
            buckets: None,
            distribution: true,
        }
    }
}

impl FamilyOptions {
    /// Sets how many of a timer's newest observations form the window for quantiles: 1 to 65,536.
    ///
    /// ```
    /// use ictus::{FamilyOptions, Registry, snapshot::Value};
    ///
    /// let registry = Registry::new();
    /// let options = FamilyOptions::default().window(2);
    /// let jobs = registry.timer_with("job_seconds", "", &[], &options)?.labels(&[])?;
    /// [0.1, 0.2, 0.3].into_iter().for_each(|seconds| jobs.observe(seconds));
    /// let snapshot = registry.snapshot()?;
    /// let Some(Value::Timer(timing)) = snapshot.get("job_seconds", &[]) else { panic!("a timer") };
    /// assert_eq!((timing.count, timing.window.len()), (3, 2));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn window(self, observations: u32) -> FamilyOptions {
        FamilyOptions { window: observations, ..self }
    }

    /// Removes observations older than `age` from a timer's window, so that an idle series shows no
    /// quantiles instead of old ones. Counts and sums do not change. `None`, the default, keeps
    /// observations of any age.
    #[must_use]
    pub fn max_age(self, age: impl Into<Option<Duration>>) -> FamilyOptions {
        FamilyOptions { max_age: age.into(), ..self }
    }

    /// Expires series that no process of the directory has updated for `idle`. Expired series are
    /// no longer shown, and their memory can be used for other series. `None`, the default, keeps
    /// idle series.
    ///
    /// Handles of an expired series stay valid: an observation through one starts the series again,
    /// from zero if its memory was freed. A total can therefore decrease, as when a counter
    /// restarts.
    ///
    /// A reader detects an idle counter or gauge by comparing values over time. For a timer, the
    /// timestamp of the newest observation suffices. A reader that has just started therefore shows
    /// idle counters and gauges until it has watched them for `idle`.
    /// [`Registry::snapshot`](crate::Registry::snapshot) and
    /// [`Registry::remove_idle`](crate::Registry::remove_idle) free memory, each process its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ictus::{FamilyOptions, Registry};
    /// let options = FamilyOptions::default().expire_after(Duration::from_secs(3600));
    /// let registry = Registry::with_options(options);
    /// let job = registry.timer("job_seconds", "", &["tenant"])?.labels(&["acme"])?;
    /// job.observe(0.5); // shown for an hour, if it is the last one
    /// assert_eq!(registry.snapshot()?.families.len(), 1);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn expire_after(self, idle: impl Into<Option<Duration>>) -> FamilyOptions {
        FamilyOptions { expire_after: idle.into(), ..self }
    }

    /// Sets the maximum number of series of the family, in this process and over all processes.
    /// Observations of further label sets are recorded in one series, whose label values are
    /// [`OVERFLOW`](crate::OVERFLOW), and counted. Numbers above 1,048,576 are reduced to
    /// 1,048,576.
    ///
    /// ```
    /// use ictus::{FamilyOptions, OVERFLOW, Registry, snapshot::Value};
    ///
    /// let registry = Registry::with_options(FamilyOptions::default().max_series(1));
    /// let jobs = registry.counter("jobs", "", &["tenant"])?;
    /// ["acme", "bolt", "cask"].into_iter().try_for_each(|tenant| jobs.labels(&[tenant]).map(|jobs| jobs.inc()))?;
    /// let snapshot = registry.snapshot()?;
    /// assert_eq!(snapshot.get("jobs", &[("tenant", OVERFLOW)]), Some(&Value::Counter(2.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn max_series(self, series: u32) -> FamilyOptions {
        FamilyOptions { max_series: series, ..self }
    }

    /// Sets the upper bounds of a timer's classic buckets: ascending, finite, at most 1,000. A last
    /// bound of infinity, which other libraries write, is removed, because every histogram has that
    /// bucket.
    #[must_use]
    pub fn buckets(self, bounds: &[f64]) -> FamilyOptions {
        let finite = bounds.strip_suffix(&[f64::INFINITY]).unwrap_or(bounds);
        FamilyOptions { buckets: Some(finite.to_vec()), ..self }
    }

    /// Disables both kinds of buckets of a timer, which leaves a window, a count and a sum. An
    /// observation then costs three fifths as much. Snapshots have an empty
    /// [`Distribution`](crate::snapshot::Distribution), and no surface shows the timer as a
    /// histogram. If only some processes have this option, the buckets of the other processes are
    /// shown.
    #[must_use]
    pub fn without_distribution(self) -> FamilyOptions {
        FamilyOptions { distribution: false, ..self }
    }

    /// Checks the options; every function that accepts options does this.
    ///
    /// ```
    /// use ictus::FamilyOptions;
    ///
    /// assert!(FamilyOptions::default().window(10_000).validate().is_ok());
    /// assert!(FamilyOptions::default().window(0).validate().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Option`](crate::Error::Option), which names the first invalid option and
    /// its valid values.
    pub fn validate(&self) -> Result<()> {
        let refused = |option, reason| Err(Error::Option { option, reason });
        if !(1..=MAX_WINDOW).contains(&self.window) {
            return refused("window", "it must be from 1 to 65,536 observations");
        }
        if self.max_age == Some(Duration::ZERO) {
            return refused(
                "max_age",
                "it must be longer than 0; leave it out to keep observations of any age",
            );
        }
        if self.expire_after == Some(Duration::ZERO) {
            return refused("expire_after", "it must be longer than 0; leave it out to keep idle series");
        }
        if self.max_series == 0 {
            return refused("max_series", "a family has at least one series");
        }
        let bounds = self.buckets.as_deref().unwrap_or_default();
        if bounds.len() > MAX_BOUNDS || !bounds.iter().all(|bound| bound.is_finite()) {
            return refused("buckets", "bounds are finite numbers, at most 1,000");
        }
        if !bounds.is_sorted_by(|low, high| low < high) {
            return refused("buckets", "bounds must ascend");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, FamilyOptions};

    #[test]
    fn invalid_options_are_refused() {
        let bad = [
            FamilyOptions::default().window(0),
            FamilyOptions::default().window(65_537),
            FamilyOptions::default().max_series(0),
            FamilyOptions::default().max_age(Duration::ZERO),
            FamilyOptions::default().expire_after(Duration::ZERO),
            FamilyOptions::default().buckets(&[1.0, 1.0]),
            FamilyOptions::default().buckets(&[2.0, 1.0]),
            FamilyOptions::default().buckets(&[f64::INFINITY, f64::INFINITY]),
            FamilyOptions::default().buckets(&[f64::INFINITY, 1.0]),
            FamilyOptions::default().buckets(&[f64::NEG_INFINITY]),
            FamilyOptions::default().buckets(&[f64::NAN]),
        ];
        for options in bad {
            options.validate().unwrap_err();
        }
        FamilyOptions::default().window(65_536).buckets(&[]).validate().unwrap();
        let ends_in_infinity = FamilyOptions::default().buckets(&[1.0, f64::INFINITY]);
        ends_in_infinity.validate().unwrap();
        assert_eq!(ends_in_infinity, FamilyOptions::default().buckets(&[1.0]));
        FamilyOptions::default().max_age(Duration::from_nanos(1)).expire_after(None).validate().unwrap();
    }
}
