//! Sparse counts of exponential buckets.

/// Counts by exponential bucket, ascending. Contains only buckets with a count above 0.
///
/// ```
/// use ictus::snapshot::{Distribution, SparseCounts};
///
/// let counts: SparseCounts = [(8, 3), (-8, 1)].into_iter().collect();
/// assert_eq!(counts.iter().collect::<Vec<_>>(), [(-8, 1), (8, 3)]);
/// assert_eq!((counts.get(8), counts.get(0)), (3, 0));
/// // Bucket 8 ends at 2.
/// assert_eq!(Distribution::upper_bound(8), 2.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SparseCounts(Vec<(i32, u64)>);

impl SparseCounts {
    /// Returns the buckets and their counts, in ascending order of the buckets.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (i32, u64)> + Clone {
        self.0.iter().copied()
    }

    /// Returns the counts, in ascending order of the buckets.
    pub fn values(&self) -> impl ExactSizeIterator<Item = u64> + Clone {
        self.0.iter().map(|&(_, count)| count)
    }

    /// Returns the count of a bucket; 0 if the bucket has none.
    #[must_use]
    pub fn get(&self, bucket: i32) -> u64 {
        self.find(bucket).map_or(0, |at| self.0[at].1)
    }

    /// Returns the number of buckets that have a count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no bucket has a count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, bucket: i32) -> Result<usize, usize> {
        let (Some(&(first, _)), Some(&(last, _))) = (self.0.first(), self.0.last()) else { return Err(0) };
        if bucket < first {
            return Err(0);
        }
        // Most buckets between the first and the last have a count, so few indexes are possible.
        let length = self.0.len();
        let missing = last.abs_diff(first) as usize + 1 - length;
        let at = bucket.abs_diff(first) as usize;
        let (low, high) = (at.saturating_sub(missing).min(length), (at + 1).min(length));
        let within = self.0[low..high].binary_search_by_key(&bucket, |&(bucket, _)| bucket);
        within.map(|at| low + at).map_err(|at| low + at)
    }

    /// Replaces the count of a bucket.
    pub(crate) fn set(&mut self, bucket: i32, count: u64) {
        _ = self.change(bucket, |_| Some(count));
    }

    /// Replaces the count of a bucket by the one that `change` returns for it. Returns none, and
    /// changes nothing, if `change` returns none.
    pub(crate) fn change(&mut self, bucket: i32, change: impl FnOnce(u64) -> Option<u64>) -> Option<()> {
        let position = self.find(bucket);
        let count = change(position.map_or(0, |at| self.0[at].1))?;
        match position {
            Ok(at) if count == 0 => _ = self.0.remove(at),
            Ok(at) => self.0[at].1 = count,
            Err(_) if count == 0 => {}
            Err(at) => {
                // A reader holds the counts of every lane, so spare capacity adds up.
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(self.0.len() / 8 + 1);
                }
                self.0.insert(at, (bucket, count));
            }
        }
        Some(())
    }

    /// Adds counts above 0 of ascending buckets. Counts saturate instead of wrapping.
    pub(crate) fn merge(&mut self, others: impl Iterator<Item = (i32, u64)> + Clone) {
        let shared = others.clone().filter(|&(bucket, _)| self.find(bucket).is_ok()).count();
        let mut merged = Vec::with_capacity(self.0.len() + others.clone().count() - shared);
        let mut own = self.0.iter().copied().peekable();
        for (bucket, count) in others {
            merged.extend(std::iter::from_fn(|| own.next_if(|&(other, _)| other < bucket)));
            let own = own.next_if(|&(other, _)| other == bucket).map_or(0, |(_, count)| count);
            merged.push((bucket, count.saturating_add(own)));
        }
        merged.extend(own);
        self.0 = merged;
    }
}

/// Later counts of a bucket replace earlier ones.
impl FromIterator<(i32, u64)> for SparseCounts {
    fn from_iter<I: IntoIterator<Item = (i32, u64)>>(counts: I) -> SparseCounts {
        let mut buckets = SparseCounts::default();
        for (bucket, count) in counts {
            match buckets.0.last() {
                // Buckets usually come in order.
                Some(&(last, _)) if last >= bucket => buckets.set(bucket, count),
                _ if count > 0 => buckets.0.push((bucket, count)),
                _ => {}
            }
        }
        buckets.0.shrink_to_fit();
        buckets
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::SparseCounts;

    #[test]
    fn counts_take_little_more_memory_than_they_need() {
        let mut counts: SparseCounts = (0..70).map(|bucket| (bucket, 1)).collect();
        assert_eq!(counts.0.capacity(), 70);
        for bucket in 70..500 {
            counts.set(bucket, 1);
            assert!(counts.0.capacity() <= counts.len() + counts.len() / 8 + 1, "{}", counts.len());
        }
    }

    fn add(sums: &mut SparseCounts, bucket: i32, count: u64) {
        sums.change(bucket, |sum| sum.checked_add(count)).unwrap();
    }

    proptest! {
        #[test]
        fn sparse_counts_equal_a_map_without_zeros(counts in prop::collection::vec((-5..5, 0..3_u64), 0..30)) {
            let mut expected: BTreeMap<i32, u64> = counts.iter().copied().collect();
            expected.retain(|_, count| *count > 0);
            let collected: SparseCounts = counts.iter().copied().collect();
            prop_assert!(collected.iter().eq(expected.iter().map(|(&bucket, &count)| (bucket, count))));
            let (mut sums, mut expected) = (SparseCounts::default(), BTreeMap::new());
            for &(bucket, count) in &counts {
                add(&mut sums, bucket, count);
                *expected.entry(bucket).or_insert(0) += count;
                prop_assert_eq!(sums.get(bucket), expected[&bucket]);
            }
            let (one, other) = counts.split_at(counts.len() / 2);
            let [mut merged, other] = [one, other].map(|part| {
                let mut sums = SparseCounts::default();
                part.iter().for_each(|&(bucket, count)| add(&mut sums, bucket, count));
                sums
            });
            merged.merge(other.iter());
            prop_assert_eq!(merged.0.capacity(), merged.len());
            prop_assert_eq!(&merged, &sums);
            expected.retain(|_, count| *count > 0);
            prop_assert!(sums.iter().eq(expected.iter().map(|(&bucket, &count)| (bucket, count))));
            prop_assert!(sums.values().eq(expected.values().copied()) && sums.len() == expected.len());
            prop_assert_eq!(sums.is_empty(), expected.is_empty());
        }
    }
}
