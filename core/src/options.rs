//! What a family may be given beside its name: window, age, bounds and number of series.

use std::time::Duration;

use crate::{
    error::{Error, Result},
    format::descriptor::MAX_WINDOW,
    histogram::MAX_BOUNDS,
};

/// How a family keeps its observations and how many series it may have. A registry has options for
/// all of its families, and each family may be given its own.
///
/// Where processes that share a metrics directory give a family different options, those of the newest
/// living process hold; the others are counted in
/// [`Health::conflicting_definitions`](crate::snapshot::Health::conflicting_definitions).
///
/// ```
/// # use ictus::{Options, Registry};
/// let registry = Registry::with_options(Options::default().max_series(100));
/// let options = Options::default().window(200).max_age(std::time::Duration::from_secs(600));
/// let timer = registry.timer_with("job_seconds", "How long a job takes.", &["queue"], &options)?;
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub(crate) window: u32,
    pub(crate) max_age: Option<Duration>,
    pub(crate) expire_after: Option<Duration>,
    pub(crate) max_series: u32,
    pub(crate) buckets: Option<Vec<f64>>,
    pub(crate) distribution: bool,
    pub(crate) group: Option<u32>,
    pub(crate) utf8_names: bool,
}

impl Default for Options {
    /// A window of 1,000 observations of any age, 1,000 series, the buckets of the unit.
    fn default() -> Options {
        Options {
            window: 1000,
            max_age: None,
            expire_after: None,
            max_series: 1000,
            buckets: None,
            distribution: true,
            group: None,
            utf8_names: false,
        }
    }
}

impl Options {
    /// How many of a timer's newest observations quantiles are taken of: 1 to 65,536.
    #[must_use]
    pub fn window(self, observations: u32) -> Options {
        Options { window: observations, ..self }
    }

    /// Observations older than this leave a timer's window: an idle series then shows no quantiles
    /// instead of old ones. Counts and sums stay. `None`, the default, keeps observations of any age.
    #[must_use]
    pub fn max_age(self, age: impl Into<Option<Duration>>) -> Options {
        Options { max_age: age.into(), ..self }
    }

