//! Exemplars: single observations with the id of the trace that they belong to, so that somebody who
//! sees a slow bucket can look at one request that fell into it.
//!
//! A lane keeps the newest exemplar of each of its classic buckets, in slots that are claimed with its
//! first one: a lane without exemplars costs nothing, and so does an observation without a trace. A slot
//! has one writer, that of the lane, and is a seqlock: its turn is odd while it is written.
//!
//! ```text
//! word 0      turn: even, and another one, whenever the rest is whole
//! word 1      the value
//! word 2      when, by the wall clock
//! word 3      length of the trace's id in bytes
//! word 4..    the trace's id, in UTF-8
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

/// Longest id of a trace, in bytes. OpenMetrics allows 128 characters for an exemplar's labels, names
/// included.
pub(crate) const MAX_TRACE_ID_BYTES: usize = EXEMPLAR_TEXT * 8;
/// Most slots of a lane. Of more buckets than that, neighbours share a slot.
const MAX_SLOTS: usize = 32;
/// How far a clock may be ahead of the reader's, in nanoseconds: what claims to be of later would be the
/// newest for ever.
const MAX_CLOCK_SKEW: u64 = 24 * 60 * 60 * 1_000_000_000;

/// One observation, with the trace that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Seconds or bytes.
    pub value: f64,
    /// When it was observed: nanoseconds since 1970, by the wall clock of the process that observed it.
    pub time: u64,
    /// The id of the trace, as it was given: 1 to 96 bytes without control characters.
    pub trace_id: Arc<str>,
}

impl Exemplar {
    /// An exemplar with all that a reader may show, as far as it can be checked.
    pub(crate) fn checked(value: f64, time: u64, trace_id: &[u8]) -> Option<Exemplar> {
        let trace_id = std::str::from_utf8(trace_id).ok().filter(|trace_id| is_fit(trace_id))?;
        let is_plausible = (1..clock::wall().saturating_add(MAX_CLOCK_SKEW)).contains(&time);
        let is_value = (0.0..LIMIT).contains(&value);
        (is_value && is_plausible).then(|| Exemplar { value, time, trace_id: trace_id.into() })
    }
}

/// Whether every format can carry the id of a trace.
fn is_fit(trace_id: &str) -> bool {
    (1..=MAX_TRACE_ID_BYTES).contains(&trace_id.len()) && !trace_id.chars().any(char::is_control)
}

/// Which of the buckets with those bounds a value is in.
fn bucket(bounds: &[f64], value: f64) -> usize {
    bounds.partition_point(|&bound| bound < value)
}

/// How many slots a lane has whose buckets have so many bounds.
fn slots(bounds: usize) -> usize {
    (bounds + 1).min(MAX_SLOTS)
}

/// Lines of the slots of a lane whose buckets have so many bounds.
pub(crate) fn lines(bounds: usize) -> u64 {
    slots(bounds) as u64 * ExemplarSlot::LINES
}

/// Keeps the newest exemplar of each bucket, in the order of the buckets.
pub(crate) fn keep_newest(exemplars: &mut Vec<Exemplar>, bounds: &[f64]) {
    let bucket = |one: &Exemplar| bucket(bounds, one.value);
    // The rest breaks ties, so that the order of lanes and segments says nothing.
    exemplars.sort_by(|one, other| {
        let key = |one: &Exemplar| (bucket(one), Reverse(one.time));
        let ties = || one.trace_id.cmp(&other.trace_id).then(one.value.total_cmp(&other.value));
        key(one).cmp(&key(other)).then_with(ties)
    });
    exemplars.dedup_by_key(|one| bucket(one));
}
