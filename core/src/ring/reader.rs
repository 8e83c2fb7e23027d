//! The reader of a ring: it copies chunks, reads their records and the head again, and keeps
//! observations that were valid throughout.

use super::{
    chunk_copy::ChunkCopies,
    lane_header::LaneHeader,
    ring_snapshot::{RingReadError, RingSnapshot},
};
use crate::format::{
    layout::{CHUNK_SLOTS, ring_chunks},
    source::SegmentSource,
};

/// Maximum number of attempts. No real workload laps a reader so often in succession.
const MAX_ATTEMPTS: usize = if cfg!(ictus_loom) { 2 } else { 64 };
/// Attempts at a ring whose head does not move: its newest observation is missing and will not
/// appear.
const ATTEMPTS_AT_REST: usize = 8;

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
    if let Some(copied) = copy_since(source, lane, window, since)?
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
/// Returns `None` if some of the observations are no longer there.
pub(crate) fn copy_since(
    source: &impl SegmentSource,
    lane: LaneHeader,
    window: u32,
    since: u64,
) -> Result<Option<NewObservations>, RingReadError> {
    let full = ring_chunks(window);
    let lane = lane.checked(full, since)?;
    if since == 0 || lane.head - since >= (full - 1) * CHUNK_SLOTS {
        return Ok(None);
    }
    let mut copies = ChunkCopies::read_once(full);
    // The position in a ring that never lacked memory.
    let first = (since - 1) / CHUNK_SLOTS;
    copies.take_copies(source, lane, Some(first))?;
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
        let Some(index) = copies.chunk_index_of(lane.head) else { return Ok(None) };
        let mut arrived = ChunkCopies::of(self.full);
        arrived.take_copies(self.source, between, Some(index))?;
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
