//! Where a lane's parts come from as it grows, and who is told what became of them.

use super::layout::{Chunk, Lines};

/// Memory of a segment, or of a model of one.
pub(crate) trait LineAllocator {
    /// The first of so many new, zeroed lines, or none where memory is used up.
    fn claim(&self, lines: u64) -> Option<u64>;
    /// Claimed lines as what they were claimed for.
    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T>;
    /// Told when a ring wraps in fewer chunks than its window needs.
    fn short(&self);
    /// Told of a full chunk when a ring leaves it, before one of its values is written over, and with which
    /// stamp the next observation came.
    fn left(&self, _full: &Chunk, _next: u64) {}
}
