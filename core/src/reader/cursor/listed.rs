//! Listing of the series of a segment, without their values.

use std::{collections::BTreeSet, sync::Arc};

use super::read_block;
use crate::{
    format::{
        error::SegmentError,
        layout::{BLOCK_LANES, Block, LINE_WORDS, Lines},
        source::SegmentSource,
    },
    reader::segment_reader::{SegmentReader, SeriesInfo},
    ring::LaneHeader,
};

/// Returns the series of all published lanes. A series with several lanes is returned more than
/// once.
pub(crate) fn series<W: SegmentSource>(
    reader: &mut SegmentReader<W>,
) -> Result<Vec<Arc<SeriesInfo>>, SegmentError> {
    let lines = reader.begin()?;
    let (mut next, _) = reader.read_root()?;
    let (mut seen, mut listed) = (BTreeSet::new(), Vec::new());
    while next != 0 {
        if !seen.insert(next) || seen.len() as u64 * Block::LINES > lines {
            return Err(SegmentError::Corrupt("its blocks are linked in a ring"));
        }
        let (line, words) = read_block(reader, next)?;
        for index in 1..=BLOCK_LANES {
            let word = LaneHeader::of(&words[index * LINE_WORDS..]).series;
            if word.is_published() {
                listed.extend(reader.series(line.saturating_add(index), word)?);
            }
        }
        next = words[0];
    }
    Ok(listed)
}
