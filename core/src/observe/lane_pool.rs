//! The source of a thread's lanes: the blocks that it fills, and the lanes of removed series.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, atomic::AtomicU64},
};

use super::{
    family_definition::FamilyDefinition,
    lane::{LaneResources, LaneSpec, LaneWriter},
};
use crate::{
    catalog::Kind,
    format::layout::{self, BLOCK_LANES, Block, Chunk, Lane, Lines},
    histogram::{self, Bounds, LaneBuckets},
    ring::Ring,
    segment::writer::Segment,
    sync::Ordering::Relaxed,
};

/// The lane pool of one `ThreadLanes`.
pub(crate) struct LanePool {
    /// By the ordinal of the segment.
    blocks: HashMap<u32, BlockCursor>,
    /// Lanes of removed series.
    free: HashMap<LaneSpec, Vec<&'static LaneWriter>>,
    on_outlived: fn(),
}

/// The block of a segment that this pool is filling.
struct BlockCursor {
    block: &'static Block,
    used: usize,
}

impl LanePool {
    /// Creates an empty pool. Its lanes call `on_outlived` once the clock of their segment's stamps
    /// was reset.
    pub(crate) fn new(on_outlived: fn()) -> LanePool {
        LanePool { blocks: HashMap::new(), free: HashMap::new(), on_outlived }
    }

    /// Stores a lane for reuse. It must be in no table, and hidden from readers.
    pub(crate) fn release(&mut self, lane: &'static LaneWriter) {
        self.free.entry(lane.shape().clone()).or_default().push(lane);
    }

    /// Returns a lane that is in no table and hidden from readers: a removed series' lane or a new
    /// one.
    pub(crate) fn acquire(
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
            && let Some(at) = free.iter().rposition(|lane| !lane.is_writing())
        {
            let lane = free.swap_remove(at);
            lane.clear();
            return Some(lane);
        }
        let lane = self.allocate_lane(segment)?;
        let (ring, buckets) = match is_timer {
            true => allocate_ring(lane, segment, family)?,
            false => (Ring::without_lane(lane), None),
        };
        let segment = Arc::downgrade(segment);
        let rest =
            LaneResources { segment, buckets, anchored: AtomicU64::new(0), on_outlived: self.on_outlived };
        Some(Box::leak(Box::new(LaneWriter::new(ring, rest, shape))))
    }

    /// Returns the next free lane of the pool's block in a segment.
    fn allocate_lane(&mut self, segment: &Segment) -> Option<&'static Lane> {
        let cursor = match self.blocks.entry(segment.ordinal) {
            Entry::Occupied(entry) if entry.get().used < BLOCK_LANES => entry.into_mut(),
            Entry::Occupied(mut entry) => {
                entry.insert(BlockCursor { block: segment.new_block()?, used: 0 });
                entry.into_mut()
            }
            Entry::Vacant(entry) => entry.insert(BlockCursor { block: segment.new_block()?, used: 0 }),
        };
        cursor.used += 1;
        Some(&cursor.block.lanes[cursor.used - 1])
    }
}

/// Claims a timer lane's table, buckets and first chunk together.
fn allocate_ring(
    lane: &'static Lane,
    segment: &Segment,
    family: &FamilyDefinition,
) -> Option<(Ring, Option<LaneBuckets>)> {
    let full = layout::ring_chunks(family.record.window);
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
