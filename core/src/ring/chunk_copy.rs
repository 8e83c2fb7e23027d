//! Copies of chunks, and the decision which of their observations were valid throughout.
//!
//! A chunk records the last two laps that entered it, and each slot holds an observation of one of
//! them. An observation in a copy is valid if its index was published before the copy, and if the
//! ring, read again after the copy, shows that its slot was not yet being overwritten.

use std::ops::Range;

use super::{
    lane_header::LaneHeader,
    ring_snapshot::{RingReadError, RingSnapshot},
};
use crate::{
    format::{
        layout::{CHUNK_SLOTS, Chunk, LINE_WORDS, table_lines},
        source::SegmentSource,
    },
    sum::{ExactSum, LIMIT},
};

/// Words of a chunk before its slots.
pub(super) const RECORD_WORDS: usize = LINE_WORDS;
const CHUNK_WORDS: usize = RECORD_WORDS + 2 * CHUNK_SLOTS as usize;
const _: () = assert!(cfg!(ictus_loom) || CHUNK_WORDS * 8 == size_of::<Chunk>());

/// Copies of chunks of one ring.
#[derive(Debug)]
pub(crate) struct ChunkCopies {
    full: u64,
    /// Whether a ring that may still grow is copied without reading the records again.
    reads_once: bool,
    chunks: Vec<ChunkCopy>,
}

/// The copy of a chunk's words.
#[derive(Debug)]
struct ChunkCopy {
    index: u64,
    line: u64,
    words: Box<[u64; CHUNK_WORDS]>,
    laps: WrapCounts,
    /// The chunk's laps, if they were read again after the copy.
    reread: Option<WrapCounts>,
    /// The indices of valid observations, of the older lap and of the newer one.
    valid: [Range<u64>; 2],
}

/// The laps that a chunk's records name, older first.
type WrapCounts = [Option<WrapCount>; 2];

/// A lap of the ring through a chunk.
#[derive(Clone, Copy, Debug)]
struct WrapCount {
    /// The index of the observation in the first slot.
    first: u64,
    /// The sum of all observations before it.
    sum: ExactSum,
}

impl ChunkCopies {
    pub(crate) fn of(full: u64) -> ChunkCopies {
        ChunkCopies { full, reads_once: false, chunks: Vec::new() }
    }

    /// Returns copies that are taken with one read of each chunk. In a ring that lacked memory, more
    /// observations may seem overwritten than are.
    pub(crate) fn read_once(full: u64) -> ChunkCopies {
        ChunkCopies { reads_once: true, ..ChunkCopies::of(full) }
    }

    /// Copies all chunks, or the chunks from index `from` up to the one that holds the newest
    /// observation.
    pub(crate) fn take_copies(
        &mut self,
        source: &impl SegmentSource,
        lane: LaneHeader,
        from: Option<u64>,
    ) -> Result<(), RingReadError> {
        let mut table = vec![0; table_lines(self.full) as usize * LINE_WORDS];
        source.read(lane.table, &mut table)?;
        for step in 0..lane.chunks {
            let index = from.unwrap_or(0).wrapping_add(step) % lane.chunks;
            let holds_newest = self.take_chunk(source, lane, index, table[index as usize])?;
            if from.is_some() && holds_newest {
                break;
            }
        }
        Ok(())
    }

    /// Copies the chunk at a line. Returns whether it seems to hold the newest observation.
    fn take_chunk(
        &mut self,
        source: &impl SegmentSource,
        lane: LaneHeader,
        index: u64,
        line: u64,
    ) -> Result<bool, RingReadError> {
        let mut words = Box::new([0; CHUNK_WORDS]);
        source.read(line, &mut *words)?;
        let laps = laps(&words[..RECORD_WORDS])?;
        let again = if lane.chunks < self.full && !self.reads_once {
            // "enter": a ring that may still grow, or wraps too early, enters a chunk at any time.
            // Its records are read again before the head, so that slots that were overwritten are
            // old at that head.
            let mut records = [0; RECORD_WORDS];
            source.read(line, &mut records)?;
            Some(self::laps(&records)?)
        } else {
            None
        };
        self.chunks.push(ChunkCopy { index, line, words, laps, reread: again, valid: [0..0, 0..0] });
        let holds = |lap: WrapCount| (lap.first + 1..=lap.first + CHUNK_SLOTS).contains(&lane.head);
        Ok(laps.into_iter().flatten().any(holds))
    }

