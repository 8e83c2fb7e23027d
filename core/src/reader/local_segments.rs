//! Reader of the segments of this process that are not read from files.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::Arc,
};

use super::{
    aggregate::{Aggregator, SegmentKey},
    cursor::SegmentCursor,
    segment_reader::SegmentReader,
};
use crate::{
    directory::clock_epoch::UNSHARED_EPOCH,
    format::{error::SegmentError, line_index::LineIndex},
    segment::writer::Segment,
};

/// The segments of this process that are not read from files.
pub(crate) struct LocalSegments {
    segments: Box<dyn Fn() -> Vec<Arc<Segment>> + Send>,
    /// The segments of the current snapshot.
    current: Vec<Arc<Segment>>,
    cached: HashMap<u64, LocalSegment>,
    /// The epoch of this process's clock in the directory, so that lanes in memory and in files
    /// have one order.
    epoch: u32,
}

/// A segment in memory, with its cached lanes.
struct LocalSegment {
    reader: SegmentReader<Arc<Segment>>,
    lanes: SegmentCursor,
}

impl fmt::Debug for LocalSegments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalSegments")
    }
}

impl LocalSegments {
    pub(crate) fn new(segments: impl Fn() -> Vec<Arc<Segment>> + Send + 'static) -> LocalSegments {
        let (current, cached) = Default::default();
        LocalSegments { segments: Box::new(segments), current, cached, epoch: UNSHARED_EPOCH }
    }

    /// Returns the epoch of the timestamps in memory.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Sets the epoch of the timestamps in memory.
    pub(crate) fn join(&mut self, epoch: u32) {
        if self.epoch != epoch {
            self.epoch = epoch;
            // All segments are read again.
            self.cached.clear();
        }
    }

    /// Begins a snapshot. Must be called before the directory is listed.
    ///
    /// A segment that moves from memory to a file is in the file before it leaves memory. So each
    /// segment is seen in at least one of them.
    pub(crate) fn begin(&mut self) {
        self.current = (self.segments)();
    }

    /// Merges the changes of all segments except the segments that are `elsewhere`, in a file that is
    /// read. Returns the number of segments, and the error of one that cannot be read.
    pub(crate) fn read(
        &mut self,
        into: &mut Aggregator,
        elsewhere: impl Fn(u64) -> bool,
    ) -> (u64, Option<SegmentError>) {
        let mut segments = self.current.clone();
        segments.retain(|segment| !elsewhere(segment.id));
        // A reader of this process alone also reads its segments with files here. They have the
        // epoch of their directory.
        if self.epoch == UNSHARED_EPOCH
            && let Some(epoch) = segments.iter().map(|segment| segment.epoch).max()
        {
            self.join(epoch);
        }
        let is_there = |id: u64| segments.iter().any(|segment| segment.id == id);
        self.cached.retain(|id, _| is_there(*id));
        into.retain_segments(|key| !key.in_memory || is_there(key.id));
        let (mut read, mut why) = (0, None);
        for segment in segments {
            match self.poll_one(&segment, into) {
                Ok(()) => read += 1,
                Err(bad) => why = Some(bad),
            }
        }
        (read, why)
    }

    fn poll_one(&mut self, segment: &Arc<Segment>, into: &mut Aggregator) -> Result<(), SegmentError> {
        let cached = match self.cached.entry(segment.id) {
            Entry::Occupied(cached) => cached.into_mut(),
            Entry::Vacant(place) => {
                let reader = SegmentReader::open(Arc::clone(segment), segment.id)?;
                place.insert(LocalSegment { reader, lanes: SegmentCursor::default() })
            }
        };
        let delta = cached.lanes.poll(&mut cached.reader, true)?;
        let key = SegmentKey { in_memory: true, created: cached.reader.header.created, id: segment.id };
        into.apply_delta(key, self.epoch, true, delta);
        Ok(())
    }

    /// Makes the next poll read a lane completely.
    pub(crate) fn invalidate(&mut self, id: u64, lane: LineIndex) {
        if let Some(cached) = self.cached.get_mut(&id) {
            cached.lanes.invalidate(lane);
        }
    }
}
