//! Count, sum and buckets of a series, in which the part of one lane can be replaced.
//!
//! Integers can be subtracted exactly. If a count is saturated or bounds differ, subtracting a part
//! does not yield the sum of the others. The methods then return false, and the caller adds up all
//! parts.

use std::sync::Arc;

use super::{lane_share::LaneTotal, packed_buckets::PackedBuckets, packed_counts::checked_replace};
use crate::{histogram::exponential, snapshot::Distribution, sum::ExactSum};

/// The sums over all lanes.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) count: u64,
    pub(crate) exact: ExactSum,
    pub(crate) distribution: Arc<Distribution>,
    /// The number of lanes.
    parts: usize,
}

impl Sums {
    /// Replaces the part of a lane. Returns false if all parts must be added up.
    pub(crate) fn replace(&mut self, old: Option<&LaneTotal>, new: Option<&LaneTotal>) -> bool {
        self.parts = self.parts + usize::from(new.is_some()) - usize::from(old.is_some());
        if self.try_replace(old, new).is_some() {
            return true;
        }
        let only = new.filter(|_| self.parts == 1);
        only.is_some_and(|only| self.recompute(std::iter::once(only)))
    }

    fn try_replace(&mut self, old: Option<&LaneTotal>, new: Option<&LaneTotal>) -> Option<()> {
        let [old_count, new_count] = [old, new].map(|total| total.map_or(0, |total| total.count));
        let [old_sum, new_sum] = [old, new].map(|total| total.map_or(ExactSum::default(), |total| total.sum));
        self.count = checked_replace(self.count, old_count, new_count)?;
        self.exact = self.exact.checked_sub(&old_sum)?;
        self.exact.add(&new_sum);
        let [old, new] = [old, new].map(|total| total.map(|total| &total.buckets));
        if is_zero(&self.distribution) && [old, new].into_iter().flatten().all(PackedBuckets::is_zero) {
            return Some(());
        }
        PackedBuckets::exchange(Arc::make_mut(&mut self.distribution), old, new)
    }

    /// Adds the new observations of a lane. Returns false if all parts must be added up.
    pub(crate) fn advance(
        &mut self,
        from: ExactSum,
        to: ExactSum,
        values: impl ExactSizeIterator<Item = f64>,
        has_buckets: bool,
    ) -> bool {
        let count = checked_replace(self.count, 0, values.len() as u64);
        let exact = self.exact.checked_sub(&from);
        let (Some(count), Some(mut exact)) = (count, exact) else { return false };
        exact.add(&to);
        (self.count, self.exact) = (count, exact);
        !has_buckets || count_values(Arc::make_mut(&mut self.distribution), values).is_some()
    }

    /// Adds up all parts. Returns whether parts can be replaced from now on.
    pub(crate) fn recompute<'a>(&mut self, totals: impl Iterator<Item = &'a LaneTotal> + Clone) -> bool {
        let (mut count, mut exact, mut distribution) = (0_u64, ExactSum::default(), Distribution::default());
        for total in totals.clone() {
            count = count.saturating_add(total.count);
            exact.add(&total.sum);
            distribution.merge(&total.buckets.to_distribution());
        }
        let alike = totals.clone().all(|total| total.buckets.has_same_bounds(&distribution));
        let full = count == u64::MAX || counts(&distribution).any(|count| count == u64::MAX);
        let parts = totals.count();
        *self = Sums { count, exact, distribution: Arc::new(distribution), parts };
        alike && !full
    }
}

fn counts(distribution: &Distribution) -> impl Iterator<Item = u64> {
    let Distribution { classic, zero, unallocated, exponential, .. } = distribution;
    [*zero, *unallocated].into_iter().chain(classic.iter().copied()).chain(exponential.values())
}

/// Returns whether there are no buckets at all, as for a counter.
fn is_zero(distribution: &Distribution) -> bool {
    let Distribution { bounds, classic, zero, unallocated, exponential } = distribution;
    bounds.is_empty() && classic.is_empty() && (*zero, *unallocated) == (0, 0) && exponential.is_empty()
}

