//! Counts of a batch of values by exponential bucket, before they are added to other counts.

use super::exponential::{self, DENSE_BUCKETS};

/// A count for every exponential bucket.
pub(crate) struct DenseCounts {
    counts: [u32; DENSE_BUCKETS],
    /// The first used bucket, and the end of the used ones.
    used: (usize, usize),
}

impl Default for DenseCounts {
    fn default() -> DenseCounts {
        DenseCounts { counts: [0; DENSE_BUCKETS], used: (DENSE_BUCKETS, 0) }
    }
}

impl DenseCounts {
    /// Counts a value in the bucket at a dense index.
    pub(crate) fn count(&mut self, index: usize) {
        self.counts[index] += 1;
        self.used = (self.used.0.min(index), self.used.1.max(index + 1));
    }

    /// Returns the buckets that have a count, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i32, u64)> + Clone {
        let used = self.counts.iter().enumerate().take(self.used.1).skip(self.used.0);
        let used = used.filter(|&(_, &count)| count > 0);
        used.map(|(index, &count)| (exponential::bucket_of(index), count.into()))
    }
}
