//! A lane's ring: its writer never waits, and readers never block it.
//!
//! A ring is a sequence of chunks of 64 slots. The chunks of a full ring are used in turn. When the
//! writer leaves a full chunk, it adds the chunk's values to the lane's exact sum and buckets. When
//! it enters the next chunk, it records there the index of its first observation and the sum of all
//! observations before it.
//!
//! So recording an observation writes one slot and one head. Count and sum are exact at every head,
//! and each chunk identifies the observations it holds. A chunk keeps the records of the last two
//! laps that entered it: while one is being written, the other is complete, also if the writer was
//! killed.
//!
//! The orderings, each named in docs/memory-ordering.md:
//!
//! - **publish**: slot stores, then the head with release; a reader that acquires the head sees
//!   every slot below it.
//! - **reuse**: a slot and a record are stored with release, after the head that made them
//!   reusable. A reader that saw one of them and then passes an acquire fence sees that head. So
//!   observations that are still valid at a second read of the head were valid when they were
//!   copied.
//! - **enter**: the record of a lap is stored, its sum before its index, before the lap's slots; a
//!   reader that saw a new slot sees the new record at its second read.
//! - **grow**: a chunk is counted with release, after its line and record; a reader that acquires
//!   the number finds no chunk without them.
//!
//! `tests.rs` runs readers over every one of these stores, in each way in which C11 lets them be
//! seen. `make weaken` checks that a test fails when one of them is weakened.

#[cfg(feature = "read")]
mod chunk_copy;
#[cfg(feature = "read")]
mod lane_header;
#[cfg(feature = "read")]
mod reader;
#[cfg(feature = "read")]
mod ring_snapshot;
#[cfg(feature = "read")]
mod tail;
#[cfg(test)]
mod tests;
#[cfg(feature = "record")]
mod writer;

#[cfg(feature = "read")]
pub(crate) use lane_header::LaneHeader;
#[cfg(feature = "read")]
pub(crate) use reader::{NewObservations, copy_since, read};
#[cfg(feature = "read")]
pub(crate) use ring_snapshot::{RingReadError, RingSnapshot};
#[cfg(feature = "read")]
pub(crate) use tail::{TailCopy, copy_tail};
#[cfg(feature = "record")]
pub(crate) use writer::Ring;

#[cfg(feature = "read")]
use crate::format::error::SegmentError;

#[cfg(feature = "read")]
impl From<RingReadError> for SegmentError {
    fn from(error: RingReadError) -> SegmentError {
        match error {
            RingReadError::Source(error) => error.into(),
            RingReadError::Corrupt(what) => SegmentError::Corrupt(what),
            RingReadError::Overrun => SegmentError::WriterTooFast,
        }
    }
}
