//! Exemplars: single observations with a trace id. They lead from a slow bucket to one request that
//! fell into it.
//!
//! A lane keeps the newest exemplar of each of its classic buckets. The slots are claimed with the
//! lane's first exemplar, so lanes without exemplars and observations without a trace id cost
//! nothing. A slot has one writer, that of the lane, and is a seqlock: its turn is odd while the
//! slot is being written.
//!
//! ```text
//! word 0      turn: even when the other words are complete, and different for each exemplar
//! word 1      the value
//! word 2      time by the wall clock, nanoseconds since 1970
//! word 3      length of the trace id in bytes
//! word 4..    the trace id, in UTF-8
//! ```

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::{cmp::Reverse, sync::Arc};

pub(crate) use reader::read;
pub(crate) use writer::{clear, is_busy, record};

use crate::{
    clock,
    format::layout::{EXEMPLAR_TEXT, ExemplarSlot, Lines},
    sum::LIMIT,
};

/// Maximum length of a trace id, in bytes. OpenMetrics allows 128 characters for an exemplar's
/// labels, including names.
pub(crate) const MAX_TRACE_ID_BYTES: usize = EXEMPLAR_TEXT * 8;
/// Maximum number of slots of a lane. If there are more buckets, neighboring buckets share a slot.
const MAX_SLOTS: usize = 32;
/// Maximum time by which an exemplar may be ahead of the reader's clock, in nanoseconds. Otherwise
/// an exemplar with a time far in the future would remain the newest.
const MAX_CLOCK_SKEW: u64 = 24 * 60 * 60 * 1_000_000_000;

/// An observation with the id of its trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// The value, in seconds or bytes.
    pub value: f64,
    /// When the value was observed: nanoseconds since 1970, by the wall clock of the observing
    /// process.
    pub time: u64,
    /// The id of the trace, as passed by the program: 1 to 96 bytes without control characters.
    pub trace_id: Arc<str>,
}

impl Exemplar {
    /// Returns an exemplar that a reader may show, or `None` if a part of it is invalid.
    pub(crate) fn checked(value: f64, time: u64, trace_id: &[u8]) -> Option<Exemplar> {
        let trace_id = std::str::from_utf8(trace_id).ok().filter(|trace_id| is_fit(trace_id))?;
        let is_plausible = (1..clock::wall().saturating_add(MAX_CLOCK_SKEW)).contains(&time);
        let is_value = (0.0..LIMIT).contains(&value);
        (is_value && is_plausible).then(|| Exemplar { value, time, trace_id: trace_id.into() })
    }
}

/// Returns whether every format can represent a trace id.
fn is_fit(trace_id: &str) -> bool {
    (1..=MAX_TRACE_ID_BYTES).contains(&trace_id.len()) && !trace_id.chars().any(char::is_control)
}

/// Returns the bucket of a value, for buckets with these bounds.
fn bucket(bounds: &[f64], value: f64) -> usize {
    bounds.partition_point(|&bound| bound < value)
}

/// Returns the number of slots of a lane whose buckets have `bounds` bounds.
fn slots(bounds: usize) -> usize {
    (bounds + 1).min(MAX_SLOTS)
}

/// Returns the number of lines of a lane's slots, if its buckets have `bounds` bounds.
pub(crate) fn lines(bounds: usize) -> u64 {
    slots(bounds) as u64 * ExemplarSlot::LINES
}

/// Keeps the newest exemplar of each bucket, in the order of the buckets.
pub(crate) fn keep_newest(exemplars: &mut Vec<Exemplar>, bounds: &[f64]) {
    let bucket = |one: &Exemplar| bucket(bounds, one.value);
    // The remaining keys break ties, so that the result does not depend on the order of lanes and
    // segments.
    exemplars.sort_by(|one, other| {
        let key = |one: &Exemplar| (bucket(one), Reverse(one.time));
        let ties = || one.trace_id.cmp(&other.trace_id).then(one.value.total_cmp(&other.value));
        key(one).cmp(&key(other)).then_with(ties)
    });
    exemplars.dedup_by_key(|one| bucket(one));
}
