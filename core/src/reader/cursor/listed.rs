//! Which series a segment has, without what was recorded of them.

use std::{collections::BTreeSet, sync::Arc};

use super::BLOCK_WORDS;
use crate::{
    format::{
        error::Bad,
        layout::{BLOCK_LANES, Block, HIDDEN, LINE_WORDS, Lines},
        source::Words,
    },
    reader::segment_reader::{Described, SegmentReader},
    ring::LaneHead,
};

/// The series of all lanes that are shown, some more than once.
pub(crate) fn series<W: Words>(reader: &mut SegmentReader<W>) -> Result<Vec<Arc<Described>>, Bad> {
    let room = reader.begin()?;
    let (mut line, _) = reader.root()?;
    let (mut seen, mut listed) = (BTreeSet::new(), Vec::new());
    while line != 0 {
        if !seen.insert(line) || seen.len() as u64 * Block::LINES > room {
            return Err(Bad::Body("its blocks are linked in a ring"));
        }
        let mut words = [0; BLOCK_WORDS];
        reader.words().read(line, &mut words)?;
        for place in 1..=BLOCK_LANES {
            let word = LaneHead::of(&words[place * LINE_WORDS..]).series;
            if word != 0 && word & HIDDEN == 0 {
                listed.extend(reader.series(line + place as u64, word)?);
            }
        }
        line = words[0];
    }
    Ok(listed)
}
