//! Lifetime distributions of timers: classic buckets with the family's bounds, and exponential
//! buckets (Prometheus's native histograms, schema 3: eight buckets per doubling).
//!
//! A lane's buckets are words that only grow. They contain the observations that have left the
//! ring's current chunk; a reader adds the rest from the ring. The writer adds the 64 observations
//! of a chunk one after the other. So the sum of the words is the number of observations they
//! contain, also if the writer was killed in between.
//!
//! ```text
//! word 0       values of the zero bucket: not above 2^-32
//! word 1       values for whose exponential bucket there was no memory
//! word 2..     classic buckets: one per bound, then the one above all bounds; whole lines
//! 2 lines      the lines of 16 pages of eight doublings each, allocated when first needed
//! ```

#[cfg(feature = "record")]
mod bounds;
#[cfg(feature = "read")]
mod dense_counts;
#[cfg(feature = "read")]
mod distribution;
pub(crate) mod exponential;
#[cfg(feature = "read")]
mod reader;
#[cfg(feature = "read")]
mod sparse_counts;
#[cfg(feature = "record")]
mod writer;

#[cfg(feature = "record")]
pub(crate) use bounds::Bounds;
#[cfg(feature = "read")]
pub use distribution::Distribution;
#[cfg(test)]
pub(crate) use reader::BucketCounts;
#[cfg(feature = "read")]
pub(crate) use reader::read;
#[cfg(feature = "read")]
pub use sparse_counts::SparseCounts;
#[cfg(feature = "record")]
pub(crate) use writer::LaneBuckets;

use crate::format::layout::LINE_WORDS;

/// Words before the classic buckets.
const HEAD_WORDS: usize = 2;
const ZERO: usize = 0;
const UNALLOCATED: usize = 1;
/// Lines of the table of pages.
const TABLE_LINES: u64 = (exponential::PAGES / LINE_WORDS) as u64;

/// Returns the number of lines of the zero, unplaced and classic words.
fn classic_lines(bounds: usize) -> u64 {
    (HEAD_WORDS + bounds + 1).div_ceil(LINE_WORDS) as u64
}

/// Returns the number of lines of a lane's buckets, without pages.
pub(crate) fn lines(bounds: usize) -> u64 {
    classic_lines(bounds) + TABLE_LINES
}
