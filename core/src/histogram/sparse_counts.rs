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
        self.0.binary_search_by_key(&bucket, |&(bucket, _)| bucket)
    }

    /// Replaces the count of a bucket.
    pub(crate) fn set(&mut self, bucket: i32, count: u64) {
        match (self.find(bucket), count) {
            (Ok(at), 0) => _ = self.0.remove(at),
            (Ok(at), count) => self.0[at].1 = count,
            (Err(_), 0) => {}
            (Err(at), count) => {
                // A reader holds the counts of every lane, so spare capacity adds up.
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(self.0.len() / 8 + 1);
                }
                self.0.insert(at, (bucket, count));
            }
        }
    }

    /// Adds to the count of a bucket. The count saturates instead of wrapping.
    pub(crate) fn add(&mut self, bucket: i32, count: u64) {
        self.set(bucket, self.get(bucket).saturating_add(count));
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
            counts.add(bucket, 1);
            assert!(counts.0.capacity() <= counts.len() + counts.len() / 8 + 1, "{}", counts.len());
        }
    }

    proptest! {
        #[test]
        fn sparse_counts_equal_a_map_without_zeros(counts in prop::collection::vec((-5..5, 0..3_u64), 0..30)) {
            let mut expected: BTreeMap<i32, u64> = counts.iter().copied().collect();
            expected.retain(|_, count| *count > 0);
            let collected: SparseCounts = counts.iter().copied().collect();
            prop_assert!(collected.iter().eq(expected.iter().map(|(&bucket, &count)| (bucket, count))));
            let (mut sums, mut expected) = (SparseCounts::default(), BTreeMap::new());
            for (bucket, count) in counts {
                sums.add(bucket, count);
                *expected.entry(bucket).or_insert(0) += count;
                prop_assert_eq!(sums.get(bucket), expected[&bucket]);
            }
            expected.retain(|_, count| *count > 0);
            prop_assert!(sums.iter().eq(expected.iter().map(|(&bucket, &count)| (bucket, count))));
            prop_assert!(sums.values().eq(expected.values().copied()) && sums.len() == expected.len());
            prop_assert_eq!(sums.is_empty(), expected.is_empty());
        }
    }
}
