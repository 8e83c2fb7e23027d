//! A lane's ring: one writer that never waits, readers that never stop it.
//!
//! Slots stand in chunks of 64, and the chunks of a full ring are used in turn. On leaving a full
//! chunk the writer adds its values to the lane's exact sum and buckets; on entering the next one it
//! notes there the index of its first observation and the sum of all before it. So an observation is
//! one slot and one head, count and sum are right at every head, and each chunk says which
//! observations it holds. A chunk keeps the records of the last two laps: while one is being
//! written, the other is whole, also where the writer was killed.
//!
//! The orderings, each named in docs/memory-ordering.md:
//!
//! - **publish**: slot stores, then the head with release; a reader that acquires the head sees
//!   every slot below it.
//! - **reuse**: a slot and a record are stored with release, after the head that made them
//!   reusable; a reader that saw one of them and then passes an acquire fence sees that head. So
//!   what a second look at the head still calls valid was valid when it was copied.
//! - **enter**: the record of a lap is stored, its sum before its index, before the lap's slots; a
//!   reader that saw a new slot sees the new record at its second look.
//! - **grow**: a chunk is counted with release, after its line and record; a reader that acquires
//!   the number finds no chunk without them.
//!
//! `tests.rs` runs readers over every one of these stores as C11 lets them be seen; `make weaken` sees
//! it fail where one is weakened.

mod chunk_copy;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use reader::{LaneHeader, RingReadError, RingSnapshot, read};
pub(crate) use writer::Ring;

use crate::format::error::SegmentError;

impl From<RingReadError> for SegmentError {
    fn from(error: RingReadError) -> SegmentError {
        match error {
            RingReadError::Source(error) => error.into(),
            RingReadError::Corrupt(what) => SegmentError::Corrupt(what),
            RingReadError::Overrun => SegmentError::WriterTooFast,
        }
    }
}
