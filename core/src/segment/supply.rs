//! Where a lane's parts come from as it grows.

use super::layout::Chunk;
use crate::sync::AtomicU64;

/// Memory of a segment, or of a model of one.
pub(crate) trait Supply {
    /// The first of so many new, zeroed lines, or none where memory is used up.
    fn claim(&self, lines: u64) -> Option<u64>;
    /// The chunk at a line that was claimed for it.
    fn chunk(&self, line: u64) -> Option<&'static Chunk>;
    /// The words of claimed lines.
    fn words(&self, line: u64, lines: u64) -> Option<&'static [AtomicU64]>;
    /// Told when a ring wraps in fewer chunks than its window needs.
    fn short(&self);
}
