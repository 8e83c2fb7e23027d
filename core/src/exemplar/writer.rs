//! The writer of exemplars: no lock, no allocation, and no step that a reader could block.

use super::{MAX_TRACE_ID_BYTES, bucket, is_valid, lines, slots};
use crate::{
    clock,
    format::{
        layout::{EXEMPLAR_TEXT, ExemplarSlot, Lane, Lines},
        line_allocator::LineAllocator,
    },
    sync::Ordering,
};

/// Stores an exemplar in a lane whose buckets have these bounds. Only for the thread that may write
/// the lane, after the observation. Returns false if the exemplar is dropped: the trace id is
/// invalid, there is no memory for the slots, or a signal handler interrupted a write to the same
/// slot.
pub(crate) fn record(
    lane: &Lane,
    supply: &impl LineAllocator,
    bounds: &[f64],
    value: f64,
    trace_id: &str,
) -> bool {
    if !is_valid(trace_id) {
        return false;
    }
    let Some(slot) = slot_for(lane, supply, bounds, value) else { return false };
    let (turn, relaxed) = (slot.turn.load(Ordering::Relaxed), Ordering::Relaxed);
    // Not a store, because a signal handler may have written since the load. An odd turn: this is
    // such a handler.
    if turn % 2 == 1 || slot.turn.compare_exchange(turn, turn.wrapping_add(1), relaxed, relaxed).is_err() {
        return false;
    }
    let words =
        [value.to_bits(), clock::wall(), trace_id.len() as u64].into_iter().chain(text_words(trace_id));
    for (target, word) in slot.words.iter().zip(words) {
        // Release, "turn": a reader that sees a new word sees at its last read that the turn is
        // odd, or a later turn, and that the lane of the earlier series was hidden.
        target.store(word, Ordering::Release);
    }
    // Release, "whole": a reader that sees the even turn sees all words.
    slot.turn.store(turn.wrapping_add(2), Ordering::Release);
    // Release, "exemplify": a reader that sees the number sees the exemplar, and the line of the
    // slots. An addition, because a handler may have added one since.
    lane.exemplified.fetch_add(1, Ordering::Release);
    true
}

/// Returns the slot for a value. Claims all slots of the lane if it has none.
fn slot_for(
    lane: &Lane,
    supply: &impl LineAllocator,
    bounds: &[f64],
    value: f64,
) -> Option<&'static ExemplarSlot> {
    let mut first = lane.exemplars.load(Ordering::Relaxed);
    if first == 0 {
        let new = supply.allocate(lines(bounds.len()))?;
        first = match lane.exemplars.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            // A signal handler was faster.
            Err(other) => other,
        };
    }
    let index = bucket(bounds, value) * slots(bounds.len()) / (bounds.len() + 1);
    slot_at(supply, first, index)
}

fn slot_at(supply: &impl LineAllocator, first: u64, index: usize) -> Option<&'static ExemplarSlot> {
    supply.lines(first + index as u64 * ExemplarSlot::LINES)
}

/// Returns the id as words, padded with zeros.
fn text_words(trace_id: &str) -> [u64; EXEMPLAR_TEXT] {
    let mut bytes = [0; MAX_TRACE_ID_BYTES];
    bytes[..trace_id.len()].copy_from_slice(trace_id.as_bytes());
    bytemuck::cast(bytes)
}

fn slots_of(
    lane: &Lane,
    supply: &impl LineAllocator,
    bounds: usize,
) -> impl Iterator<Item = &'static ExemplarSlot> {
    let first = lane.exemplars.load(Ordering::Relaxed);
    let slots = if first == 0 { 0 } else { slots(bounds) };
    (0..slots).filter_map(move |index| slot_at(supply, first, index))
}

/// Returns whether the caller is a signal handler that interrupted the write of an exemplar.
pub(crate) fn is_writing(lane: &Lane, supply: &impl LineAllocator, bounds: usize) -> bool {
    slots_of(lane, supply, bounds).any(|slot| slot.turn.load(Ordering::Relaxed) % 2 == 1)
}

/// Empties the slots of a hidden lane, which keeps them. Relaxed: a reader of the earlier life
/// finds fewer exemplars, and a reader of the next life acquires the lane after this.
pub(crate) fn clear(lane: &Lane, supply: &impl LineAllocator, bounds: usize) {
    lane.exemplified.store(0, Ordering::Relaxed);
    slots_of(lane, supply, bounds).for_each(|slot| slot.turn.store(0, Ordering::Relaxed));
}
