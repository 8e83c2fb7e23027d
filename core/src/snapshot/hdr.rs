//! Lifetime distributions as HdrHistograms, for percentile files and for merging with other
//! histograms.

use hdrhistogram::Histogram;

use super::{Distribution, Family, Timing};
use crate::catalog::Unit;

/// Significant decimal digits of an HdrHistogram, which are finer than the exponential buckets.
const DIGITS: u8 = 3;

impl Timing {
    /// Returns all observations since the series began as an HdrHistogram, in nanoseconds for a
    /// family in seconds and in bytes for a family in bytes.
    ///
    /// The exponential buckets are the source, so a value is accurate to 4.5 %: each observation is
    /// counted at the geometric middle of its bucket. Histograms of several hosts can be added. For
    /// exact quantiles of the newest observations use [`window`](Timing::window).
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
    /// (1..=1000).for_each(|milliseconds| timer.observe(f64::from(milliseconds) / 1e3));
    /// # use ictus::snapshot::Value;
    /// let snapshot = registry.snapshot()?;
    /// let family = snapshot.family("job_seconds").unwrap();
    /// let Some(Value::Timer(timing)) = family.get(&[]) else { panic!() };
    /// let histogram = timing.to_histogram(family);
    /// assert_eq!(histogram.len(), 1000);
    /// let median = histogram.value_at_quantile(0.5) as f64 / 1e9;
    /// assert!((median / 0.5 - 1.0).abs() < 0.05, "{median}");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn to_histogram(&self, family: &Family) -> Histogram<u64> {
        self.distribution.histogram(if family.unit == Unit::Seconds { 1e9 } else { 1.0 })
    }
}

impl Distribution {
    /// Returns the exponential buckets as an HdrHistogram of values times `scale`, at least 1 and
    /// at most half of `u64::MAX`.
    fn histogram(&self, scale: f64) -> Histogram<u64> {
        let mut histogram = empty();
        let zeros = [(0.0, self.zero)];
        let middle =
            |bucket| (Distribution::upper_bound(bucket) * Distribution::upper_bound(bucket - 1)).sqrt();
        let buckets = self.exponential.iter().map(|(bucket, count)| (middle(bucket), count));
        for (value, count) in zeros.into_iter().chain(buckets) {
            // The conversion saturates, and the histogram grows to any value below its maximum.
            let value = ((value * scale).round() as u64).min(u64::MAX / 2);
            if histogram.record_n(value, count).is_err() {
                histogram.saturating_record_n(value, count);
            }
        }
        histogram
    }
}

#[expect(clippy::expect_used, reason = "three digits are in the range that the library takes")]
fn empty() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("from 0 to 5 digits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{
        Registry,
        snapshot::{Snapshot, Timing, Value},
    };

    fn timing(snapshot: &Snapshot) -> &Timing {
        match snapshot.family("job_seconds").unwrap().get(&[]) {
            Some(Value::Timer(timing)) => timing,
            other => panic!("no timer but {other:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn quantiles_are_exact_to_the_bucket(
            mut values in prop::collection::vec(prop_oneof![1e-6..1e-3, 0.1..10.0f64], 1..500),
        ) {
            let registry = Registry::new();
            let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
            values.iter().for_each(|&value| timer.observe(value));
            values.sort_by(f64::total_cmp);
            let snapshot = registry.snapshot().unwrap();
            let histogram = timing(&snapshot).to_histogram(snapshot.family("job_seconds").unwrap());
            prop_assert_eq!(histogram.len(), values.len() as u64);
            for q in [0.0, 0.25, 0.5, 0.9, 0.99, 1.0] {
                // HdrHistogram's definition: the value of rank ⌈q n⌉, at least the first.
                let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
                let (approximate, exact) = (histogram.value_at_quantile(q) as f64 / 1e9, values[rank - 1]);
                prop_assert!((approximate / exact - 1.0).abs() < 0.047, "{}: {} instead of {}", q, approximate, exact);
            }
        }
    }

    #[test]
    fn two_processes_add_up() {
        let histogram = |values: std::ops::Range<u32>| {
            let registry = Registry::new();
            let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
            values.for_each(|value| timer.observe(f64::from(value)));
            let snapshot = registry.snapshot().unwrap();
            timing(&snapshot).to_histogram(snapshot.family("job_seconds").unwrap())
        };
        let mut sum = histogram(0..100);
        sum.add(histogram(100..200)).unwrap();
        assert_eq!(sum, histogram(0..200));
    }
}
