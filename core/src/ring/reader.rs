//! The reader's side of a ring: copies, looks again, and keeps what was valid throughout.

use std::io;

use super::chunk_copy::ChunkCopies;
use crate::{
    format::{
        layout::{CHUNK_SLOTS, LINE_WORDS, full_ring, table_lines},
        source::SegmentSource,
    },
    sum::ExactSum,
};

/// A lane's head, as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneHeader {
    pub(crate) head: u64,
    pub(crate) series: u64,
    pub(crate) table: u64,
    pub(crate) chunks: u64,
    pub(crate) exemplars: u64,
    pub(crate) exemplified: u64,
}

/// What a timer's lane held at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RingSnapshot {
    /// Observations so far.
    pub(crate) head: u64,
    /// Their exact sum.
    pub(crate) sum: ExactSum,
    /// The newest of them as (stamp, value), oldest first, up to the head without a gap: a window, or
    /// what the ring holds of it, and some more; at least all that are newer than what had been read,
    /// if those are fewer.
    pub(crate) newest: Vec<(u64, f64)>,
}

/// Why a lane was not read.
#[derive(Debug)]
pub(crate) enum RingReadError {
    /// The segment ended before it should.
    Source(io::Error),
    /// The words cannot be what a writer wrote.
    Corrupt(&'static str),
    /// The writer was faster than every attempt.
    Overrun,
}

impl From<io::Error> for RingReadError {
    fn from(error: io::Error) -> RingReadError {
        RingReadError::Source(error)
    }
}

/// A writer that laps a reader this often in a row is no worker.
const MAX_ATTEMPTS: usize = if cfg!(ictus_loom) { 2 } else { 64 };
/// Attempts at a ring whose head does not move: it lacks its newest observation, and will not have it.
const ATTEMPTS_AT_REST: usize = 8;

impl LaneHeader {
    /// The lane at a line.
    pub(crate) fn read(source: &impl SegmentSource, line: u64) -> io::Result<LaneHeader> {
        let mut words = [0; LINE_WORDS];
        source.read(line, &mut words)?;
        Ok(LaneHeader::of(&words))
    }

    /// The line of the lane's buckets, which follow the table of a ring for that window.
    pub(crate) fn buckets(&self, window: u32) -> u64 {
        self.table.saturating_add(table_lines(full_ring(window)))
    }

    /// The lane in those words.
    pub(crate) fn of(words: &[u64]) -> LaneHeader {
        let &[head, series, table, chunks, exemplars, exemplified, ..] = words else {
            return LaneHeader::default();
        };
        LaneHeader { head, series, table, chunks, exemplars, exemplified }
    }

    /// The same, where it can be that of a ring which was at `earlier` before.
    fn of_ring(self, full: u64, earlier: u64) -> Result<LaneHeader, RingReadError> {
        let heads = earlier..=u64::MAX / 2;
        if !heads.contains(&self.head) || self.chunks == 0 || self.chunks > full {
            return Err(RingReadError::Corrupt("a lane's head or number of chunks"));
        }
        Ok(self)
    }
}

impl RingSnapshot {
    /// Whether it has a whole window.
    fn is_whole(&self, window: u32) -> bool {
        self.newest.len() as u64 >= self.head.min(u64::from(window))
    }

    /// The values of the observations from that index on; none where the reading lacks one.
    pub(crate) fn since(&self, index: u64) -> Option<impl Iterator<Item = f64>> {
        let wanted = usize::try_from(self.head.checked_sub(index)?).ok()?;
        let first = self.newest.len().checked_sub(wanted)?;
        Some(self.newest[first..].iter().map(|&(_, value)| value))
    }
}

/// Reads a timer's lane: exact count, sum and newest observations at one instant of the call. What
/// had been read before, when the head was `since`, is left out where that saves copying.
pub(crate) fn read(
    source: &impl SegmentSource,
    line: u64,
    window: u32,
    since: u64,
) -> Result<RingSnapshot, RingReadError> {
    let ring = RingSource { source, line, full: full_ring(window), window };
    let mut lane = ring.look(since)?;
    if since > 0
        && lane.head - since < (ring.full - 1) * CHUNK_SLOTS
        && let Some(reading) = ring.follow(lane, since)?
    {
        return Ok(reading);
    }
    let mut at_rest = 0;
    for _ in 0..MAX_ATTEMPTS {
        if let Some(reading) = ring.whole(lane)? {
            return Ok(reading);
        }
        let next = ring.look(lane.head)?;
        at_rest = if next == lane { at_rest + 1 } else { 0 };
        if at_rest == ATTEMPTS_AT_REST {
            break;
        }
        lane = next;
    }
    Err(RingReadError::Overrun)
}

/// A ring that is being read.
struct RingSource<'a, W> {
    source: &'a W,
    line: u64,
    full: u64,
    window: u32,
}

impl<W: SegmentSource> RingSource<'_, W> {
    fn look(&self, earlier: u64) -> Result<LaneHeader, RingReadError> {
        LaneHeader::read(self.source, self.line)?.of_ring(self.full, earlier)
    }

    /// Copies what arrived since then: exact at `lane`. None where it is not all there any more, or not
    /// where it is in a ring that never was short of memory.
    fn follow(&self, lane: LaneHeader, since: u64) -> Result<Option<RingSnapshot>, RingReadError> {
        let mut copies = ChunkCopies::of(self.full);
        copies.take(self.source, lane, Some((since - 1) / CHUNK_SLOTS))?;
        copies.settle(lane, self.look(lane.head)?);
        let reading = copies.assemble(lane.head, self.window)?;
        Ok(reading.filter(|reading| reading.since(since).is_some()))
    }

    /// Copies the ring, then what arrived meanwhile: exact at the head seen between the two. None
    /// where the writer went round the ring in the meantime.
    fn whole(&self, lane: LaneHeader) -> Result<Option<RingSnapshot>, RingReadError> {
        let mut copies = ChunkCopies::of(self.full);
        copies.take(self.source, lane, None)?;
        let between = self.look(lane.head)?;
        copies.settle(lane, between);
        // The words of a look may be of several moments: with the number of chunks of an older one, not all
        // were copied.
        if between.head == lane.head && between.chunks == lane.chunks {
            return copies.assemble(lane.head, self.window);
        }
        let Some(place) = copies.place_of(lane.head) else { return Ok(None) };
        let mut arrived = ChunkCopies::of(self.full);
        arrived.take(self.source, between, Some(place))?;
        arrived.settle(between, self.look(between.head)?);
        arrived.extend(copies);
        let reading = arrived.assemble(between.head, self.window)?;
        // A hole in what arrived meanwhile: lapped. Below that, a ring that could not grow to its window
        // just does not hold it any more; but one that grew meanwhile may.
        Ok(reading.filter(|reading| {
            let gap = between.head - reading.newest.len() as u64;
            gap <= lane.head && (reading.is_whole(self.window) || lane.chunks == between.chunks)
        }))
    }
}
