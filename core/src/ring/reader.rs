//! The reader of a ring: it copies chunks, reads their records and the head again, and keeps
//! observations that were valid throughout.

use std::io;

use super::chunk_copy::ChunkCopies;
use crate::{
    format::{
        layout::{CHUNK_SLOTS, LINE_WORDS, ring_chunks, table_lines},
        series_word::SeriesWord,
        source::SegmentSource,
    },
    sum::ExactSum,
};

/// The words of a lane's head, as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneHeader {
    pub(crate) head: u64,
    pub(crate) series: SeriesWord,
    pub(crate) table: u64,
    pub(crate) chunks: u64,
    pub(crate) exemplars: u64,
    pub(crate) exemplified: u64,
}

/// The state of a timer's lane at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RingSnapshot {
    /// The number of observations.
    pub(crate) head: u64,
    /// Their exact sum.
    pub(crate) sum: ExactSum,
    /// The newest observations as (timestamp, value), oldest first, up to the head without a gap.
    /// They are the whole window, or the ring's part of it, and may be some more. If the caller
    /// named an earlier head, they are at least all newer observations, if those are fewer.
    pub(crate) newest: Vec<(u64, f64)>,
}

/// A reason why a lane could not be read.
#[derive(Debug)]
pub(crate) enum RingReadError {
    /// The segment ended before the expected words.
    Source(io::Error),
    /// No writer can have written these words.
    Corrupt(&'static str),
    /// The writer overtook the reader at every attempt.
    Overrun,
}

impl From<io::Error> for RingReadError {
    fn from(error: io::Error) -> RingReadError {
        RingReadError::Source(error)
    }
}

/// Maximum number of attempts. No real workload laps a reader so often in succession.
const MAX_ATTEMPTS: usize = if cfg!(ictus_loom) { 2 } else { 64 };
/// Attempts at a ring whose head does not move: its newest observation is missing and will not
/// appear.
const ATTEMPTS_AT_REST: usize = 8;

impl LaneHeader {
    /// Reads the lane at a line.
    pub(crate) fn read(source: &impl SegmentSource, line: u64) -> io::Result<LaneHeader> {
        let mut words = [0; LINE_WORDS];
        source.read(line, &mut words)?;
        Ok(LaneHeader::of(&words))
    }

    /// Returns the line of the lane's buckets, which follow the chunk table of a ring for that
    /// window.
    pub(crate) fn buckets(&self, window: u32) -> u64 {
        self.table.saturating_add(table_lines(ring_chunks(window)))
    }

    /// Decodes the lane in `words`.
    pub(crate) fn of(words: &[u64]) -> LaneHeader {
        let &[head, series, table, chunks, exemplars, exemplified, ..] = words else {
            return LaneHeader::default();
        };
        let series = SeriesWord::from_bits(series);
        LaneHeader { head, series, table, chunks, exemplars, exemplified }
    }

    /// Returns the lane if its head and chunks are possible for a ring whose head was `earlier`
    /// before.
    fn checked(self, full: u64, earlier: u64) -> Result<LaneHeader, RingReadError> {
        let heads = earlier..=u64::MAX / 2;
        if !heads.contains(&self.head) || self.chunks == 0 || self.chunks > full {
            return Err(RingReadError::Corrupt("a lane's head or number of chunks"));
        }
        Ok(self)
    }
}

impl RingSnapshot {
    /// Returns whether the snapshot has a whole window, or all observations if there are fewer.
    fn is_whole(&self, window: u32) -> bool {
        self.newest.len() as u64 >= self.head.min(u64::from(window))
    }

