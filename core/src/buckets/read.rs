//! The reader's side: a lane's buckets, and what they lack of its ring.

use std::{collections::BTreeMap, io};

use super::{Distribution, HEAD_WORDS, TABLE_LINES, UNPLACED, ZERO, classic_lines, exponential};
use crate::{
    ring::{Reading, Unreadable},
    segment::{layout::LINE_WORDS, source::Words},
};

/// A writer that adds to the buckets between two looks this often in a row is no worker.
const ATTEMPTS: usize = 8;

/// What a lane's words say.
#[derive(Debug)]
pub(crate) struct Folded {
    distribution: Distribution,
    /// Up to which observation the classic and the exponential buckets go; none where that cannot be
    /// said, for some words are older than others.
    upto: Option<[u64; 2]>,
}

/// Reads the buckets that start at a line.
pub(crate) fn read(source: &impl Words, line: u64, bounds: &[f64]) -> io::Result<Folded> {
    let mut distribution = look(source, line, bounds)?;
    for _ in 0..ATTEMPTS {
        let again = look(source, line, bounds)?;
        // "fold": words only grow. Where their sums are the same, all of them were so at one instant
        // between the looks, and hold the values up to that number.
        let upto = counted(&distribution);
        if counted(&again) == upto {
            return Ok(Folded { distribution: again, upto: Some(upto) });
        }
        distribution = again;
    }
    Ok(Folded { distribution, upto: None })
}

impl Folded {
    /// Up to which observations the buckets go, where that is known.
    #[cfg(test)]
    pub(crate) fn upto(&self) -> Option<[u64; 2]> {
        self.upto
    }

    /// The distribution of all observations of a reading that was made after this. Beside a writer
    /// that was faster, what is known for sure.
    pub(crate) fn with_rest(mut self, reading: &Reading) -> Result<Distribution, Unreadable> {
        let Some([classic, exponential]) = self.upto else { return Ok(self.distribution) };
        if classic.max(exponential) > reading.head {
            return Err(Unreadable::Corrupt("a lane's buckets hold more than its ring"));
        }
        if let (Some(classic), Some(exponential)) = (reading.since(classic), reading.since(exponential)) {
            self.distribution.add_classic(classic);
            self.distribution.add_exponential(exponential);
        }
        Ok(self.distribution)
    }
}

/// How many observations are in the classic and in the exponential buckets.
fn counted(distribution: &Distribution) -> [u64; 2] {
    let Distribution { zero, unplaced, exponential, .. } = distribution;
    let all = exponential.values().chain([zero, unplaced]);
    [distribution.count(), all.fold(0, |sum: u64, &count| sum.saturating_add(count))]
}

fn look(source: &impl Words, line: u64, bounds: &[f64]) -> io::Result<Distribution> {
    let mut words = vec![0; (classic_lines(bounds.len()) + TABLE_LINES) as usize * LINE_WORDS];
    source.read(line, &mut words)?;
    let (words, table) = words.split_at(classic_lines(bounds.len()) as usize * LINE_WORDS);
    let mut exponential = BTreeMap::new();
    for (page, &line) in table.iter().enumerate().filter(|&(_, &line)| line != 0) {
        let mut counts = [0; exponential::PAGE_BUCKETS];
        source.read(line, &mut counts)?;
        let used = counts.iter().enumerate().filter(|&(_, &count)| count != 0);
        exponential.extend(used.map(|(place, &count)| (exponential::at(page, place), count)));
    }
    Ok(Distribution {
        bounds: bounds.to_vec(),
        classic: words[HEAD_WORDS..][..=bounds.len()].to_vec(),
        zero: words[ZERO],
        unplaced: words[UNPLACED],
        exponential,
    })
}
