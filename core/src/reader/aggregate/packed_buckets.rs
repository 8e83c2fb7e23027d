//! The buckets of one lane, as a reader caches them.
//!
//! A [`Distribution`] takes 16 bytes for each exponential bucket that has a count, and has its own
//! bounds. Of the lanes of a series, nearly all have the same bounds, small counts, and exponential
//! buckets that lie close together.

use std::sync::Arc;

use super::packed_counts::{PackedCounts, checked_replace};
use crate::{histogram::exponential, snapshot::Distribution};

/// The buckets of a lane, or of the totals.
#[derive(Clone, Debug)]
pub(crate) struct PackedBuckets {
    /// Upper bounds of the classic buckets, shared by all lanes that have the same.
    bounds: Arc<[f64]>,
    /// One more than bounds, or none.
    classic: PackedCounts,
    zero: u64,
    unallocated: u64,
    /// The exponential bucket of the first count in `exponential`.
    first: i32,
    /// The counts of consecutive exponential buckets.
    exponential: PackedCounts,
}

impl PackedBuckets {
    /// Packs a distribution, whose exponential buckets are ones that can contain observations.
    /// `shared_bounds` holds bounds of another lane, which are shared if they are the same.
    pub(crate) fn new(distribution: &Distribution, shared_bounds: &Arc<[f64]>) -> PackedBuckets {
        let Distribution { bounds, classic, zero, unallocated, exponential } = distribution;
        let bounds = if **shared_bounds == **bounds { Arc::clone(shared_bounds) } else { bounds[..].into() };
        let classic = PackedCounts::new(classic.iter().copied());
        let ends = (exponential.iter().next(), exponential.iter().last());
        let (first, dense) = match ends {
            (Some((first, _)), Some((last, _))) => {
                let mut dense = vec![0; last.abs_diff(first) as usize + 1];
                for (bucket, count) in exponential.iter() {
                    dense[bucket.abs_diff(first) as usize] = count;
                }
                (first, PackedCounts::new(dense.into_iter()))
            }
            _ => (0, PackedCounts::default()),
        };
        PackedBuckets { bounds, classic, zero: *zero, unallocated: *unallocated, first, exponential: dense }
    }

    /// Returns the same counts as a distribution.
    pub(crate) fn to_distribution(&self) -> Distribution {
        Distribution {
            bounds: self.bounds.to_vec(),
            classic: self.classic.iter().collect(),
            zero: self.zero,
            unallocated: self.unallocated,
            exponential: (self.first..).zip(self.exponential.iter()).collect(),
        }
    }

    /// Raises each number of a later reading of the same buckets to the one here.
    pub(crate) fn max_with(&self, later: &mut Distribution) {
        if self.has_same_bounds(later) {
            later
                .classic
                .iter_mut()
                .zip(self.classic.iter())
                .for_each(|(count, own)| *count = own.max(*count));
        }
        later.zero = later.zero.max(self.zero);
        later.unallocated = later.unallocated.max(self.unallocated);
        for (bucket, own) in (self.first..).zip(self.exponential.iter()) {
            if own > later.exponential.get(bucket) {
                later.exponential.set(bucket, own);
            }
        }
    }

    pub(crate) fn bounds(&self) -> &Arc<[f64]> {
        &self.bounds
    }

    /// Returns whether a distribution has the same classic buckets.
    pub(crate) fn has_same_bounds(&self, other: &Distribution) -> bool {
        self.classic.len() == other.classic.len() && *self.bounds == *other.bounds
    }

    /// Returns whether there are no buckets at all, as for a counter.
    pub(crate) fn is_zero(&self) -> bool {
        let is_empty = self.bounds.is_empty() && self.classic.len() == 0;
        is_empty && (self.zero, self.unallocated) == (0, 0) && self.exponential.iter().all(|count| count == 0)
    }

    /// Counts values. If this returns none, the buckets must not be used.
    pub(crate) fn count_values(&mut self, values: impl Iterator<Item = f64>) -> Option<()> {
        for value in values {
            let index = self.bounds.partition_point(|&bound| bound < value);
            self.classic.set(index, checked_replace(self.classic.get(index)?, 0, 1)?);
            match exponential::bucket_index(value) {
                Some(bucket) => {
                    let at = self.index(bucket);
                    self.exponential.set(at, checked_replace(self.exponential.get(at)?, 0, 1)?);
                }
                None => self.zero = checked_replace(self.zero, 0, 1)?,
            }
        }
        Some(())
    }

    /// Returns the index of an exponential bucket. Adds the bucket if it has no count yet.
    #[inline]
    fn index(&mut self, bucket: i32) -> usize {
        let length = self.exponential.len();
        let at = bucket.wrapping_sub(self.first);
        if (0..length as i32).contains(&at) {
            return at as usize;
        }
        if length == 0 {
            self.first = bucket;
        }
        let front = self.first.saturating_sub(bucket).max(0);
        let back = (bucket - self.first + 1 - length as i32).max(0);
        self.exponential.extend(front as usize, back as usize);
        self.first -= front;
        bucket.abs_diff(self.first) as usize
    }

    /// Returns the count of an exponential bucket.
    fn exponential(&self, bucket: i32) -> u64 {
        let at = usize::try_from(bucket - self.first).ok();
        at.and_then(|at| self.exponential.get(at)).unwrap_or(0)
    }