    /// Returns the values of the observations from `index`, or `None` if the snapshot lacks one of
    /// them.
    pub(crate) fn since(&self, index: u64) -> Option<impl Iterator<Item = f64>> {
        let wanted = usize::try_from(self.head.checked_sub(index)?).ok()?;
        let first = self.newest.len().checked_sub(wanted)?;
        Some(self.newest[first..].iter().map(|&(_, value)| value))
    }
}

/// Reads a timer's lane: exact count, sum and newest observations at one instant of the call.
/// Observations before `since`, the head of an earlier reading, are left out if that saves copying.
pub(crate) fn read(
    source: &impl SegmentSource,
    line: u64,
    window: u32,
    since: u64,
) -> Result<RingSnapshot, RingReadError> {
    let ring = RingSource { source, line, full: ring_chunks(window), window };
    let mut lane = ring.read_lane_header(since)?;
    if let Some(copied) = copy_since(source, lane, window, since, 0)?
        && let Some((reading, _)) = copied.settle(ring.read_lane_header(lane.head)?)?
    {
        return Ok(reading);
    }
    let mut at_rest = 0;
    for _ in 0..MAX_ATTEMPTS {
        if let Some(reading) = ring.read_all(lane)? {
            return Ok(reading);
        }
        let next = ring.read_lane_header(lane.head)?;
        at_rest = if next == lane { at_rest + 1 } else { 0 };
        if at_rest == ATTEMPTS_AT_REST {
            break;
        }
        lane = next;
    }
    Err(RingReadError::Overrun)
}

/// Copies of the observations since an earlier reading, before the lane is read again.
#[derive(Debug)]
pub(crate) struct NewObservations {
    copies: ChunkCopies,
    lane: LaneHeader,
    window: u32,
    since: u64,
}

/// Copies the observations of a lane since an earlier head. `lane` was read before, in the same life
/// of the lane.
///
/// `chunk` is the line of the chunk that held the newest observation then, if it is known, otherwise
/// 0. With it, one read suffices as long as all new observations are in the same chunk.
///
/// Returns `None` if some of the observations are no longer there.
pub(crate) fn copy_since(
    source: &impl SegmentSource,
    lane: LaneHeader,
    window: u32,
    since: u64,
    chunk: u64,
) -> Result<Option<NewObservations>, RingReadError> {
    let full = ring_chunks(window);
    let lane = lane.checked(full, since)?;
    if since == 0 || lane.head - since >= (full - 1) * CHUNK_SLOTS {
        return Ok(None);
    }
    let mut copies = ChunkCopies::read_once(full);
    // The position in a ring that never lacked memory.
    let first = (since - 1) / CHUNK_SLOTS;
    if chunk != 0 && (lane.head - 1) / CHUNK_SLOTS == first {
        copies.take_chunk(source, lane, first % lane.chunks, chunk)?;
    } else {
        copies.take_copies(source, lane, Some(first))?;
    }
    Ok(Some(NewObservations { copies, lane, window, since }))
}

impl NewObservations {
    /// Returns the reading, exact at the head of `lane` when the chunks were copied, and the line of
    /// the chunk that holds its newest observation. `after` is the lane, read after the copies.
    ///
    /// Returns `None` if some of the observations were overwritten in the meantime, or are not at
    /// the position that they have in a ring that never lacked memory.
    pub(crate) fn settle(mut self, after: LaneHeader) -> Result<Option<(RingSnapshot, u64)>, RingReadError> {
        let head = self.lane.head;
        self.copies.validate(self.lane, after.checked(ring_chunks(self.window), head)?);
        let reading = self.copies.to_snapshot(head, self.window)?;
        let reading = reading.filter(|reading| reading.since(self.since).is_some());
        Ok(reading.and_then(|reading| Some((reading, self.copies.line_of(head)?))))
    }
}

/// A ring that is being read.
struct RingSource<'a, W> {
    source: &'a W,
    line: u64,
    full: u64,
    window: u32,
}

impl<W: SegmentSource> RingSource<'_, W> {
    fn read_lane_header(&self, earlier: u64) -> Result<LaneHeader, RingReadError> {
        LaneHeader::read(self.source, self.line)?.checked(self.full, earlier)
    }

    /// Copies the ring, then the observations that arrived in the meantime: exact at the head that
    /// was read between the two. Returns `None` if the writer lapped the ring in the meantime.
    fn read_all(&self, lane: LaneHeader) -> Result<Option<RingSnapshot>, RingReadError> {
        let mut copies = ChunkCopies::of(self.full);
        copies.take_copies(self.source, lane, None)?;
        let between = self.read_lane_header(lane.head)?;
        copies.validate(lane, between);
        // The words of one read may be of several moments. If the number of chunks was stale, some
        // chunks were not copied.
        if between.head == lane.head && between.chunks == lane.chunks {
            return copies.to_snapshot(lane.head, self.window);
        }
        let Some(place) = copies.chunk_index_of(lane.head) else { return Ok(None) };
        let mut arrived = ChunkCopies::of(self.full);
        arrived.take_copies(self.source, between, Some(place))?;
        arrived.validate(between, self.read_lane_header(between.head)?);
        arrived.extend(copies);
        let reading = arrived.to_snapshot(between.head, self.window)?;
        // A gap in the observations that arrived in the meantime: the writer lapped the reader. A
        // ring that could not grow to its window no longer holds observations below such a gap. A
        // ring that grew in the meantime may still hold them.
        Ok(reading.filter(|reading| {
            let gap = between.head - reading.newest.len() as u64;
            gap <= lane.head && (reading.is_whole(self.window) || lane.chunks == between.chunks)
        }))
    }
}
