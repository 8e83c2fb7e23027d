//! A lane's ring: one writer that never waits, readers that never stop it.
//!
//! Slots stand in chunks of 64, and the chunks of a full ring are used in turn. On entering a
//! chunk the writer notes the index of its first observation (the base) and the exact sum of all
//! before it, so that count and sum are right at every head, and each chunk says which
//! observations it holds.
//!
//! The orderings, each named in docs/memory-ordering.md:
//!
//! - **publish**: slot stores, then the head with release; a reader that acquires the head sees
//!   every slot below it.
//! - **reuse**: a slot, a sum and a base are stored with release, after the head that made them
//!   reusable; a reader that saw one of them and then passes an acquire fence sees that head. So
//!   what a second look at the head still calls valid was valid when it was copied.
//! - **enter**: the base of a reused chunk is stored before its sum and slots; a reader that saw
//!   a new slot sees the new base at its second look.
//! - **grow**: a chunk is counted with release, after its line and base; a reader that acquires the
//!   number finds no chunk without them.
//!
//! `tests.rs` runs readers over every one of these stores as C11 lets them be seen, and fails where
//! one is weakened.

mod push;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use push::Ring;
pub(crate) use read::{LaneHead, Reading, Unreadable, read};
