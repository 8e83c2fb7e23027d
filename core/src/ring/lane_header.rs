//! The head of a lane, as a reader reads it.

use std::io;

use super::ring_snapshot::RingReadError;
use crate::format::{
    layout::{LINE_WORDS, ring_chunks, table_lines},
    series_word::SeriesWord,
    source::SegmentSource,
};

/// The words of a lane's head, as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneHeader {
    pub(crate) head: u64,
    pub(crate) series: SeriesWord,
    pub(crate) table: u64,
    pub(crate) chunks: u64,
    pub(crate) exemplars: u64,
    pub(crate) exemplified: u64,
}

impl LaneHeader {
    /// Reads the lane at a line.
    pub(crate) fn read(source: &impl SegmentSource, line: u64) -> io::Result<LaneHeader> {
        let mut words = [0; LINE_WORDS];
        source.read(line, &mut words)?;
        Ok(LaneHeader::of(&words))
    }

    /// Returns the line of the lane's buckets, which follow the chunk table of a ring for that
    /// window.
    pub(crate) fn buckets(&self, window: u32) -> u64 {
        self.table.saturating_add(table_lines(ring_chunks(window)))
    }

    /// Decodes the lane in `words`.
    pub(crate) fn of(words: &[u64]) -> LaneHeader {
        let &[head, series, table, chunks, exemplars, exemplified, ..] = words else {
            return LaneHeader::default();
        };
        let series = SeriesWord::from_bits(series);
        LaneHeader { head, series, table, chunks, exemplars, exemplified }
    }

    /// Returns the lane if its head and chunks are possible for a ring whose head was `earlier`
    /// before.
    pub(super) fn checked(self, full: u64, earlier: u64) -> Result<LaneHeader, RingReadError> {
        let heads = earlier..=u64::MAX / 2;
        if !heads.contains(&self.head) || self.chunks == 0 || self.chunks > full {
            return Err(RingReadError::Corrupt("a lane's head or number of chunks"));
        }
        Ok(self)
    }
}