    /// Determines which observations were valid throughout, given the head that was read after the
    /// copies.
    pub(crate) fn validate(&mut self, lane: LaneHeader, after: LaneHeader) {
        // A ring uses all of its chunks in turn, and never has fewer than before. So it enters a chunk
        // again after this many observations at the earliest, also if it grows in the meantime.
        let chunks = if self.reads_once { lane.chunks.min(self.full) } else { self.full };
        let slots = chunks * CHUNK_SLOTS;
        for chunk in &mut self.chunks {
            chunk.valid = chunk.validated(lane.head, after.head, slots);
        }
    }

    pub(crate) fn extend(&mut self, older: ChunkCopies) {
        self.chunks.extend(older.chunks);
    }

    /// Returns the index of the chunk that holds the newest observation.
    pub(crate) fn chunk_index_of(&self, head: u64) -> Option<u64> {
        self.newest(head).map(|chunk| chunk.index)
    }

    /// Returns the line of the chunk that holds the newest observation.
    pub(crate) fn line_of(&self, head: u64) -> Option<u64> {
        self.newest(head).map(|chunk| chunk.line)
    }

    fn newest(&self, head: u64) -> Option<&ChunkCopy> {
        let newest = head.checked_sub(1)?;
        let holds = |chunk: &&ChunkCopy| chunk.valid.iter().any(|valid| valid.contains(&newest));
        self.chunks.iter().find(holds)
    }

    /// Returns the newest observations below a head without a gap, and the sum of all. Returns
    /// `None` if the copies lack the newest observation or a part of the sum.
    pub(crate) fn to_snapshot(&self, head: u64, window: u32) -> Result<Option<RingSnapshot>, RingReadError> {
        if head == 0 {
            return Ok(Some(RingSnapshot::default()));
        }
        if self.chunk_index_of(head).is_none() {
            return Ok(None);
        }
        // At most a window and the observations that buckets may lack. One more than the copied
        // slots, so that missing observations leave a gap.
        let max = (u64::from(window) + CHUNK_SLOTS).min(self.chunks.len() as u64 * CHUNK_SLOTS + 1);
        let wanted = head.min(max) as usize;
        let lowest = head - wanted as u64;
        let mut newest = vec![(0, 0.0); wanted];
        for chunk in &self.chunks {
            for valid in &chunk.valid {
                let valid = valid.start.max(lowest)..valid.end.min(head);
                if !valid.is_empty() {
                    chunk.copy(&valid, &mut newest[(valid.start - lowest) as usize..])?;
                }
            }
        }
        // No observation has the timestamp 0.
        let gap = newest.iter().rposition(|&(stamp, _)| stamp == 0).map_or(0, |at| at + 1);
        newest.drain(..gap);
        if !newest.is_sorted_by_key(|&(stamp, _)| stamp) {
            return Err(RingReadError::Corrupt("the order of stamps"));
        }
        let sum = self.sum(head, &newest);
        Ok(sum.map(|sum| RingSnapshot { head, sum, newest }))
    }

    /// Returns the sum of all observations below a head: the sum before the newest chunk, and the
    /// chunk's values. If the writer has already entered the next chunk, that chunk's record
    /// contains the sum.
    fn sum(&self, head: u64, newest: &[(u64, f64)]) -> Option<ExactSum> {
        let before = |first| self.chunks.iter().find_map(|chunk| chunk.sum_up_to(first));
        if let Some(sum) = before(head) {
            return Some(sum);
        }
        let first = (head - 1) / CHUNK_SLOTS * CHUNK_SLOTS;
        let mut sum = before(first)?;
        let own = newest.len().checked_sub((head - first) as usize)?;
        newest[own..].iter().for_each(|&(_, value)| sum.add_value(value));
        Some(sum)
    }
}

