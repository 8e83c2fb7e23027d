//! Parked lanes: lanes in a segment that is left. They stay published, and no thread writes them any
//! more.

use std::iter;

use super::{ThreadLanes, shards};
use crate::{
    format::layout::{BLOCK_LANES, Block, Lines as _},
    observe::lane::LaneWriter,
    sync::{
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
    },
    sys::fork,
};

/// Lanes that were taken from their threads, which may still be inside an observation.
#[derive(Debug)]
pub(crate) struct Parked(Vec<ParkedLanes>);

#[derive(Debug)]
struct ParkedLanes {
    shard: &'static ThreadLanes,
    lanes: Vec<&'static LaneWriter>,
    /// Visits of the shard by its thread when all lanes had been taken.
    visits: u64,
}

impl Parked {
    /// Returns the lines that their threads need to create the lanes again.
    pub(crate) fn lines(&self) -> u64 {
        let blocks = |lanes: usize| Block::LINES * lanes.div_ceil(BLOCK_LANES) as u64;
        let lines = |parked: &ParkedLanes| {
            let lanes = parked.lanes.iter().map(|lane| lane.shape().lines()).sum::<u64>();
            // Each thread fills separate blocks.
            blocks(parked.lanes.len()) + lanes
        };
        self.0.iter().map(lines).sum()
    }

    /// Whether all threads have left the observations that they were in when their lanes were
    /// taken. Later reads see the stores of these observations.
    pub(crate) fn is_left(&self) -> bool {
        self.0.iter().all(|ParkedLanes { shard, lanes, visits }| {
            let left = shard.visits.load(std::sync::atomic::Ordering::Acquire) != *visits
                || !shard.leased.load(Acquire);
            left && !lanes.iter().any(|lane| lane.is_writing())
        })
    }
}

/// Takes all lanes in the segment with that ordinal from their threads. They stay published. The
/// segment was [left](crate::segment::writer::Segment::leave) before, so no new lanes appear in it.
pub(crate) fn park(ordinal: u32) -> Parked {
    let generation = fork::generation();
    let own = shards().filter(|shard| shard.generation == generation);
    let parked = own.map(|shard| {
        let lanes = shard.park(ordinal);
        ParkedLanes { shard, lanes, visits: shard.visits.load(std::sync::atomic::Ordering::Acquire) }
    });
    Parked(parked.filter(|parked| !parked.lanes.is_empty()).collect())
}

impl ThreadLanes {
    /// Takes all lanes in the segment with that ordinal out of the table and returns them. They
    /// stay published.
    fn park(&self, ordinal: u32) -> Vec<&'static LaneWriter> {
        let mut lanes: Vec<&'static LaneWriter> = Vec::new();
        let mut table = self.table.load(Acquire);
        while let Some(current) = table {
            for slot in current.0 {
                if let Some(lane) = slot.load(Acquire)
                    && lane.shape().ordinal == ordinal
                    && slot.compare_exchange(Some(lane), None, AcqRel).is_ok()
                    // Another table of the shard may have held it as well.
                    && !lanes.iter().any(|one| std::ptr::eq(*one, lane))
                {
                    lanes.push(lane);
                }
            }
            // "take", pairs with the fence of `grown_table`.
            fence(SeqCst);
            let now = self.table.load(Acquire);
            if now.map(std::ptr::from_ref) == Some(std::ptr::from_ref(current)) {
                break;
            }
            table = now;
        }
        for &lane in &lanes {
            let mut newest = self.parked.load(Relaxed);
            loop {
                lane.next.store(newest, Relaxed);
                match self.parked.compare_exchange(newest, Some(lane), Release) {
                    Ok(()) => break,
                    Err(other) => newest = other,
                }
            }
        }
        if !lanes.is_empty() {
            // Invalidate the lanes that the thread has cached: they are in no table any more.
            self.lease.fetch_add(1, std::sync::atomic::Ordering::Release);
        }
        lanes
    }

    pub(super) fn parked(&self) -> impl Iterator<Item = &'static LaneWriter> {
        iter::successors(self.parked.load(Acquire), |lane| lane.next.load(Relaxed))
    }
}
