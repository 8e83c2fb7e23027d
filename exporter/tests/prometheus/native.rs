//! Native histograms of schema 3, as Prometheus 2.42 evaluates them.

use std::{collections::BTreeMap, ops::Sub};

use serde_json::Value;

use super::promql::close;

/// Counts by bucket: bucket `i` holds values in `(2^((i-1)/8), 2^(i/8)]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Native {
    buckets: BTreeMap<i32, f64>,
    sum: f64,
}

fn bound(bucket: i32) -> f64 {
    (f64::from(bucket) / 8.0).exp2()
}

impl Native {
    pub(crate) fn of(values: &[f64]) -> Native {
        let mut histogram = Native { sum: values.iter().sum(), ..Native::default() };
        for value in values {
            *histogram.buckets.entry((value.log2() * 8.0).ceil() as i32).or_default() += 1.0;
        }
        histogram
    }

    pub(crate) fn count(&self) -> f64 {
        self.buckets.values().sum()
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    pub(crate) fn add(&mut self, other: &Native) {
        self.sum += other.sum;
        other.buckets.iter().for_each(|(bucket, count)| *self.buckets.entry(*bucket).or_default() += count);
    }

    pub(crate) fn times(&self, factor: f64) -> Native {
        let buckets = self.buckets.iter().map(|(bucket, count)| (*bucket, count * factor));
        Native { buckets: buckets.collect(), sum: self.sum * factor }
    }

    /// Returns a quantile, interpolated linearly between a bucket's bounds as in Prometheus 2.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        let mut rank = quantile * self.count();
        for (bucket, count) in &self.buckets {
            if *count >= rank {
                let (lower, upper) = (bound(bucket - 1), bound(*bucket));
                return lower + (upper - lower) * rank / count;
            }
            rank -= count;
        }
        f64::NAN
    }

    /// Returns the share of observations from 0 to a limit.
    pub(crate) fn share_up_to(&self, limit: f64) -> f64 {
        let within = self.buckets.iter().map(|(bucket, count)| {
            let (lower, upper) = (bound(bucket - 1), bound(*bucket));
            count * ((limit - lower) / (upper - lower)).clamp(0.0, 1.0)
        });
        within.sum::<f64>() / self.count()
    }

    /// Whether a histogram in a response of Prometheus equals this one.
    pub(crate) fn is(&self, shown: &Value) -> bool {
        let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
        let shown_buckets = shown["buckets"].as_array().unwrap();
        // Filled gaps have no observations.
        let shown_buckets = shown_buckets.iter().filter(|bucket| number(&bucket[3]) > 0.0);
        let mut own = self.buckets.iter();
        close(self.count(), number(&shown["count"]))
            && close(self.sum, number(&shown["sum"]))
            && shown_buckets.into_iter().all(|shown| {
                own.next().is_some_and(|(bucket, count)| {
                    close(bound(bucket - 1), number(&shown[1]))
                        && close(bound(*bucket), number(&shown[2]))
                        && close(*count, number(&shown[3]))
                })
            })
            && own.next().is_none()
    }
}

impl Sub for &Native {
    type Output = Native;

    /// Returns the observations since an earlier histogram.
    fn sub(self, earlier: &Native) -> Native {
        let mut since = self.clone();
        since.add(&earlier.times(-1.0));
        since.buckets.retain(|_, count| *count > 0.0);
        since
    }
}
