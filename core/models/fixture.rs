//! A recorder that has a segment, and the totals that a reader returns from it.

use std::sync::Arc;

use crate::{
    observe::{Family, MetricHandle, Recorder},
    options::FamilyOptions,
    reader::{
        cursor::SegmentCursor,
        segment_reader::SegmentReader,
        totals::{SeriesTotal, Totals},
    },
    segment::writer::Segment,
};

/// A recorder with a segment, as it is once anything was recorded.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) recorder: Arc<Recorder>,
    segment: Arc<Segment>,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        let recorder = Arc::new(Recorder::in_memory(FamilyOptions::default().window(2).buckets(&[]).into()));
        let segment = recorder.segments.with_segment(|segment| Some(Arc::clone(segment))).unwrap();
        Fixture { recorder, segment }
    }

    pub(super) fn family<M: MetricHandle>(&self, name: &str) -> Family<M> {
        Family::new(&self.recorder, name, "", &[], &self.recorder.options().families).unwrap()
    }

    /// Returns a family whose series differ in one label.
    pub(super) fn labelled<M: MetricHandle>(&self, name: &str) -> Family<M> {
        Family::new(&self.recorder, name, "", &["l"], &self.recorder.options().families).unwrap()
    }

    /// Returns the one series of a new family.
    pub(super) fn metric<M: MetricHandle>(&self, name: &str) -> M {
        self.family(name).labels(&[]).unwrap()
    }

    /// Returns the totals that a reader sees now.
    pub(super) fn read(&self) -> Totals {
        let mut reader = SegmentReader::open(Arc::clone(&self.segment), self.segment.id).unwrap();
        SegmentCursor::default().read(&mut reader, true).unwrap()
    }
}

/// Returns the one series of a family, or an empty series if there is none yet.
pub(super) fn series(totals: &Totals, name: &str) -> SeriesTotal {
    let family = totals.families.get(name).map(|shapes| &shapes[0]);
    family.and_then(|family| family.series.values().next()).cloned().unwrap_or_default()
}
