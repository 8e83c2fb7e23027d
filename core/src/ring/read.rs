//! The reader's side of a ring: copies, looks again, and keeps what was valid throughout.

use std::io;

use crate::{
    segment::{
        layout::{CHUNK_SLOTS, Chunk, LINE_WORDS, full_ring, table_lines},
        source::Words,
    },
    sum::{Exact, LIMIT},
};

/// A lane's head, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneHead {
    pub(crate) head: u64,
    pub(crate) series: u64,
    pub(crate) table: u64,
    pub(crate) chunks: u64,
}

/// What a timer's lane held at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Observations so far.
    pub(crate) head: u64,
    /// Their exact sum.
    pub(crate) sum: Exact,
    /// The newest of them, at most a window, as (stamp, value), oldest first.
    pub(crate) newest: Vec<(u64, f64)>,
}

/// Why a lane was not read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The segment ended before it should.
    Source(io::Error),
    /// The words cannot be what a writer wrote.
    Corrupt(&'static str),
    /// The writer was faster than every attempt.
    Overrun,
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Unreadable {
        Unreadable::Source(error)
    }
}

/// Words of a chunk before its slots.
const RECORD_WORDS: usize = LINE_WORDS;
const CHUNK_WORDS: usize = RECORD_WORDS + 2 * CHUNK_SLOTS as usize;
const _: () = assert!(cfg!(ictus_loom) || CHUNK_WORDS * 8 == size_of::<Chunk>());
/// A writer that laps a reader this often in a row is no worker.
const ATTEMPTS: usize = if cfg!(ictus_loom) { 2 } else { 64 };

impl LaneHead {
    /// The lane at a line.
    pub(crate) fn read(source: &impl Words, line: u64) -> io::Result<LaneHead> {
        let mut words = [0; LINE_WORDS];
        source.read(line, &mut words)?;
        Ok(LaneHead::of(&words))
    }

    /// The line of the lane's buckets, which follow the table of a ring for that window.
    pub(crate) fn buckets(&self, window: u32) -> u64 {
        self.table.saturating_add(table_lines(full_ring(window)))
    }

    /// The lane in those words.
    pub(crate) fn of(words: &[u64]) -> LaneHead {
        LaneHead { head: words[0], series: words[1], table: words[2], chunks: words[3] }
    }

    /// The same, where it can be that of a ring which was at `earlier` before.
    fn of_ring(self, full: u64, earlier: u64) -> Result<LaneHead, Unreadable> {
        let heads = earlier..=u64::MAX / 2;
        if !heads.contains(&self.head) || self.chunks == 0 || self.chunks > full {
            return Err(Unreadable::Corrupt("a lane's head or number of chunks"));
        }
        Ok(self)
    }
}

/// Reads a timer's lane: exact count, sum and newest observations at one instant of the call.
pub(crate) fn read(source: &impl Words, line: u64, window: u32) -> Result<Reading, Unreadable> {
    for _ in 0..ATTEMPTS {
        let lane = LaneHead::read(source, line)?;
        if let Some(reading) = attempt(source, line, lane, window)? {
            return Ok(reading);
        }
    }
    Err(Unreadable::Overrun)
}

/// Copies the ring, then what arrived meanwhile: exact at the head seen between the two. `None`
/// where the writer went round the ring in the meantime.
fn attempt(
    source: &impl Words,
    line: u64,
    lane: LaneHead,
    window: u32,
) -> Result<Option<Reading>, Unreadable> {
    let full = full_ring(window);
    let lane = lane.of_ring(full, 0)?;
    let mut copies = Copies::default();
    copies.take(source, lane, full, None)?;
    let between = LaneHead::read(source, line)?.of_ring(full, lane.head)?;
    copies.keep_valid(lane, between, full);
    let Some(place) = copies.place_of(lane.head) else { return Ok(lapped(lane, between)) };
    if between.head != lane.head {
        let kept = std::mem::take(&mut copies);
        copies.take(source, between, full, Some(place))?;
        let after = LaneHead::read(source, line)?.of_ring(full, between.head)?;
        copies.keep_valid(between, after, full);
        copies.chunks.extend(kept.chunks);
    }
    copies.assemble(lane, between, window)
}

/// An empty ring has no chunk to be found; any other was lapped.
fn lapped(lane: LaneHead, between: LaneHead) -> Option<Reading> {
    (lane.head == 0 && between.head == 0).then(Reading::default)
}

/// Copied chunks.
#[derive(Default)]
struct Copies {
    chunks: Vec<Copied>,
}

/// A chunk's words, and which of the observations in it are known to be whole.
struct Copied {
    place: u64,
    words: Box<[u64; CHUNK_WORDS]>,
    /// Indices that were published before the copy and not overwritten after it, of the chunk's
    /// own lap.
    valid: std::ops::Range<u64>,
    /// The same of the lap before.
    before: std::ops::Range<u64>,
}

