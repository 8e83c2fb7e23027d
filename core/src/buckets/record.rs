//! The writer's side: one bucket word of each kind per observation.

use super::{HEAD_WORDS, UNPLACED, ZERO, classic_lines, exponential};
use crate::{
    segment::{layout::LINE_WORDS, supply::Supply},
    sync::{AtomicU64, Ordering},
};

/// Words that only this lane's writer changes.
type Words = &'static [AtomicU64];

/// A lane's buckets, as its writer keeps them.
#[derive(Debug)]
pub(crate) struct Buckets {
    bounds: Box<[f64]>,
    words: Words,
    /// The mapped table of pages, and where they are in this process.
    table: Words,
    pages: Box<[std::sync::OnceLock<Words>; exponential::PAGES]>,
}

/// Lines of a page.
const PAGE_LINES: u64 = (exponential::PAGE_BUCKETS / LINE_WORDS) as u64;

impl Buckets {
    /// Buckets in new, zeroed words.
    pub(crate) fn new(bounds: &[f64], words: Words) -> Buckets {
        let (words, table) = words.split_at(classic_lines(bounds.len()) as usize * LINE_WORDS);
        Buckets { bounds: bounds.into(), words, table, pages: Box::default() }
    }

    /// Makes the buckets of a hidden lane new ones, which keep their pages. Release, "recycle": not
    /// before the lane was hidden.
    pub(crate) fn clear(&self) {
        let pages = self.pages.iter().filter_map(|page| page.get().copied()).flatten();
        self.words.iter().chain(pages).for_each(|word| word.store(0, Ordering::Release));
    }

    /// Counts a value.
    #[inline]
    pub(crate) fn add(&self, value: f64, supply: &impl Supply) {
        // Inclusive upper bounds: the first that is not below the value.
        let classic = self.bounds.iter().filter(|&&bound| value > bound).count();
        increment(&self.words[HEAD_WORDS + classic]);
        if value <= exponential::ZERO_THRESHOLD {
            return increment(&self.words[ZERO]);
        }
        let (page, place) = exponential::page(exponential::index(value));
        match self.pages[page].get() {
            Some(words) => increment(&words[place]),
            None => self.add_to_new_page(page, place, supply),
        }
    }

    #[cold]
    fn add_to_new_page(&self, page: usize, place: usize, supply: &impl Supply) {
        let new = supply.claim(PAGE_LINES).and_then(|line| Some((line, supply.words(line, PAGE_LINES)?)));
        let Some((line, words)) = new else { return increment(&self.words[UNPLACED]) };
        increment(&words[place]);
        // Release, "page": a reader that acquires the line sees zeroed words or later ones.
        self.table[page].store(line, Ordering::Release);
        // The lane has one writer: nobody else sets it.
        let _ = self.pages[page].set(words);
    }
}

/// Adds one to a word that has a single writer.
#[inline]
fn increment(word: &AtomicU64) {
    word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}
