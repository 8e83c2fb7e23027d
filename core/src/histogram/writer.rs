//! The writer of a lane's buckets: each observation that leaves the ring's chunk adds 1 to one
//! classic and one exponential word.

use std::sync::Arc;

use super::{Bounds, HEAD_WORDS, UNALLOCATED, ZERO, bounds::SubBucketBounds, classic_lines, exponential};
use crate::{
    format::{
        layout::{BucketPage, LINE_WORDS, Lines},
        line_allocator::LineAllocator,
    },
    sync::{AtomicU64, Ordering, static_ref::AtomicOptionRef},
};

/// Words that only this lane's writer changes.
type BucketWords = &'static [AtomicU64];

/// A lane's buckets, as its writer keeps them.
#[derive(Debug)]
pub(crate) struct LaneBuckets {
    bounds: Arc<Bounds>,
    words: BucketWords,
    /// The mapped table of pages. `pages` are their addresses in this process.
    table: BucketWords,
    pages: [AtomicOptionRef<BucketPage>; exponential::PAGES],
}

impl LaneBuckets {
    /// Creates the buckets in new, zeroed words.
    pub(crate) fn new(bounds: Arc<Bounds>, words: BucketWords) -> LaneBuckets {
        let (words, table) = words.split_at(classic_lines(bounds.len()) as usize * LINE_WORDS);
        LaneBuckets { bounds, words, table, pages: std::array::from_fn(|_| AtomicOptionRef::null()) }
    }

    /// Resets the buckets of a hidden lane. The buckets keep their pages. Release, "recycle": not
    /// before the lane was hidden.
    pub(crate) fn clear(&self) {
        let pages = self.pages.iter().filter_map(|page| page.load(Ordering::Relaxed));
        let counts = pages.flat_map(|page| &page.counts);
        self.words.iter().chain(counts).for_each(|word| word.store(0, Ordering::Release));
    }

    /// Counts values, one after the other.
    pub(crate) fn add(&self, values: impl Iterator<Item = f64>, supply: &impl LineAllocator) {
        let bounds = &*self.bounds;
        if bounds.is_dense() {
            self.add_n(values, |_, value| bounds.bucket_index(value), supply);
        } else {
            self.add_n(values, SubBucketBounds::bucket_index, supply);
        }
    }

    #[inline(always)]
    fn add_n(
        &self,
        values: impl Iterator<Item = f64>,
        bucket_index: impl Fn(&SubBucketBounds, f64) -> usize,
        supply: &impl LineAllocator,
    ) {
        // Read once, because the compiler assumes nothing about memory after a store with release.
        let (bounds, words) = (&*self.bounds, self.words);
        let classic = &words[HEAD_WORDS..];
        for value in values {
            if value <= exponential::ZERO_THRESHOLD {
                increment(&classic[bounds.bucket_index(value)]);
                increment(&words[ZERO]);
                continue;
            }
            let sub_bucket = bounds.sub_bucket(value);
            increment(&classic[bucket_index(sub_bucket, value)]);
            let cell = sub_bucket.dense_index(value);
            let (page, index) = (cell / exponential::PAGE_BUCKETS, cell % exponential::PAGE_BUCKETS);
            match self.pages[page].load(Ordering::Relaxed) {
                Some(page) => increment(&page.counts[index]),
                None => self.allocate_page(page, index, supply),
            }
        }
    }

    #[cold]
    fn allocate_page(&self, page: usize, index: usize, supply: &impl LineAllocator) {
        let new = supply.allocate(BucketPage::LINES).and_then(|line| Some((line, supply.lines(line)?)));
        let Some((line, new)) = new else { return increment(&self.words[UNALLOCATED]) };
        let new: &'static BucketPage = new;
        increment(&new.counts[index]);
        // Release, "page": a reader that acquires the line sees zeroed words or later ones.
        self.table[page].store(line, Ordering::Release);
        self.pages[page].store(Some(new), Ordering::Relaxed);
    }
}

/// Adds one to a word that has a single writer. Release, "fold": not before the value that was
/// counted last, so that the sum of all words is the number of values that have been counted.
#[inline(always)]
fn increment(word: &AtomicU64) {
    word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
}
