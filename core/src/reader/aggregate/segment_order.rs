//! The order of segments, which is also the order of their lanes.

use std::collections::HashMap;

use super::{Aggregator, LaneOrigin, SegmentEntry};

/// The key by which segments rank: segments of a directory first, then segments in memory alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentKey {
    pub(crate) in_memory: bool,
    pub(crate) created: u64,
    pub(crate) id: u64,
}

/// The first rank of segments in memory. Segments of a directory have smaller ranks.
const FIRST_LOCAL_RANK: u32 = 1 << 31;
const LAST: u32 = u32::MAX;

impl Aggregator {
    /// Adds a segment, and assigns its rank. Each new segment normally gets the next rank. All
    /// segments get new ranks only if an older one appears late, or if the ranks run out.
    pub(crate) fn insert_segment(&mut self, key: SegmentKey) {
        let alike = |other: &&SegmentKey| other.in_memory == key.in_memory;
        let previous = self.segments.range(..key).next_back().filter(|(other, _)| alike(other));
        let is_last = self.segments.range(key..).next().is_none_or(|(other, _)| !alike(&other));
        let first = if key.in_memory { FIRST_LOCAL_RANK } else { 1 };
        let rank = previous.map_or(first, |(_, segment)| segment.rank + 1);
        self.segments.insert(key, SegmentEntry { rank, ..SegmentEntry::default() });
        if !is_last || rank == LAST || rank == FIRST_LOCAL_RANK - 1 {
            self.renumber(key);
        }
    }

    /// Assigns new ranks in the same order to all segments, after `new` was inserted between
    /// others.
    fn renumber(&mut self, new: SegmentKey) {
        #[cfg(test)]
        tests::RENUMBERED.set(tests::RENUMBERED.get() + 1);
        let mut ranks = HashMap::new();
        let (mut in_directory, mut in_memory) = (1.., FIRST_LOCAL_RANK..);
        for (key, segment) in &mut self.segments {
            let next = if key.in_memory { in_memory.next() } else { in_directory.next() };
            let rank = next.unwrap_or(LAST);
            if *key != new {
                ranks.insert(segment.rank, rank);
            }
            segment.rank = rank;
        }
        let rank = |rank: u32| ranks.get(&rank).copied().unwrap_or(rank);
        let number = |origin: LaneOrigin| origin.with_rank(rank(origin.rank()));
        self.series.values_mut().for_each(|series| series.renumber(number));
        self.shapes.values_mut().for_each(|shape| shape.renumber(rank));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Aggregator, FIRST_LOCAL_RANK, LAST, SegmentKey};
    use crate::{Reader, Registry};

    thread_local! {
        /// The number of times that this thread renumbered all ranks.
        pub(crate) static RENUMBERED: Cell<usize> = const { Cell::new(0) };
    }

    /// A renumbering touches every series of every segment. With one renumbering per segment, a first
    /// scrape would be quadratic.
    #[test]
    fn first_snapshot_of_many_segments_renumbers_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let registries: Vec<_> = (0..40)
            .map(|_| {
                let registry = Registry::open(directory.path()).unwrap();
                registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
                registry
            })
            .collect();
        let mut reader = Reader::new(directory.path());
        RENUMBERED.set(0);
        let snapshot = reader.snapshot().unwrap();
        assert_eq!(snapshot.health.live_segments, 40);
        assert_eq!(RENUMBERED.get(), 0);
        drop(registries);
    }

    fn ranks(merged: &Aggregator) -> Vec<(u64, u32)> {
        merged.segments.iter().map(|(key, segment)| (key.created, segment.rank)).collect()
    }

    #[test]
    fn ranks_follow_the_age_of_segments_in_any_order_of_reading() {
        for (in_memory, first, last) in [(false, 1, FIRST_LOCAL_RANK - 1), (true, FIRST_LOCAL_RANK, LAST)] {
            let key = |created| SegmentKey { in_memory, created, id: 7 };
            let mut merged = Aggregator::default();
            // A segment of the other kind exists, too.
            let other = SegmentKey { in_memory: !in_memory, created: 0, id: 1 };
            merged.insert_segment(other);
            let other_rank = merged.segments[&other].rank;
            for created in [10, 20, 30] {
                merged.insert_segment(key(created));
            }
            merged.segments.remove(&key(20));
            let mut expected = vec![(10, first), (30, first + 2)];
            let check = |merged: &Aggregator, expected: &[(u64, u32)]| {
                let mut seen = ranks(merged);
                seen.retain(|&(created, _)| created != 0);
                assert_eq!(seen, expected);
                assert_eq!(merged.segments[&other].rank, other_rank);
            };
            check(&merged, &expected);
            // The newest segment gets the next rank. One in between causes a renumbering.
            merged.insert_segment(key(40));
            expected.push((40, first + 3));
            check(&merged, &expected);
            merged.insert_segment(key(25));
            check(&merged, &[(10, first), (25, first + 1), (30, first + 2), (40, first + 3)]);
            // A renumbering also follows if the ranks run out.
            merged.segments.get_mut(&key(40)).unwrap().rank = last - 1;
            merged.insert_segment(key(50));
            check(
                &merged,
                &[(10, first), (25, first + 1), (30, first + 2), (40, first + 3), (50, first + 4)],
            );
        }
    }
}
