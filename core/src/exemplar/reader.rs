//! The reader of exemplars.

use std::io;

use super::{Exemplar, slots};
use crate::{
    format::{
        layout::{EXEMPLAR_TEXT, ExemplarSlot, LINE_WORDS, Lines},
        source::SegmentSource,
    },
    ring::LaneHeader,
};

/// Words of a slot.
const WORDS: usize = ExemplarSlot::LINES as usize * LINE_WORDS;
/// Maximum number of attempts. No real workload writes a slot between two reads so often in
/// succession.
const MAX_ATTEMPTS: usize = if cfg!(ictus_loom) { 1 } else { 8 };

/// Reads the exemplars of a lane that was seen to have some. Its buckets have `bounds` bounds.
/// Leaves out invalid exemplars, and exemplars that are overwritten at each attempt.
pub(crate) fn read(source: &impl SegmentSource, lane: u64, bounds: usize) -> io::Result<Vec<Exemplar>> {
    // Read again: the words of the read that showed the number may be older than the number.
    let first = LaneHeader::read(source, lane)?.exemplars;
    if first == 0 {
        return Ok(Vec::new());
    }
    let mut found: Vec<Option<Exemplar>> = vec![None; slots(bounds)];
    let mut looks = [(); 3].map(|()| vec![0; found.len() * WORDS]);
    for _ in 0..MAX_ATTEMPTS {
        // Three reads. A slot that has the same even turn in the first and the last read had it
        // throughout. So the second read shows one complete exemplar: "whole" and "turn".
        for look in &mut looks {
            source.read(first, look)?;
        }
        let mut is_torn = false;
        for (place, found) in found.iter_mut().enumerate() {
            let [first, second, last] = looks.each_ref().map(|look| &look[place * WORDS..][..WORDS]);
            match (first[0], last[0]) {
                // Other words of the slot, if any, are left from another series.
                (0, 0) => *found = None,
                (turn, again) if turn == again && turn % 2 == 0 => *found = decode(second),
                _ => is_torn = true,
            }
        }
        if !is_torn {
            break;
        }
    }
    Ok(found.into_iter().flatten().collect())
}

fn decode(words: &[u64]) -> Option<Exemplar> {
    let &[_, value, time, length, ref text @ ..] = words else { return None };
    let text: &[u8] = bytemuck::cast_slice(&text[..EXEMPLAR_TEXT]);
    let trace_id = text.get(..usize::try_from(length).ok()?)?;
    Exemplar::checked(f64::from_bits(value), time, trace_id)
}