    /// Series that no process of the directory moves for that long expire: they are not shown any
    /// more, and what they held is free for others. `None`, the default, keeps them.
    ///
    /// Handles of an expired series stay good: observing through one begins the series again, from
    /// zero where its memory had been freed. So a total may fall, as with a counter's restart.
    ///
    /// A reader sees that a series does not move by looking twice; a timer's newest observation tells
    /// it at once. So a reader that has just started shows idle counters and gauges until it has
    /// looked for that long. Memory is freed by [`Registry::snapshot`](crate::Registry::snapshot) and
    /// [`Registry::remove_idle`](crate::Registry::remove_idle), each process its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ictus::{Options, Registry};
    /// let options = Options::default().expire_after(Duration::from_secs(3600));
    /// let registry = Registry::with_options(options);
    /// let job = registry.timer("job_seconds", "", &["tenant"])?.labels(&["acme"])?;
    /// job.observe(0.5); // shown for an hour, if it is the last one
    /// assert_eq!(registry.snapshot()?.families.len(), 1);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn expire_after(self, idle: impl Into<Option<Duration>>) -> Options {
        Options { expire_after: idle.into(), ..self }
    }

    /// How many series the family may have, in this process and over all of them. What is over is
    /// recorded in one series whose label values are [`OVERFLOW`](crate::OVERFLOW), and counted. A larger
    /// number than 1,048,576 means that number.
    #[must_use]
    pub fn max_series(self, series: u32) -> Options {
        Options { max_series: series, ..self }
    }

    /// Ascending, finite upper bounds of a timer's classic buckets, at most 1,000. A last bound of infinity, as
    /// other libraries write it, is left out: every histogram has that bucket.
    #[must_use]
    pub fn buckets(self, bounds: &[f64]) -> Options {
        let finite = bounds.strip_suffix(&[f64::INFINITY]).unwrap_or(bounds);
        Options { buckets: Some(finite.to_vec()), ..self }
    }

    /// A timer without buckets of either kind: a window, a count and a sum, for three fifths of
    /// the cost of an observation. Its snapshots have an empty [`Distribution`](crate::snapshot::Distribution), and no
    /// surface shows it as a histogram. Where processes disagree, those that have buckets are shown.
    #[must_use]
    pub fn without_distribution(self) -> Options {
        Options { distribution: false, ..self }
    }

    /// For [`Registry::open_with`](crate::Registry::open_with): the number of a group of users that
    /// share the metrics directory. Its folder `ictus`, otherwise of mode 0700, gets that group and mode
    /// 0770, files get mode 0640, and whatever members of the group record counts. All processes that
    /// record there are given the same group, of which they must be members; readers need not be given
    /// it. Only the options of a registry are asked for it, not those of a family.
    ///
    /// ```no_run
    /// # use ictus::{Options, Registry};
    /// let registry = Registry::open_with("/run/metrics", Options::default().group(1000))?;
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn group(self, number: u32) -> Options {
        Options { group: Some(number), ..self }
    }

    /// Lets metrics and labels have names of any characters, `http.server.duration` for example. Without this option
    /// such a name is an error.
    ///
    /// Clients that ask for `escaping=allow-utf-8` get the names as they are, in quotes. Others get an underscore in the
    /// place of each character that is not a letter, a digit or `_` (in a metric's name also `:`). Where two metrics
    /// have one name then, only the first one is shown to these clients.
    ///
    /// ```
    /// # use ictus::{Options, Registry, surface::{Exposition, View}};
    /// let registry = Registry::with_options(Options::default().utf8_names(true));
    /// registry.counter("http.requests", "", &["url.path"])?.labels(&["/"])?.inc();
    /// let mut view = View::default();
    /// let text = ictus::expose::text(&Exposition::new(&registry.snapshot()?, &view));
    /// assert!(text.contains("\nhttp_requests_total{url_path=\"/\"} 1.0\n"), "{text}");
    /// view.utf8_names = true;
    /// let text = ictus::expose::text(&Exposition::new(&registry.snapshot()?, &view));
    /// assert!(text.contains("\n{\"http.requests_total\",\"url.path\"=\"/\"} 1.0\n"), "{text}");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn utf8_names(self, allowed: bool) -> Options {
        Options { utf8_names: allowed, ..self }
    }

    /// Refuses what cannot be kept, as whoever takes these options does.
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option), which says what it must be.
    pub fn check(&self) -> Result<()> {
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
        if self.group == Some(u32::MAX) {
            return refused("group", "no group has that number");
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
    use super::{Duration, Options};

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let bad = [
            Options::default().window(0),
            Options::default().window(65_537),
            Options::default().max_series(0),
            Options::default().max_age(Duration::ZERO),
            Options::default().expire_after(Duration::ZERO),
            Options::default().group(u32::MAX),
            Options::default().buckets(&[1.0, 1.0]),
            Options::default().buckets(&[2.0, 1.0]),
            Options::default().buckets(&[f64::INFINITY, f64::INFINITY]),
            Options::default().buckets(&[f64::INFINITY, 1.0]),
            Options::default().buckets(&[f64::NEG_INFINITY]),
            Options::default().buckets(&[f64::NAN]),
        ];
        for options in bad {
            options.check().unwrap_err();
        }
        Options::default().window(65_536).buckets(&[]).check().unwrap();
        let ends_in_infinity = Options::default().buckets(&[1.0, f64::INFINITY]);
        ends_in_infinity.check().unwrap();
        assert_eq!(ends_in_infinity, Options::default().buckets(&[1.0]));
        Options::default().max_age(Duration::from_nanos(1)).expire_after(None).check().unwrap();
    }
}
