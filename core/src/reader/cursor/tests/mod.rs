//! Tests of the words that a poll of a segment reads, and of the segments that it refuses.

mod refused;
mod timers;

use std::{collections::BTreeSet, sync::Arc};

use super::{BLOCK_WORDS, SegmentCursor, SegmentDelta};
use crate::{
    catalog::Kind,
    format::{
        descriptor::{FamilyDescriptor, SeriesDescriptor},
        error::SegmentError,
        layout::Lane,
        line_index::LineIndex,
        source::SegmentSource,
    },
    reader::segment_reader::SegmentReader,
    segment::{instrumented_source::InstrumentedSource, writer::Segment},
    sync::{AtomicU64, Ordering::Relaxed},
};

/// A segment with its reader.
struct Looked<W> {
    reader: SegmentReader<InstrumentedSource<'static, W>>,
    lanes: SegmentCursor,
}

impl Looked<Arc<Segment>> {
    fn new() -> Looked<Arc<Segment>> {
        let segment = Arc::new(Segment::anonymous().unwrap());
        let id = segment.id;
        Looked::of(segment, id)
    }

    fn segment(&self) -> &Segment {
        &self.reader.source().source
    }

    /// Records new series of one family. Returns the lane of each.
    fn record(&self, name: &str, kind: Kind, series: usize) -> Vec<&'static Lane> {
        let family = self.family(name, kind);
        let lane = |number: usize| {
            self.lane(|serial| SeriesDescriptor::encode(family, serial, 1, &[number.to_string()]), 1.0)
        };
        (0..series).map(lane).collect()
    }

    /// Returns a new lane with that value, whose series has the encoded descriptor.
    fn lane(&self, encode: impl FnOnce(u32) -> Vec<u64>, value: f64) -> &'static Lane {
        let line = self.segment().describe_series(encode).unwrap();
        let lane = self.segment().shared_lane().unwrap();
        lane.head.store(value.to_bits(), Relaxed);
        lane.reserve(line.word);
        assert!(lane.publish(line.word));
        lane
    }

    /// Returns the line of a family with one label.
    fn family(&self, name: &str, kind: Kind) -> LineIndex {
        let family = FamilyDescriptor::test_fixture(name, kind, &["number"]);
        self.segment().describe(&family.encode()).unwrap()
    }

    fn root(&self) -> &AtomicU64 {
        &self.segment().header.root
    }
}

impl<W: SegmentSource> Looked<W> {
    fn of(segment: W, id: u64) -> Looked<W> {
        Looked {
            reader: SegmentReader::open(InstrumentedSource::new(segment), id).unwrap(),
            lanes: SegmentCursor::default(),
        }
    }

    /// Polls the segment. Returns the changes and the number of words that were read.
    fn look(&mut self, lives: bool) -> Result<(SegmentDelta, usize), SegmentError> {
        self.reader.source().begin();
        let delta = self.lanes.poll(&mut self.reader, lives)?;
        Ok((delta, self.reader.source().words()))
    }

    /// Calls `happens` before each read from now on.
    fn meanwhile(&self, happens: impl Fn(usize) + 'static) {
        self.reader.source().on_read(happens);
    }

    /// Returns the lines of changed lanes, and of lanes that are not published any more.
    fn lines(&mut self, lives: bool) -> [BTreeSet<LineIndex>; 2] {
        let (delta, _) = self.look(lives).unwrap();
        let (some, none): (Vec<_>, Vec<_>) = delta.lanes.into_iter().partition(|(_, lane)| lane.is_some());
        [some, none].map(|lanes| lanes.into_iter().map(|(line, _)| line).collect())
    }
}

#[test]
fn unchanged_lanes_are_not_read_again() {
    let mut looked = Looked::new();
    let (_, head) = looked.look(true).unwrap();
    let counters = looked.record("jobs", Kind::Counter, 100);
    let gauges = looked.record("busy", Kind::Gauge, 10);
    // As a timer has: only lanes with chunks are read again.
    counters[7].chunks.store(1, Relaxed);
    let blocks = (counters.len() + gauges.len()).div_ceil(super::BLOCK_LANES);
    let still = head + blocks * BLOCK_WORDS;
    assert_eq!(looked.look(true).unwrap().0.lanes.len(), 110);
    let (delta, words) = looked.look(true).unwrap();
    assert_eq!((delta.lanes.len(), words), (0, still));
    // One lane changes: its block is read twice more.
    counters[7].head.store(2_f64.to_bits(), Relaxed);
    let (delta, words) = looked.look(true).unwrap();
    assert_eq!((delta.lanes.len(), words), (1, still + 2 * BLOCK_WORDS));
    let moved = delta.lanes[0].0;
    assert_eq!(looked.look(true).unwrap().1, still);
    // Only the forgotten lane is read again.
    looked.lanes.invalidate(moved);
    assert_eq!(looked.lines(true), [BTreeSet::from([moved]), BTreeSet::new()]);
    let newest = LineIndex::from_word(looked.root().load(Relaxed)).unwrap();
    looked.lanes.invalidate(newest);
    looked.lanes.invalidate(newest.saturating_add(super::BLOCK_LANES + 1));
    assert_eq!(looked.look(true).unwrap().1, still);
    // If the owner ended, its gauges end; no other lane is read.
    let (delta, words) = looked.look(false).unwrap();
    assert_eq!((delta.lanes.len(), words), (10, still + blocks * 2 * BLOCK_WORDS));
    assert!(delta.lanes.iter().all(|(_, lane)| lane.is_none()));
    assert_eq!(looked.look(false).unwrap().1, still);
    assert_eq!(looked.reader.cached_series(), 100);
    // Series that are not published any more are dropped.
    counters[..60].iter().for_each(|lane| lane.unpublish());
    assert_eq!(looked.lines(false).map(|lines| lines.len()), [0, 60]);
    assert_eq!(looked.reader.cached_series(), 40);
}

#[test]
fn lanes_of_removed_blocks_are_absent() {
    let mut looked = Looked::new();
    looked.record("jobs", Kind::Counter, super::BLOCK_LANES + 5);
    let [shown, _] = looked.lines(true);
    let newest = looked.root().load(Relaxed);
    let older = looked.segment().words(newest, 1).unwrap()[0].load(Relaxed);
    looked.root().store(older, Relaxed);
    let gone: BTreeSet<LineIndex> = shown.into_iter().filter(|line| line.word() > newest).collect();
    assert_eq!(gone.len(), 5);
    assert_eq!(looked.lines(true), [BTreeSet::new(), gone]);
    assert_eq!(looked.reader.cached_series(), super::BLOCK_LANES);
    looked.root().store(0, Relaxed);
    let older = LineIndex::from_word(older).unwrap();
    let gone: BTreeSet<LineIndex> = (1..=super::BLOCK_LANES).map(|line| older.saturating_add(line)).collect();
    assert_eq!(looked.lines(true), [BTreeSet::new(), gone]);
    assert_eq!(looked.reader.cached_series(), 0);
}
