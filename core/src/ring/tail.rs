//! The observations that were added to the chunk that held the newest one before: often one line.
//!
//! An earlier reading of the same life of the lane found the chunk. A chunk keeps its place in the
//! ring, and the writer enters it only at multiples of its slots. So until the ring returns to the
//! chunk, the slot of each observation is known, and the records of the chunk need not be read.

use super::{
    chunk_copy::{RECORD_WORDS, observations},
    lane_header::LaneHeader,
    ring_snapshot::RingReadError,
};
use crate::format::{
    layout::{CHUNK_SLOTS, LINE_WORDS, ring_chunks},
    source::SegmentSource,
};

const RECORD_LINES: u64 = (RECORD_WORDS / LINE_WORDS) as u64;

/// A copy of the observations since an earlier reading, before the lane is read again.
#[derive(Debug)]
pub(crate) struct TailCopy {
    head: u64,
    full: u64,
    /// The head at which the ring may return to the chunk.
    reused_at: u64,
    /// Timestamps and values, oldest first.
    newest: Vec<(u64, f64)>,
}

/// Copies the observations of a lane since the head `since`. `lane` was read before, in the same
/// life of the lane, and `chunk` is the line of the chunk that held the newest observation at
/// `since`.
///
/// Returns `None` if they are not all in that chunk.
pub(crate) fn copy_tail(
    source: &impl SegmentSource,
    lane: LaneHeader,
    window: u32,
    since: u64,
    chunk: u64,
) -> Result<Option<TailCopy>, RingReadError> {
    let full = ring_chunks(window);
    let lane = lane.checked(full, since)?;
    let Some(newest) = since.checked_sub(1) else { return Ok(None) };
    let first = newest - newest % CHUNK_SLOTS;
    if chunk == 0 || lane.head > first + CHUNK_SLOTS {
        return Ok(None);
    }
    let [start, end] = [since, lane.head].map(|index| 2 * (index - first) as usize);
    let line = start / LINE_WORDS;
    let mut words = [0; 2 * CHUNK_SLOTS as usize];
    let copied = &mut words[line * LINE_WORDS..end];
    source.read(chunk.saturating_add(RECORD_LINES + line as u64), copied)?;
    let mut newest = vec![(0, 0.0); (lane.head - since) as usize];
    observations(&words[start..end], &mut newest)?;
    if !newest.is_sorted_by_key(|&(stamp, _)| stamp) {
        return Err(RingReadError::Corrupt("the order of stamps"));
    }
    // A ring uses all of its chunks in turn, and never has fewer than before.
    let reused_at = first + lane.chunks * CHUNK_SLOTS;
    Ok(Some(TailCopy { head: lane.head, full, reused_at, newest }))
}

impl TailCopy {
    /// Returns the observations, oldest first. `after` is the lane, read after the copy.
    ///
    /// Returns `None` if some of them may have been overwritten in the meantime.
    pub(crate) fn settle(self, after: LaneHeader) -> Result<Option<Vec<(u64, f64)>>, RingReadError> {
        // "reuse": a slot of the next lap is stored after the head at which that lap begins.
        let is_reused = after.checked(self.full, self.head)?.head >= self.reused_at;
        // No observation has the timestamp 0.
        let is_missing = self.newest.first().is_some_and(|&(stamp, _)| stamp == 0);
        Ok((!is_reused && !is_missing).then_some(self.newest))
    }
}