impl Copies {
    /// Copies all chunks, or those from a place on up to the one that holds the newest observation.
    fn take(
        &mut self,
        source: &impl Words,
        lane: LaneHead,
        full: u64,
        from: Option<u64>,
    ) -> Result<(), Unreadable> {
        let mut table = vec![0; table_lines(full) as usize * LINE_WORDS];
        source.read(lane.table, &mut table)?;
        for step in 0..lane.chunks {
            let place = (from.unwrap_or(0) + step) % lane.chunks;
            let line = table[place as usize];
            let mut words = Box::new([0; CHUNK_WORDS]);
            source.read(line, &mut *words)?;
            let base = words[0];
            if base % CHUNK_SLOTS != 0 {
                return Err(Unreadable::Corrupt("a chunk's base"));
            }
            let mut again = [base; 1];
            if lane.chunks < full {
                // "enter": in a ring that may still grow, or wraps too early, an unchanged base
                // says that the chunk was not reused. Looked at before the head, so that what was
                // reused is old at that head.
                source.read(line, &mut again)?;
            }
            let end = base.saturating_add(CHUNK_SLOTS).min(lane.head);
            let valid = if again[0] == base { base..end } else { base..base };
            self.chunks.push(Copied { place, words, valid, before: 0..0 });
            if from.is_some() && base < lane.head && lane.head - base <= CHUNK_SLOTS {
                break;
            }
        }
        Ok(())
    }

    /// Decides, by a second look at the head, what of the copies of a full ring was valid all along.
    fn keep_valid(&mut self, lane: LaneHead, again: LaneHead, full: u64) {
        if lane.chunks < full {
            return;
        }
        let slots = full * CHUNK_SLOTS;
        // "reuse": the slot of index i is reused by i + slots, at the earliest when the head is
        // that; a head below it says that the copy is of i.
        let oldest = (again.head + 1).saturating_sub(slots);
        for chunk in &mut self.chunks {
            let base = chunk.words[0];
            let end = base.saturating_add(CHUNK_SLOTS);
            chunk.valid.start = base.max(oldest);
            // Slots that the chunk's own lap had not reached by the second look.
            let reached = base.max(again.head + 1);
            chunk.before = reached.saturating_sub(slots)..end.saturating_sub(slots);
        }
    }

    /// Where the chunk of the newest observation stands.
    fn place_of(&self, head: u64) -> Option<u64> {
        let newest = head.checked_sub(1)?;
        self.chunks.iter().find(|chunk| chunk.valid.contains(&newest)).map(|chunk| chunk.place)
    }

    /// The newest observations below the head `between`, and the sum of all. Those that `lane` did
    /// not have yet come from the second copy.
    fn assemble(
        &self,
        lane: LaneHead,
        between: LaneHead,
        window: u32,
    ) -> Result<Option<Reading>, Unreadable> {
        let head = between.head;
        // One more than was copied: what is not there must leave a gap.
        let copied = self.chunks.len() as u64 * CHUNK_SLOTS + 1;
        let wanted = head.min(u64::from(window).max(CHUNK_SLOTS)).min(copied) as usize;
        let lowest = head - wanted as u64;
        let mut newest = vec![None; wanted];
        for chunk in &self.chunks {
            for index in chunk.valid.clone().chain(chunk.before.clone()) {
                if (lowest..head).contains(&index)
                    && let Some(observation) = chunk.slot(index)?
                {
                    newest[(index - lowest) as usize] = Some(observation);
                }
            }
        }
        let gap = newest.iter().rposition(Option::is_none).map_or(0, |at| at + 1);
        // A hole in what arrived meanwhile: lapped. Below that, a ring that could not grow to its
        // window just does not hold it any more; but one that grew meanwhile may.
        if lowest + gap as u64 > lane.head || (gap > 0 && lane.chunks != between.chunks) {
            return Ok(None);
        }
        let newest: Vec<(u64, f64)> = newest.into_iter().skip(gap).flatten().collect();
        if newest.windows(2).any(|pair| pair[0].0 > pair[1].0) {
            return Err(Unreadable::Corrupt("the order of stamps"));
        }
        let Some(sum) = self.sum(head, &newest) else { return Ok(None) };
        let surplus = newest.len().saturating_sub(window as usize);
        Ok(Some(Reading { head, sum, newest: newest[surplus..].to_vec() }))
    }

    /// The sum of all observations below a head: what the newest chunk notes, and its own.
    fn sum(&self, head: u64, newest: &[(u64, f64)]) -> Option<Exact> {
        let base = (head - 1) / CHUNK_SLOTS * CHUNK_SLOTS;
        let chunk = self.chunks.iter().find(|chunk| chunk.valid.contains(&base))?;
        let mut sum = Exact([chunk.words[1], chunk.words[2], chunk.words[3]]);
        let own = newest.len().checked_sub((head - base) as usize)?;
        newest[own..].iter().for_each(|&(_, value)| sum.add_value(value));
        Some(sum)
    }
}

impl Copied {
    /// The observation of that index; none where its slot was never written: the last chunk of a
    /// ring that grew late was not there in the lap before.
    fn slot(&self, index: u64) -> Result<Option<(u64, f64)>, Unreadable> {
        let at = RECORD_WORDS + 2 * (index % CHUNK_SLOTS) as usize;
        let (value, stamp) = (f64::from_bits(self.words[at]), self.words[at + 1]);
        if !(0.0..LIMIT).contains(&value) {
            return Err(Unreadable::Corrupt("an observation's value"));
        }
        Ok((stamp != 0).then_some((stamp, value)))
    }
}