    /// Returns the range of the exponential buckets; none if no bucket has a count.
    fn range(&self) -> Option<(i32, i32)> {
        let length = self.exponential.len() as i32;
        (length > 0).then_some((self.first, self.first + length))
    }

    /// Replaces the part `old` of a sum by `new`. If this returns none, the sum must not be used.
    pub(crate) fn exchange(
        sum: &mut Distribution,
        old: Option<&PackedBuckets>,
        new: Option<&PackedBuckets>,
    ) -> Option<()> {
        if [old, new].into_iter().flatten().any(|part| !part.has_same_bounds(sum)) {
            return None;
        }
        let of = |part: Option<&PackedBuckets>, at| part.and_then(|part| part.classic.get(at)).unwrap_or(0);
        for (at, count) in sum.classic.iter_mut().enumerate() {
            *count = checked_replace(*count, of(old, at), of(new, at))?;
        }
        let of = |part: Option<&PackedBuckets>| part.map_or((0, 0), |part| (part.zero, part.unallocated));
        let ((old_zero, old_unplaced), (new_zero, new_unplaced)) = (of(old), of(new));
        sum.zero = checked_replace(sum.zero, old_zero, new_zero)?;
        sum.unallocated = checked_replace(sum.unallocated, old_unplaced, new_unplaced)?;
        let ranges = [old, new].into_iter().flatten().filter_map(PackedBuckets::range);
        let all = ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        for bucket in all.map_or(0..0, |(first, end)| first..end) {
            let of = |part: Option<&PackedBuckets>| part.map_or(0, |part| part.exponential(bucket));
            let (had, has) = (of(old), of(new));
            // Few of them differ.
            if had != has {
                sum.exponential.change(bucket, |count| checked_replace(count, had, has))?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{super::sums::count_values, PackedBuckets};
    use crate::snapshot::Distribution;

    /// Values of every exponential bucket: 2^-33 to 2^95.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![(-4.0..4.0_f64).prop_map(f64::exp2), (-33.0..95.0_f64).prop_map(f64::exp2)];
        prop::collection::vec(prop_oneof![9 => value, 1 => Just(0.0)], 0..300)
    }

    fn distribution(values: &[f64]) -> Distribution {
        let mut distribution =
            Distribution { bounds: vec![0.5, 1.0], classic: vec![0; 3], ..Distribution::default() };
        count_values(&mut distribution, values.iter().copied()).unwrap();
        distribution
    }

    fn pack(distribution: &Distribution) -> PackedBuckets {
        PackedBuckets::new(distribution, &[].into())
    }

    #[test]
    fn lanes_share_their_bounds() {
        let one = pack(&distribution(&[1.0]));
        let other = PackedBuckets::new(&distribution(&[2.0]), one.bounds());
        assert!(Arc::ptr_eq(one.bounds(), other.bounds()));
        let changed = Distribution { bounds: vec![0.5, 2.0], ..distribution(&[]) };
        assert_eq!(**PackedBuckets::new(&changed, one.bounds()).bounds(), [0.5, 2.0]);
    }

    #[test]
    fn later_reading_is_raised_to_the_known_counts() {
        let packed = pack(&distribution(&[0.0, 0.4, 0.6, 8.0]));
        let mut later = distribution(&[0.4, 0.4, 9.0]);
        later.unallocated = 1;
        packed.max_with(&mut later);
        let mut expected = distribution(&[0.0, 0.4, 0.4, 0.6, 8.0, 9.0]);
        (expected.classic, expected.unallocated) = (vec![2, 1, 1], 1);
        assert_eq!(later, expected);
        // Counts of other bounds cannot be compared.
        let mut other = Distribution { bounds: vec![0.5, 2.0], ..distribution(&[]) };
        packed.max_with(&mut other);
        assert_eq!((&other.classic[..], other.zero, other.exponential.len()), (&[0; 3][..], 1, 3));
    }

    #[test]
    fn counts_that_reach_the_largest_number_are_refused() {
        let full = Distribution { classic: vec![u64::MAX - 1; 3], ..distribution(&[]) };
        assert!(pack(&full).count_values([1.0].into_iter()).is_none());
        let plain = pack(&Distribution::default());
        assert!(plain.is_zero() && plain.clone().count_values([1.0].into_iter()).is_none());
    }

    proptest! {
        #[test]
        fn packed_buckets_equal_a_distribution(first in values(), more in values(), other in values()) {
            let mut packed = pack(&distribution(&first));
            prop_assert_eq!(packed.to_distribution(), distribution(&first));
            packed.count_values(more.iter().copied()).unwrap();
            let all = [&first[..], &more].concat();
            prop_assert_eq!(packed.to_distribution(), distribution(&all));
            prop_assert_eq!(packed.is_zero(), false);
            // A part of a sum is replaced.
            let others = PackedBuckets::new(&distribution(&other), packed.bounds());
            let mut sum = distribution(&[&all[..], &first].concat());
            PackedBuckets::exchange(&mut sum, Some(&packed), Some(&others)).unwrap();
            prop_assert_eq!(&sum, &distribution(&[&other[..], &first].concat()));
            PackedBuckets::exchange(&mut sum, Some(&others), None).unwrap();
            prop_assert_eq!(&sum, &distribution(&first));
            PackedBuckets::exchange(&mut sum, None, Some(&packed)).unwrap();
            prop_assert_eq!(&sum, &distribution(&[&first[..], &all].concat()));
        }
    }
}