fn laps(records: &[u64]) -> Result<WrapCounts, RingReadError> {
    let lap = |record: &[u64]| match record[0].checked_sub(1) {
        None => Ok(None),
        Some(first) if first % CHUNK_SLOTS == 0 && first <= u64::MAX / 2 => {
            Ok(Some(WrapCount { first, sum: ExactSum([record[1], record[2], record[3]]) }))
        }
        Some(_) => Err(RingReadError::Corrupt("the index at which a chunk was entered")),
    };
    let (one, other) = records.split_at(RECORD_WORDS / 2);
    let (one, other) = (lap(one)?, lap(other)?);
    let in_order = one.map(|lap| lap.first) < other.map(|lap| lap.first);
    Ok(if in_order { [one, other] } else { [other, one] })
}

impl ChunkCopy {
    /// Returns the indices of the older and of the newer lap that were published before the copy,
    /// at `head`, and not overwritten until after it, at `after`.
    fn validated(&self, head: u64, after: u64, slots: u64) -> [Range<u64>; 2] {
        let [older, Some(newer)] = self.laps else { return [0..0, 0..0] };
        let later = match self.reread {
            // The ring returns to the chunk after this many observations.
            None => Some(newer.first + slots).filter(|&first| first <= after),
            Some([_, Some(newest)]) if newest.first == newer.first => None,
            Some([Some(older), Some(newest)]) if older.first == newer.first => Some(newest.first),
            Some(_) => return [0..0, 0..0],
        };
        // "reuse": at `after`, this many slots of a lap had been written or were being written.
        let written = |first: u64| (after + 1).saturating_sub(first).min(CHUNK_SLOTS);
        let valid = |lap: WrapCount, written: u64| lap.first + written..(lap.first + CHUNK_SLOTS).min(head);
        match later {
            Some(later) => [0..0, valid(newer, written(later))],
            None => [older.map_or(0..0, |older| valid(older, written(newer.first))), valid(newer, 0)],
        }
    }

    /// Returns the sum of all observations before an index at which a lap entered the chunk.
    fn sum_up_to(&self, first: u64) -> Option<ExactSum> {
        let of = |laps: WrapCounts| laps.into_iter().flatten().find(|lap| lap.first == first);
        let copied = of(self.laps)?;
        match self.reread {
            // The copy showed the record before the fence that precedes the second read, so it is
            // complete here.
            Some(again) => of(again).map(|lap| lap.sum),
            // The record is complete, because an observation of its lap had been published before
            // the copy.
            None => self.valid.iter().any(|valid| valid.contains(&first)).then_some(copied.sum),
        }
    }

    /// Copies observations that are valid.
    fn copy(&self, valid: &Range<u64>, into: &mut [(u64, f64)]) -> Result<(), RingReadError> {
        let first = RECORD_WORDS + 2 * (valid.start % CHUNK_SLOTS) as usize;
        let last = first + 2 * (valid.end - valid.start) as usize;
        observations(&self.words[first..last], into)
    }
}

/// Decodes the words of slots as timestamps and values.
pub(super) fn observations(slots: &[u64], into: &mut [(u64, f64)]) -> Result<(), RingReadError> {
    let mut sound = true;
    for (to, slot) in into.iter_mut().zip(slots.chunks_exact(2)) {
        // Bits of numbers that are not negative order as the numbers do.
        sound &= slot[0] < LIMIT.to_bits();
        *to = (slot[1], f64::from_bits(slot[0]));
    }
    if sound { Ok(()) } else { Err(RingReadError::Corrupt("an observation's value")) }
}