/// Counts values. If this returns none, the distribution must not be used.
pub(crate) fn count_values(distribution: &mut Distribution, values: impl Iterator<Item = f64>) -> Option<()> {
    for value in values {
        let index = distribution.bounds.partition_point(|&bound| bound < value);
        let count = distribution.classic.get_mut(index)?;
        *count = checked_replace(*count, 0, 1)?;
        match exponential::bucket_index(value) {
            Some(bucket) => distribution.exponential.change(bucket, |count| checked_replace(count, 0, 1))?,
            None => distribution.zero = checked_replace(distribution.zero, 0, 1)?,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{Distribution, LaneTotal, Sums};
    use crate::{reader::totals::SeriesTotal, sum::ExactSum};
    use proptest::prelude::*;

    fn pack(total: SeriesTotal) -> LaneTotal {
        LaneTotal::new(total, &[].into())
    }

    fn total() -> impl Strategy<Value = LaneTotal> {
        let few = prop_oneof![20 => 0..5_u64, 1 => Just(u64::MAX), 1 => u64::MAX - 3..u64::MAX];
        let bounds = prop_oneof![6 => Just(vec![1.0, 2.0]), 1 => Just(vec![1.0, 3.0]), 1 => Just(vec![])];
        let exponential = prop::collection::vec((-3..3, 1..5_u64), 0..4);
        let sums = prop_oneof![20 => 0.0..1e9, 1 => Just(f64::MAX)];
        (few.clone(), sums, bounds, prop::array::uniform5(few), exponential, 0..8).prop_map(
            |(count, sum, bounds, counts, exponential, kind)| {
                let sum =
                    if sum == f64::MAX { ExactSum([u64::MAX; 3]) } else { ExactSum::from_values([sum]) };
                let classic = counts[2..][..=bounds.len()].to_vec();
                let [zero, unallocated, ..] = counts;
                let distribution = match kind {
                    0 => Distribution::default(),
                    _ => {
                        let exponential = exponential.into_iter().collect();
                        Distribution { bounds, classic, zero, unallocated, exponential }
                    }
                };
                pack(SeriesTotal { count, sum, distribution, ..SeriesTotal::default() })
            },
        )
    }

    /// Returns a lane of those values, with buckets.
    fn lane(values: &[f64]) -> LaneTotal {
        let mut distribution =
            Distribution { bounds: vec![1.0], classic: vec![0; 2], ..Distribution::default() };
        super::count_values(&mut distribution, values.iter().copied()).unwrap();
        let (count, sum) = (values.len() as u64, ExactSum::from_values(values.iter().copied()));
        pack(SeriesTotal { count, sum, distribution, ..SeriesTotal::default() })
    }

    /// Parts that did not change are not added up again.
    #[test]
    fn contributions_of_ordinary_sums_are_replaced() {
        let mut sums = Sums::default();
        let (one, more, other) = (lane(&[0.5, 2.0]), lane(&[0.5, 2.0, 2.0]), lane(&[0.0, 3.0]));
        assert!(sums.replace(None, Some(&one)) && sums.replace(None, Some(&other)));
        assert!(sums.replace(Some(&one), Some(&more)));
        assert!(sums.advance(other.sum, ExactSum::from_values([0.0, 3.0, 0.5]), [0.5].into_iter(), true));
        assert_eq!((sums.count, sums.parts), (6, 2));
        assert_eq!((&sums.distribution.classic, sums.distribution.zero), (&vec![3, 3], 1));
        assert!(sums.recompute([&more, &other].into_iter()));
        assert!(sums.replace(Some(&more), None) && sums.replace(Some(&other), None));
        assert_eq!((sums.count, sums.exact, sums.parts), (0, ExactSum::default(), 0));
        // The same without buckets.
        let plain = |count| pack(SeriesTotal { count, ..SeriesTotal::default() });
        let mut sums = Sums::default();
        assert!(sums.replace(None, Some(&plain(1))) && sums.replace(None, Some(&plain(2))));
        assert!(sums.advance(ExactSum::default(), ExactSum::from_values([4.0]), [4.0].into_iter(), false));
        assert_eq!((sums.count, sums.exact), (4, ExactSum::from_values([4.0])));
        // If bounds differ, the sum does not show which part has which counts.
        assert!(!sums.replace(None, Some(&one)));
    }

    proptest! {
        /// Lanes are added, changed and removed, including saturated ones and ones with other
        /// bounds.
        #[test]
        fn replacing_contributions_equals_recomputing(steps in prop::collection::vec((0..4_usize, prop::option::of(total())), 1..40)) {
            let mut lanes: [Option<LaneTotal>; 4] = Default::default();
            let (mut sums, mut tells) = (Sums::default(), true);
            for (lane, new) in steps {
                tells &= sums.replace(lanes[lane].as_ref(), new.as_ref());
                lanes[lane] = new;
                if !tells {
                    tells = sums.recompute(lanes.iter().flatten());
                }
                let mut expected = Sums::default();
                expected.recompute(lanes.iter().flatten());
                prop_assert_eq!((sums.count, sums.exact), (expected.count, expected.exact));
                if lanes.iter().any(Option::is_some) {
                    prop_assert_eq!(&sums.distribution, &expected.distribution);
                }
            }
        }
    }
}
