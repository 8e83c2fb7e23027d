//! What a shard makes its lanes of: the blocks that it fills, and the lanes of removed series.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, atomic::AtomicU64},
};

use super::{
    lane::{LaneResources, LaneSpec, LaneWriter},
    series::FamilyDefinition,
};
use crate::{
    catalog::Kind,
    format::layout::{self, BLOCK_LANES, Block, Chunk, Lane, Lines},
    histogram::{self, Bounds, LaneBuckets},
    ring::Ring,
    segment::writer::Segment,
    sync::Ordering::Relaxed,
};

/// Of one shard.
#[derive(Default)]
pub(crate) struct LanePool {
    /// By the segment's ordinal.
    blocks: HashMap<u32, Cursor>,
    /// Lanes of removed series.
    free: HashMap<LaneSpec, Vec<&'static LaneWriter>>,
}

/// The block that the shard is filling in a segment.
struct Cursor {
    block: &'static Block,
    used: usize,
}

impl LanePool {
    /// Keeps a lane that is in no table and that no reader sees, to be used again.
    pub(crate) fn keep(&mut self, lane: &'static LaneWriter) {
        self.free.entry(lane.shape().clone()).or_default().push(lane);
    }

    /// A lane that is in no table and that no reader sees: that of a removed series, or a new one.
    pub(crate) fn lane(
        &mut self,
        family: &FamilyDefinition,
        segment: &Arc<Segment>,
    ) -> Option<&'static LaneWriter> {
        let is_timer = family.record.kind == Kind::Timer;
        let bits = |bounds: &Bounds| bounds.as_slice().iter().map(|bound| bound.to_bits()).collect();
        let shape = LaneSpec {
            ordinal: segment.ordinal,
            window: if is_timer { family.record.window } else { 0 },
            bounds: family.bounds.as_deref().map(bits),
        };
        if let Some(free) = self.free.get_mut(&shape)
            && let Some(at) = free.iter().rposition(|lane| !lane.is_busy())
        {
            let lane = free.swap_remove(at);
            lane.clear();
            return Some(lane);
        }
        let lane = self.next_lane(segment)?;
        let (ring, buckets) = match is_timer {
            true => new_ring(lane, segment, family)?,
            false => (Ring::none(lane), None),
        };
        let rest = LaneResources { segment: Arc::downgrade(segment), buckets, anchored: AtomicU64::new(0) };
        Some(Box::leak(Box::new(LaneWriter::new(ring, rest, shape))))
    }

    /// The next free lane of the shard's block in a segment.
    fn next_lane(&mut self, segment: &Segment) -> Option<&'static Lane> {
        let cursor = match self.blocks.entry(segment.ordinal) {
            Entry::Occupied(entry) if entry.get().used < BLOCK_LANES => entry.into_mut(),
            Entry::Occupied(mut entry) => {
                entry.insert(Cursor { block: segment.new_block()?, used: 0 });
                entry.into_mut()
            }
            Entry::Vacant(entry) => entry.insert(Cursor { block: segment.new_block()?, used: 0 }),
        };
        cursor.used += 1;
        Some(&cursor.block.lanes[cursor.used - 1])
    }
}

/// A timer lane's table, buckets and first chunk, committed together.
fn new_ring(
    lane: &'static Lane,
    segment: &Segment,
    family: &FamilyDefinition,
) -> Option<(Ring, Option<LaneBuckets>)> {
    let full = layout::full_ring(family.record.window);
    let table_lines = layout::table_lines(full);
    let bucket_lines = family.bounds.as_ref().map_or(0, |bounds| histogram::lines(bounds.len()));
    let line = segment.claim(table_lines + bucket_lines + Chunk::LINES)?;
    let table = &segment.words(line, table_lines)?[..full as usize];
    let buckets = segment.words(line + table_lines, bucket_lines)?;
    let first = line + table_lines + bucket_lines;
    table[0].store(first, Relaxed);
    lane.table.store(line, Relaxed);
    lane.chunks.store(1, Relaxed);
    let ring = Ring::new(lane, table, segment.mapping().lines(first)?);
    Some((ring, family.bounds.as_ref().map(|bounds| LaneBuckets::new(Arc::clone(bounds), buckets))))
}
