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

#[cfg(feature = "read")]
mod reader;
#[cfg(test)]
mod tests;
#[cfg(feature = "record")]
mod writer;

#[cfg(feature = "read")]
pub use reader::Exemplar;
#[cfg(test)]
use reader::MAX_CLOCK_SKEW;
#[cfg(feature = "read")]
pub(crate) use reader::{keep_newest, read};
#[cfg(feature = "record")]
pub(crate) use writer::{clear, is_writing, record};

use crate::format::layout::EXEMPLAR_TEXT;
#[cfg(feature = "record")]
use crate::format::layout::{ExemplarSlot, Lines as _};

/// Maximum length of a trace id, in bytes. OpenMetrics allows 128 characters for an exemplar's
/// labels, including names.
pub(crate) const MAX_TRACE_ID_BYTES: usize = EXEMPLAR_TEXT * 8;
/// Maximum number of slots of a lane. If there are more buckets, neighboring buckets share a slot.
const MAX_SLOTS: usize = 32;
/// Returns whether every format can represent a trace id.
fn is_valid(trace_id: &str) -> bool {
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
#[cfg(feature = "record")]
pub(crate) fn lines(bounds: usize) -> u64 {
    slots(bounds) as u64 * ExemplarSlot::LINES
}
