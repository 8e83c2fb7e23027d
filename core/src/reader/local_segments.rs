//! Segments of this process that no file contains.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::Arc,
};

use super::{
    aggregate::{Aggregator, Key},
    cursor::SegmentCursor,
    segment_reader::SegmentReader,
};
use crate::{directory::clock_epoch::UNSHARED_EPOCH, format::error::SegmentError, segment::writer::Segment};

/// The segments of this process that no file holds.
pub(crate) struct LocalSegments {
    segments: Box<dyn Fn() -> Vec<Arc<Segment>> + Send>,
    /// Those of the snapshot that is being taken.
    current: Vec<Arc<Segment>>,
    known: HashMap<u64, LocalSegment>,
    /// That of this process's clock in the directory, by which lanes in memory and in files are in one order.
    epoch: u32,
}

/// One of them.
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
        let (current, known) = Default::default();
        LocalSegments { segments: Box::new(segments), current, known, epoch: UNSHARED_EPOCH }
    }

    /// The epoch that its stamps are taken for.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Takes stamps of memory for those of that epoch.
    pub(crate) fn join(&mut self, epoch: u32) {
        if self.epoch != epoch {
            self.epoch = epoch;
            // All of them are read again.
            self.known.clear();
        }
    }

    /// Begins a snapshot. Before the directory is listed: what moves from memory to a file is in the file
    /// before it is out of memory, so that each is seen in one of them at least.
    pub(crate) fn begin(&mut self) {
        self.current = (self.segments)();
    }

    /// Merges what they say now, but for those that are `elsewhere`, in a file that is read; gives how many
    /// there are, and why one cannot be read.
    pub(crate) fn read(
        &mut self,
        into: &mut Aggregator,
        elsewhere: impl Fn(u64) -> bool,
    ) -> (u64, Option<SegmentError>) {
        let mut segments = self.current.clone();
        segments.retain(|segment| !elsewhere(segment.id));
        // What this process alone recorded is in files, too.
        if self.epoch == UNSHARED_EPOCH
            && let Some(epoch) = segments.iter().map(|segment| segment.epoch).max()
        {
            self.join(epoch);
        }
        let is_there = |id: u64| segments.iter().any(|segment| segment.id == id);
        self.known.retain(|id, _| is_there(*id));
        into.keep_segments(|key| !key.in_memory || is_there(key.id));
        let (mut read, mut why) = (0, None);
        for segment in segments {
            match self.read_one(&segment, into) {
                Ok(()) => read += 1,
                Err(bad) => why = Some(bad),
            }
        }
        (read, why)
    }

    fn read_one(&mut self, segment: &Arc<Segment>, into: &mut Aggregator) -> Result<(), SegmentError> {
        let known = match self.known.entry(segment.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let reader = SegmentReader::open(Arc::clone(segment), segment.id)?;
                place.insert(LocalSegment { reader, lanes: SegmentCursor::default() })
            }
        };
        let news = known.lanes.look(&mut known.reader, true)?;
        let key = Key { in_memory: true, created: known.reader.created, id: segment.id };
        into.put_news(key, self.epoch, true, news);
        Ok(())
    }

    /// Has a lane read again at the next look.
    pub(crate) fn forget(&mut self, id: u64, lane: u64) {
        if let Some(known) = self.known.get_mut(&id) {
            known.lanes.forget(lane);
        }
    }
}
