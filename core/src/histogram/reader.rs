//! The reader of a lane's buckets, which adds the observations that are only in the ring.

use std::io;

use super::{Distribution, HEAD_WORDS, TABLE_LINES, UNALLOCATED, ZERO, classic_lines, exponential};
use crate::{
    format::{layout::LINE_WORDS, source::SegmentSource},
    ring::{RingReadError, RingSnapshot},
};

/// Maximum number of reads. No real workload adds to the buckets between two reads so often in
/// succession.
const MAX_ATTEMPTS: usize = 8;

/// The buckets of a lane, as read.
#[derive(Debug)]
pub(crate) struct BucketCounts {
    distribution: Distribution,
    /// The number of observations in the classic and in the exponential buckets. `None` if it is
    /// unknown, because some words are older than others.
    covered: Option<[u64; 2]>,
}

/// Reads the buckets that start at a line.
pub(crate) fn read(source: &impl SegmentSource, line: u64, bounds: &[f64]) -> io::Result<BucketCounts> {
    let mut words = read_words(source, line, bounds)?;
    for _ in 0..MAX_ATTEMPTS {
        // "fold": words only grow. If two reads are equal, all words had these values at one
        // instant between them. They then contain the observations up to the number that is their
        // sum.
        let again = read_words(source, line, bounds)?;
        if again == words {
            let distribution = words.distribution(bounds);
            let covered = Some(covered_by(&distribution));
            return Ok(BucketCounts { distribution, covered });
        }
        words = again;
    }
    Ok(BucketCounts { distribution: words.distribution(bounds), covered: None })
}

impl BucketCounts {
    /// Returns the number of observations in the buckets, if it is known.
    #[cfg(test)]
    pub(crate) fn covered(&self) -> Option<[u64; 2]> {
        self.covered
    }

    /// Returns the distribution of all observations of a ring snapshot that was read after the
    /// buckets. If the writer was too fast, returns only the observations in the buckets.
    pub(crate) fn complete_with(mut self, reading: &RingSnapshot) -> Result<Distribution, RingReadError> {
        let Some([classic, exponential]) = self.covered else { return Ok(self.distribution) };
        if classic.max(exponential) > reading.head {
            return Err(RingReadError::Corrupt("a lane's buckets hold more than its ring"));
        }
        if let (Some(classic), Some(exponential)) = (reading.since(classic), reading.since(exponential)) {
            self.distribution.add_to_bounds(classic);
            self.distribution.add_to_exponential(exponential);
        }
        Ok(self.distribution)
    }
}

/// Returns the number of observations in the classic and in the exponential buckets.
fn covered_by(distribution: &Distribution) -> [u64; 2] {
    let Distribution { zero, unallocated, exponential, .. } = distribution;
    let all = exponential.values().chain([*zero, *unallocated]);
    [distribution.count(), all.fold(0, u64::saturating_add)]
}

/// The words of one read.
#[derive(PartialEq)]
struct BucketCopy {
    /// The zero, unallocated and classic buckets, and the table of pages.
    words: Vec<u64>,
    /// The existing pages, one after the other.
    pages: Vec<u64>,
}

fn read_words(source: &impl SegmentSource, line: u64, bounds: &[f64]) -> io::Result<BucketCopy> {
    let classic = classic_lines(bounds.len()) as usize * LINE_WORDS;
    let mut words = vec![0; classic + TABLE_LINES as usize * LINE_WORDS];
    source.read(line, &mut words)?;
    let mut pages = Vec::new();
    for &page in words[classic..].iter().filter(|&&line| line != 0) {
        let length = pages.len();
        pages.resize(length + exponential::PAGE_BUCKETS, 0);
        source.read(page, &mut pages[length..])?;
    }
    Ok(BucketCopy { words, pages })
}

impl BucketCopy {
    fn distribution(&self, bounds: &[f64]) -> Distribution {
        let (words, table) = self.words.split_at(classic_lines(bounds.len()) as usize * LINE_WORDS);
        let allocated = table.iter().enumerate().filter(|&(_, &line)| line != 0);
        let pages = allocated.zip(self.pages.chunks_exact(exponential::PAGE_BUCKETS));
        let counts = pages.flat_map(|((page, _), counts)| {
            counts.iter().enumerate().map(move |(index, &count)| (exponential::bucket_at(page, index), count))
        });
        Distribution {
            bounds: bounds.to_vec(),
            classic: words[HEAD_WORDS..][..=bounds.len()].to_vec(),
            zero: words[ZERO],
            unallocated: words[UNALLOCATED],
            exponential: counts.collect(),
        }
    }
}
