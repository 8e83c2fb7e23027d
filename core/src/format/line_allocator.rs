//! The interface through which a lane's parts get memory and report events as the lane grows.

use super::layout::{Chunk, Lines};

/// Memory of a segment, or of a model of one.
pub(crate) trait LineAllocator {
    /// Claims new, zeroed lines and returns the first; returns `None` if memory is exhausted.
    fn allocate(&self, lines: u64) -> Option<u64>;
    /// Returns claimed lines as the type for which they were claimed.
    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T>;
    /// Called when a ring wraps with fewer chunks than its window needs.
    fn on_window_truncated(&self);
    /// Called when a ring leaves a full chunk, before one of its values is overwritten. `_next` is
    /// the timestamp of the next observation.
    fn on_chunk_finished(&self, _full: &Chunk, _next: u64) {}
}
