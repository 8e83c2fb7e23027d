//! The reader's side: a lane's buckets as numbers, and how those of several lanes are merged.

use std::{collections::BTreeMap, io};

use super::{HEAD_WORDS, TABLE_LINES, UNPLACED, ZERO, classic_lines, exponential};
use crate::segment::{layout::LINE_WORDS, source::Words};

/// Lifetime distribution of a timer's observations.
///
/// Each number only grows. Numbers read beside a busy writer may differ from the count by what is
/// in flight; they agree at rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Inclusive upper bounds of the classic buckets, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// Observations in each classic bucket (not cumulative); one more than bounds, for the bucket
    /// above them all. Empty where the lanes share no bounds.
    pub classic: Vec<u64>,
    /// Observations not above 2^-32.
    pub zero: u64,
    /// Observations that no exponential bucket could be had for.
    pub unplaced: u64,
    /// Observations by exponential bucket: bucket `i` is `(2^((i-1)/8), 2^(i/8)]`, Prometheus's
    /// schema 3.
    pub exponential: BTreeMap<i32, u64>,
}

/// Reads the buckets that start at a line.
pub(crate) fn read(source: &impl Words, line: u64, bounds: &[f64]) -> io::Result<Distribution> {
    let mut words = vec![0; (classic_lines(bounds.len()) + TABLE_LINES) as usize * LINE_WORDS];
    source.read(line, &mut words)?;
    let (words, table) = words.split_at(classic_lines(bounds.len()) as usize * LINE_WORDS);
    let mut exponential = BTreeMap::new();
    for (page, &line) in table.iter().enumerate().filter(|&(_, &line)| line != 0) {
        let mut counts = [0; exponential::PAGE_BUCKETS];
        source.read(line, &mut counts)?;
        let used = counts.iter().enumerate().filter(|&(_, &count)| count != 0);
        exponential.extend(used.map(|(place, &count)| (exponential::at(page, place), count)));
    }
    Ok(Distribution {
        bounds: bounds.to_vec(),
        classic: words[HEAD_WORDS..][..=bounds.len()].to_vec(),
        zero: words[ZERO],
        unplaced: words[UNPLACED],
        exponential,
    })
}

impl Distribution {
    /// Prometheus's number for the exponential buckets: eight a doubling.
    pub const SCHEMA: i32 = 3;
    /// Values not above this are in the zero bucket.
    pub const ZERO_THRESHOLD: f64 = exponential::ZERO_THRESHOLD;

    /// The inclusive upper bound of an exponential bucket.
    ///
    /// ```
    /// # use ictus::snapshot::Distribution;
    /// assert_eq!(Distribution::upper_bound(8), 2.0);
    /// ```
    #[must_use]
    pub fn upper_bound(bucket: i32) -> f64 {
        exponential::upper_bound(bucket.clamp(-8184, 8184))
    }

    /// Observations in all classic buckets.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classic.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Adds another distribution. Where the bounds differ, those that both have are kept: a bound
    /// that one of them lacks cannot be answered for both.
    pub(crate) fn merge(&mut self, other: &Distribution) {
        if self.classic.is_empty() {
            (self.bounds, self.classic) = (other.bounds.clone(), other.classic.clone());
        } else if other.bounds == self.bounds {
            add(&mut self.classic, &other.classic);
        } else {
            let shared: Vec<f64> =
                self.bounds.iter().copied().filter(|bound| other.bounds.contains(bound)).collect();
            let mut classic = self.coarse(&shared);
            add(&mut classic, &other.coarse(&shared));
            (self.bounds, self.classic) = (shared, classic);
        }
        self.zero = self.zero.saturating_add(other.zero);
        self.unplaced = self.unplaced.saturating_add(other.unplaced);
        for (&bucket, &count) in &other.exponential {
            let sum = self.exponential.entry(bucket).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// The classic buckets with some of the bounds only.
    fn coarse(&self, bounds: &[f64]) -> Vec<u64> {
        let mut coarse = vec![0u64; bounds.len() + 1];
        for (place, &count) in self.classic.iter().enumerate() {
            let upper = self.bounds.get(place).copied().unwrap_or(f64::INFINITY);
            let into = bounds.partition_point(|&bound| bound < upper);
            coarse[into] = coarse[into].saturating_add(count);
        }
        coarse
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
