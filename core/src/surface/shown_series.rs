//! The series of an exposition and their values.

use std::sync::Arc;

use super::labels::Labels;
use crate::snapshot::{Distribution, Exemplar, QUANTILES};

/// A series as an exposition shows it, with at least one sample.
///
/// ```
/// use ictus::{Registry, surface::{Exposition, ShownValue, View}};
///
/// let registry = Registry::new();
/// registry.gauge("queued", "", &["queue"])?.labels(&["mail"])?.set(3.0);
/// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
/// let series = &exposition.family("queued").expect("it has a series").series[0];
/// assert_eq!(series.labels.iter().collect::<Vec<_>>(), [("queue", "mail")]);
/// assert_eq!(series.value, ShownValue::Gauge(3.0));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShownSeries {
    /// The labels, without `quantile` and `le`.
    pub labels: Labels,
    /// The value.
    pub value: ShownValue,
}

/// The value of a shown series. A later version may add kinds of values.
///
/// ```
/// use ictus::{Registry, surface::{Exposition, ShownValue, View}};
///
/// let registry = Registry::new();
/// registry.timer("job_seconds", "", &[])?.labels(&[])?.observe(0.25);
/// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
/// match &exposition.family("job_seconds").expect("it has a series").series[0].value {
///     ShownValue::Summary { sum, count, .. } => assert_eq!((*sum, *count), (0.25, 1)),
///     other => panic!("a timer is a summary: {other:?}"),
/// }
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ShownValue {
    /// A total, shown as one sample.
    Counter(f64),
    /// A state, shown as one sample.
    Gauge(f64),
    /// One sample per quantile, in the order of [`QUANTILES`], in a gauge family.
    Quantiles([f64; QUANTILES.len()]),
    /// A summary.
    #[non_exhaustive]
    Summary {
        /// Quantiles in the order of [`QUANTILES`], or none if the window is empty.
        quantiles: Option<[f64; QUANTILES.len()]>,
        /// The sum of all observations since the series began.
        sum: f64,
        /// The number of these observations.
        count: u64,
    },
    /// A histogram.
    Histogram(Buckets),
}

/// The value of a histogram. Its count is that of the classic buckets, so that both always agree.
///
/// ```
/// use ictus::{Registry, catalog::TASK_POLL_TIME, surface::{Exposition, ShownValue}};
///
/// let registry = Registry::new();
/// registry.catalog_timer(&TASK_POLL_TIME)?.labels(&["mail", "SUCCESS"])?.observe(0.25);
/// let exposition = Exposition::new(&registry.snapshot()?, &"canonical".parse()?);
/// let polls = exposition.family("task_poll_time_seconds").expect("it has a series");
/// let ShownValue::Histogram(buckets) = &polls.series[0].value else { panic!("a histogram") };
/// assert_eq!(buckets.cumulative().find(|(_, count)| *count > 0), Some(("0.25", 1)));
/// assert_eq!(buckets.cumulative().last(), Some(("+Inf", 1)));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Classic and exponential buckets.
    pub distribution: Arc<Distribution>,
    /// The sum of all observations since the series began.
    pub sum: f64,
    /// The exemplars, as in [`Timing::exemplars`](crate::snapshot::Timing::exemplars).
    pub exemplars: Arc<[Exemplar]>,
    /// The formatted bounds of the classic buckets, with `+Inf` at the end.
    pub(super) bounds: Arc<[String]>,
    /// Whether exponential buckets were recorded.
    pub(crate) native: bool,
}

impl Buckets {
    /// Returns the classic buckets: the formatted upper bound of each, with `+Inf` at the end, and
    /// the number of observations up to that bound. The last bucket is always present.
    pub fn cumulative(&self) -> impl Iterator<Item = (&str, u64)> {
        let classic = &self.distribution.classic;
        let own = if classic.is_empty() { &[0][..] } else { classic };
        self.bounds.iter().zip(own).scan(0, |count: &mut u64, (bound, &own)| {
            *count = count.saturating_add(own);
            Some((bound.as_str(), *count))
        })
    }

    /// Returns the exemplar of each of these buckets, if it has one.
    pub fn bucket_exemplars(&self) -> impl Iterator<Item = Option<&Exemplar>> {
        let bounds = self.distribution.bounds.iter().copied().chain([f64::INFINITY]);
        let mut rest = self.exemplars.iter().peekable();
        bounds.map(move |bound| {
            let own = std::iter::from_fn(|| rest.next_if(|exemplar| exemplar.value <= bound));
            own.last()
        })
    }

    /// Returns whether another value has the same number of buckets and the same bounds.
    pub(super) fn has_same_layout(&self, other: &Buckets) -> bool {
        self.bounds == other.bounds && self.distribution.classic.len() == other.distribution.classic.len()
    }
}
