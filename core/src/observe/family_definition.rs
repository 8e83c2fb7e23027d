//! The definition of a family in the recording process, and where a segment has its descriptor.

use std::sync::{Arc, Weak};

use super::process_segments::ProcessSegments;
use crate::{
    catalog::Kind,
    format::{descriptor::FamilyDescriptor, line_index::LineIndex},
    histogram::Bounds,
    packed::{pack, unpack},
    segment::writer::Segment,
    sync::{AtomicU64, Ordering},
};

/// The definition of a family, shared by all its series.
#[derive(Debug)]
pub(crate) struct FamilyDefinition {
    pub(super) record: FamilyDescriptor,
    /// The bounds of a timer with buckets.
    pub(super) bounds: Option<Arc<Bounds>>,
    described: DescriptorCache,
    segments: Weak<ProcessSegments>,
}

impl FamilyDefinition {
    pub(super) fn new(record: FamilyDescriptor, segments: Weak<ProcessSegments>) -> FamilyDefinition {
        let has_buckets = record.kind == Kind::Timer && record.distribution;
        let bounds = has_buckets.then(|| Bounds::interned(&record.bounds));
        FamilyDefinition { record, bounds, described: DescriptorCache::default(), segments }
    }

    /// Returns the segments of the recorder, unless it has been dropped.
    pub(super) fn segments(&self) -> Option<Arc<ProcessSegments>> {
        self.segments.upgrade()
    }

    /// Returns the line of the family's descriptor in a segment. Writes the descriptor if the
    /// segment has none.
    pub(super) fn descriptor_line(&self, segment: &Segment) -> Option<LineIndex> {
        self.described.line(segment, || segment.describe(&self.record.encode()))
    }
}

/// Cache of the location of a descriptor in this process's current segment.
#[derive(Debug, Default)]
struct DescriptorCache(
    /// The segment's ordinal in the high half, the line in the low half. After a fork, the line in
    /// the parent's segment is therefore not mistaken for one in the child's.
    AtomicU64,
);

impl DescriptorCache {
    /// Returns the line. Calls `describe` if there is none. Threads that race write two
    /// descriptors; either will do, because readers merge series by their label values.
    fn line(&self, segment: &Segment, describe: impl FnOnce() -> Option<LineIndex>) -> Option<LineIndex> {
        let written = self.0.load(Ordering::Acquire);
        let (ordinal, line) = unpack(written);
        if ordinal == segment.ordinal {
            return Some(LineIndex::new(line));
        }
        let line = describe()?;
        // Release: a thread that loads the line publishes a lane that points to it.
        self.0.store(pack(segment.ordinal, line.get()), Ordering::Release);
        Some(line)
    }
}
