//! Listing of the series of a segment, without their values.

use std::{collections::BTreeSet, sync::Arc};

use super::BLOCK_WORDS;
use crate::{
    format::{
        error::SegmentError,
        layout::{BLOCK_LANES, Block, LINE_WORDS, Lines, UNPUBLISHED},
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
    let room = reader.begin()?;
    let (mut line, _) = reader.root()?;
    let (mut seen, mut listed) = (BTreeSet::new(), Vec::new());
    while line != 0 {
        if !seen.insert(line) || seen.len() as u64 * Block::LINES > room {
            return Err(SegmentError::Corrupt("its blocks are linked in a ring"));
        }
        let mut words = [0; BLOCK_WORDS];
        reader.words().read(line, &mut words)?;
        for place in 1..=BLOCK_LANES {
            let word = LaneHeader::of(&words[place * LINE_WORDS..]).series;
            if word != 0 && word & UNPUBLISHED == 0 {
                listed.extend(reader.series(line + place as u64, word)?);
            }
        }
        line = words[0];
    }
    Ok(listed)
}
