//! In which order segments, and so their lanes, stand.

use std::collections::HashMap;

use super::{Merged, Segment};

/// A segment, in the order in which segments rank: those of a directory, then those in memory alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Key {
    pub(in super::super) in_memory: bool,
    pub(in super::super) created: u64,
    pub(in super::super) id: u64,
}

/// Segments of a directory have smaller ranks.
const FIRST_IN_MEMORY: u32 = 1 << 31;
const LAST: u32 = u32::MAX;

impl Merged {
    /// Makes room for a segment. Ranks grow with every new one; only where an older one appears late
    /// do all get new ranks.
    pub(super) fn enter(&mut self, key: Key) {
        let alike = |other: &&Key| other.in_memory == key.in_memory;
        let before = self.segments.range(..key).next_back().filter(|(other, _)| alike(other));
        let is_last = self.segments.range(key..).next().is_none_or(|(other, _)| !alike(&other));
        let first = if key.in_memory { FIRST_IN_MEMORY } else { 1 };
        let rank = before.map_or(first, |(_, segment)| segment.rank + 1);
        self.segments.insert(key, Segment { rank, ..Segment::default() });
        if !is_last || rank == LAST || rank == FIRST_IN_MEMORY - 1 {
            self.renumber(key);
        }
    }

    /// Gives segments new ranks in the same order, after one came in between.
    fn renumber(&mut self, new: Key) {
        let mut ranks = HashMap::new();
        let (mut in_directory, mut in_memory) = (1.., FIRST_IN_MEMORY..);
        for (key, segment) in &mut self.segments {
            let next = if key.in_memory { in_memory.next() } else { in_directory.next() };
            let rank = next.unwrap_or(LAST);
            if *key != new {
                ranks.insert(segment.rank, rank);
            }
            segment.rank = rank;
        }
        let rank = |rank: u32| ranks.get(&rank).copied().unwrap_or(rank);
        let number =
            |origin: u64| u64::from(rank((origin >> 32) as u32)) << 32 | origin & u64::from(u32::MAX);
        self.series.values_mut().for_each(|series| series.renumber(number));
        self.shapes.values_mut().for_each(|shape| shape.renumber(rank));
    }
}
