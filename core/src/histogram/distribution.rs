//! Distributions as plain data, and how distributions of several lanes are merged.

use super::{SparseCounts, dense_counts::DenseCounts, exponential};

/// A lifetime distribution of a timer's observations.
///
/// The numbers never decrease. If a writer is faster than the reader, they may lack the
/// observations that it is adding. They agree with the count when the writer pauses.
///
/// ```
/// use ictus::{FamilyOptions, Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// let options = FamilyOptions::default().buckets(&[0.1, 1.0]);
/// let jobs = registry.timer_with("job_seconds", "", &[], &options)?.labels(&[])?;
/// [0.05, 0.1, 0.5, 2.0].into_iter().for_each(|seconds| jobs.observe(seconds));
/// let snapshot = registry.snapshot()?;
/// let Some(Value::Timer(timing)) = snapshot.get("job_seconds", &[]) else { panic!("a timer") };
/// assert_eq!(timing.distribution.bounds, [0.1, 1.0]);
/// assert_eq!(timing.distribution.classic, [2, 1, 1]);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Distribution {
    /// Inclusive upper bounds of the classic buckets, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// Observations in each classic bucket, not cumulative. There is one more than bounds, for the
    /// bucket above all bounds. Empty if the lanes share no bounds.
    pub classic: Vec<u64>,
    /// Observations not above 2^-32.
    pub zero: u64,
    /// Observations for whose exponential bucket there was no memory.
    pub unallocated: u64,
    /// Observations by exponential bucket. Bucket `i` is `(2^((i-1)/8), 2^(i/8)]`, as in
    /// Prometheus's schema 3.
    pub exponential: SparseCounts,
}

impl Distribution {
    /// Prometheus's schema of the exponential buckets: eight per doubling.
    pub const SCHEMA: i32 = 3;
    /// Values not above this threshold are in the zero bucket.
    pub const ZERO_THRESHOLD: f64 = exponential::ZERO_THRESHOLD;

    /// Returns the inclusive upper bound of an exponential bucket.
    ///
    /// ```
    /// # use ictus::snapshot::Distribution;
    /// assert_eq!(Distribution::upper_bound(8), 2.0);
    /// ```
    #[must_use]
    pub fn upper_bound(bucket: i32) -> f64 {
        exponential::upper_bound(bucket.clamp(-8184, 8184))
    }

    /// Returns the number of observations in all classic buckets.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classic.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Adds another distribution. If the bounds differ, only the common ones are kept, because the
    /// count below any other bound is unknown for one of the two.
    pub(crate) fn merge(&mut self, other: &Distribution) {
        if other.classic.is_empty() {
            // An empty distribution, or a timer without buckets.
        } else if self.classic.is_empty() {
            (self.bounds, self.classic) = (other.bounds.clone(), other.classic.clone());
        } else if other.bounds == self.bounds {
            add(&mut self.classic, &other.classic);
        } else {
            let shared: Vec<f64> =
                self.bounds.iter().copied().filter(|bound| other.bounds.contains(bound)).collect();
            let mut classic = self.rescale(&shared);
            add(&mut classic, &other.rescale(&shared));
            (self.bounds, self.classic) = (shared, classic);
        }
        self.zero = self.zero.saturating_add(other.zero);
        self.unallocated = self.unallocated.saturating_add(other.unallocated);
        if self.exponential.is_empty() {
            self.exponential.clone_from(&other.exponential);
        } else {
            self.exponential.merge(other.exponential.iter());
        }
    }

    /// Counts values in the classic buckets.
    pub(crate) fn add_to_bounds(&mut self, values: impl Iterator<Item = f64>) {
        values.for_each(|value| self.classic[self.bounds.partition_point(|&bound| bound < value)] += 1);
    }

    /// Counts values in the exponential buckets.
    pub(crate) fn add_to_exponential(&mut self, values: impl Iterator<Item = f64>) {
        let mut dense = DenseCounts::default();
        for value in values {
            match exponential::dense_index(value) {
                Some(index) => dense.count(index),
                None => self.zero += 1,
            }
        }
        self.exponential.merge(dense.iter());
    }

    /// Returns the classic buckets for a subset of the bounds.
    fn rescale(&self, bounds: &[f64]) -> Vec<u64> {
        let mut rescaled = vec![0u64; bounds.len() + 1];
        for (index, &count) in self.classic.iter().enumerate() {
            let upper = self.bounds.get(index).copied().unwrap_or(f64::INFINITY);
            let into = bounds.partition_point(|&bound| bound < upper);
            rescaled[into] = rescaled[into].saturating_add(count);
        }
        rescaled
    }
}

fn add(sums: &mut [u64], counts: &[u64]) {
    for (sum, &count) in sums.iter_mut().zip(counts) {
        *sum = sum.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use super::Distribution;

    fn of(bounds: &[f64], classic: &[u64]) -> Distribution {
        Distribution { bounds: bounds.to_vec(), classic: classic.to_vec(), ..Distribution::default() }
    }

    #[test]
    fn shared_bounds_stay() {
        let mut one = of(&[1.0, 2.0, 5.0], &[1, 2, 3, 4]);
        one.merge(&of(&[1.0, 2.0, 5.0], &[1, 1, 1, 1]));
        assert_eq!(one, of(&[1.0, 2.0, 5.0], &[2, 3, 4, 5]));
        one.merge(&of(&[2.0, 3.0, 5.0, 7.0], &[10, 20, 30, 40, 50]));
        assert_eq!(one, of(&[2.0, 5.0], &[15, 54, 95]));
        assert_eq!(one.count(), 14 + 150);
        one.merge(&of(&[4.0], &[1, 1]));
        assert_eq!(one, of(&[], &[166]));
    }
}
