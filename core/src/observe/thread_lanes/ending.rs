//! The end of a series: its lanes are taken from all threads of the process.

use super::{ThreadLanes, shards};
use crate::{
    observe::lane::LaneWriter,
    sync::Ordering::{Relaxed, Release},
    sys::fork,
};

/// The treatment of the lanes of an ended incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Readers no longer see their content, and other series reuse them.
    Discard,
    /// The registry was dropped: the recorded data stays, and nothing more is recorded.
    Retain,
}

/// Takes the lanes of an ended incarnation from all threads of this process.
pub(crate) fn end(id: usize, life: u64, end: Disposition) {
    let generation = fork::generation();
    for shard in shards().filter(|shard| shard.generation == generation) {
        if let Some(lane) = shard.detach_lane(id, life)
            && end == Disposition::Discard
        {
            lane.unpublish();
            shard.return_lane(lane);
        }
        if end == Disposition::Discard {
            // These lanes are not reused: their segment was left.
            shard.parked().filter(|lane| lane.serves(id, life)).for_each(LaneWriter::unpublish_if_mapped);
        }
    }
}

impl ThreadLanes {
    /// Returns a lane that was taken and hidden to the shard, for reuse.
    fn return_lane(&self, lane: &'static LaneWriter) {
        let mut newest = None;
        loop {
            lane.next.store(newest, Relaxed);
            // Release, "return": the lane is hidden.
            match self.taken.compare_exchange(newest, Some(lane), Release) {
                Ok(()) => return,
                Err(other) => newest = other,
            }
        }
    }
}
