//! Descriptors of families and series: stored in lines of the segment. Those of removed series are
//! used again.

use std::{
    iter,
    sync::{PoisonError, TryLockError, atomic::Ordering::Relaxed},
};

use super::Segment;
use crate::{
    format::{
        descriptor,
        layout::LINE_WORDS,
        line_index::LineIndex,
        series_word::{SERIAL_BITS, SeriesWord},
    },
    sync::Ordering,
};

/// A range of claimed lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineRange {
    line: LineIndex,
    lines: u64,
}

/// The location of a series' descriptor in a segment.
#[derive(Debug)]
pub(crate) struct SeriesLocation {
    /// The ordinal of the segment.
    pub(crate) ordinal: u32,
    /// The series word of the lanes of the series.
    pub(crate) word: SeriesWord,
    range: LineRange,
}

impl Segment {
    /// Stores a descriptor. Returns its line. Returns none if it is longer than readers accept:
    /// that one series would keep the whole segment from being shown.
    pub(crate) fn describe(&self, words: &[u64]) -> Option<LineIndex> {
        let lines = descriptor::lines(words)?;
        if lines != (words.len() / LINE_WORDS) as u64 {
            return None;
        }
        let line = self.claim(lines)?;
        for (target, &word) in iter::zip(self.mapping.words(line, lines)?, words) {
            target.store(word, Ordering::Relaxed);
        }
        LineIndex::from_word(line)
    }

    /// Stores a series' descriptor, which `encode` creates for a serial number. Returns none if it
    /// is too long, or if there is no memory for it.
    pub(crate) fn describe_series(&self, encode: impl FnOnce(u32) -> Vec<u64>) -> Option<SeriesLocation> {
        self.renew_anchor();
        // Serials wrap after 2^31 series; only a reader that runs all that time could be misled.
        let serial = self.serials.fetch_add(1, Relaxed) % SERIAL_BITS;
        let words = encode(serial);
        let lines = descriptor::lines(&words).filter(|&lines| lines == (words.len() / LINE_WORDS) as u64)?;
        let range = match self.find_free_range(lines) {
            Some(range) => range,
            None => LineRange { line: LineIndex::from_word(self.claim(lines)?)?, lines },
        };
        for (target, &word) in iter::zip(self.mapping.words(range.line.word(), lines)?, &words) {
            // Release, "recycle": not before the lanes of the series that had the lines were
            // hidden.
            target.store(word, Ordering::Release);
        }
        Some(SeriesLocation { ordinal: self.ordinal, word: SeriesWord::new(serial, range.line), range })
    }

    /// Returns lines of a removed series: enough, and at most twice as many as needed.
    fn find_free_range(&self, lines: u64) -> Option<LineRange> {
        let mut free = match self.free.try_lock() {
            Ok(free) => free,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Recording never waits.
            Err(TryLockError::WouldBlock) => return None,
        };
        let at = free.iter().rposition(|range| (lines..=2 * lines).contains(&range.lines))?;
        Some(free.swap_remove(at))
    }

    /// Frees the lines of a descriptor, once all lanes that point to it are hidden.
    pub(crate) fn free(&self, location: &SeriesLocation) {
        if location.ordinal == self.ordinal && self.belongs_to_this_process() {
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(location.range);
        }
    }
}
