//! Readings while a writer runs. The test decides before which read of the source it writes, and
//! how much.

use std::cell::Cell;

use super::{
    Arc, CHUNK_SLOTS, ExactSum, LINE_WORDS, LimitedAllocator, Ring, Segment, linked_lane, ring_chunks, stamp,
    value,
};
use crate::{
    ring::{RingSnapshot, read},
    segment::instrumented_source::InstrumentedSource,
};

/// A lane's writer.
struct Writer<'a> {
    segment: &'a Arc<Segment>,
    line: u64,
    window: u32,
    ring: Ring,
    supply: LimitedAllocator<'a>,
    pushed: Cell<u64>,
}

impl Writer<'_> {
    fn new(segment: &Arc<Segment>, window: u32) -> Writer<'_> {
        let (_, line, ring, supply) = linked_lane(segment, window);
        Writer { segment, line, window, ring, supply, pushed: Cell::new(0) }
    }

    fn push(&self, observations: u64) {
        for index in self.pushed.get()..self.pushed.get() + observations {
            assert!(self.ring.push(value(index), stamp(index), &self.supply));
            self.pushed.set(index + 1);
        }
    }

    /// Returns a reading, its number of reads of the source, and the number of words. Before the
    /// n-th read, `arrive(n)` observations are pushed. Checks that the reading matches the ring at
    /// one time of the call.
    fn read(&self, since: u64, arrive: impl Fn(usize) -> u64) -> (RingSnapshot, usize, usize) {
        let watched = InstrumentedSource::new(Arc::clone(self.segment));
        watched.on_read(|look| self.push(arrive(look)));
        let pushed = self.pushed.get();
        let reading = read(&watched, self.line, self.window, since).unwrap();
        assert!((pushed..=self.pushed.get()).contains(&reading.head), "a head of another time");
        assert_eq!(reading.sum, ExactSum::from_values((0..reading.head).map(value)));
        let first = reading.head - reading.newest.len() as u64;
        let all = (first..reading.head).map(|index| (stamp(index), value(index)));
        assert!(reading.newest.iter().copied().eq(all));
        let least = (reading.head - since).min(u64::from(self.window));
        assert!(reading.newest.len() as u64 >= least, "{} of {least}", reading.newest.len());
        (reading, watched.read_count(), watched.words())
    }
}

#[test]
fn cached_chunks_are_not_copied_again() {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let writer = Writer::new(&segment, 1000);
    let full = ring_chunks(1000);
    // Reads of the head, before and after, and of the table.
    let looks = 2 * LINE_WORDS + (full as usize).next_multiple_of(LINE_WORDS);
    let ring = full * CHUNK_SLOTS;
    for head in [1, 64, 65, 500, ring - 1, ring, ring + 1, 5000, 50_000, 50_010] {
        writer.push(head - writer.pushed.get());
        let (_, _, whole) = writer.read(0, |_| 0);
        // The records are read a second time as long as the ring grows.
        let records = if head.div_ceil(CHUNK_SLOTS) < full { 2 } else { 1 };
        let chunk = records * LINE_WORDS + 2 * CHUNK_SLOTS as usize;
        assert_eq!(whole, looks + chunk * full.min(head.div_ceil(CHUNK_SLOTS)) as usize, "{head}");
        for behind in [0, 1, 63, 64, 300, 900, ring - CHUNK_SLOTS - 1, ring - CHUNK_SLOTS, ring, 2 * ring] {
            let Some(since) = head.checked_sub(behind).filter(|&since| since > 0) else { continue };
            let (_, _, words) = writer.read(since, |_| 0);
            // The chunks from the last one of the earlier reading, with one read of each.
            let new = ((head - 1) / CHUNK_SLOTS - (since - 1) / CHUNK_SLOTS + 1) as usize;
            let once = LINE_WORDS + 2 * CHUNK_SLOTS as usize;
            let followed = looks + once * new;
            let least = match head {
                _ if behind >= ring - CHUNK_SLOTS => whole,
                // The next observation may overwrite the first one of the only chunk, so that
                // everything is read after all.
                CHUNK_SLOTS => followed + whole - LINE_WORDS,
                _ => followed,
            };
            assert_eq!(words, least, "{head}, {behind} behind");
        }
    }
}

/// Any number of observations arrives before any of a reader's reads.
#[test]
fn reading_is_consistent_under_concurrent_writes() {
    for window in [40, 300] {
        let ring = ring_chunks(window) * CHUNK_SLOTS;
        for pushed in [0, 30, 64, u64::from(window), ring - 1, ring + 40, 5 * ring + 64] {
            for (when, burst) in
                (0..9).flat_map(|when| [1, 34, 64, 100, ring, ring + 70].map(|burst| (when, burst)))
            {
                let segment = Arc::new(Segment::anonymous().unwrap());
                let writer = Writer::new(&segment, window);
                writer.push(pushed);
                for since in [0, pushed / 2, pushed] {
                    writer.read(since, |look| if look == when { burst } else { 0 });
                }
            }
        }
    }
}

/// A writer that never pauses is read at the first attempt, as long as a reader has enough time for
/// the ring: in a growing ring and in a full one.
#[test]
fn busy_writer_is_read_without_waiting() {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let writer = Writer::new(&segment, 1000);
    writer.push(1);
    while writer.pushed.get() < 5000 {
        let (RingSnapshot { head, .. }, looks, _) = writer.read(0, |_| 1);
        // Heads and tables, before and for observations that arrived in the meantime; chunks, twice
        // while the ring grows.
        let chunks = head.div_ceil(CHUNK_SLOTS).min(ring_chunks(1000)) as usize;
        assert!(looks <= 2 * (chunks + 3) + 5, "{looks} looks at {head}");
    }
}
