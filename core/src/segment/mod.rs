//! The memory in which one process records: a segment, from the writer's side.
//!
//! ```text
//!  writer ── claims lines, publishes lanes ──► mapping ══ file of the directory, or anonymous memory
//!    │                                         reservation, backing
//!    └────── descriptors of families and series
//! ```
//!
//! A segment is a header page and parts that are only ever appended. Lanes lie in blocks. A block
//! belongs to the lanes of one thread at a time, and the header's root links the blocks. In one
//! process the segment is anonymous memory; across processes it is a file in the metrics directory.
//! The bytes, which [`format`](crate::format) defines, are the same.
//!
//! Writers never wait for each other. If another thread is growing the segment and the committed
//! memory is used up, a thread commits more memory itself.

#[cfg(test)]
pub(crate) mod instrumented_source;
// loom's atomics cannot lie in mapped memory, so a model has separate memory.
#[cfg_attr(ictus_loom, expect(dead_code, reason = "a model has no file"))]
mod backing;
pub(crate) mod copy;
#[cfg_attr(ictus_loom, path = "../../models/loom_mapping.rs")]
pub(crate) mod mapping;
#[cfg_attr(ictus_loom, expect(dead_code, reason = "a model maps nothing"))]
pub(crate) mod reservation;
mod source;
#[cfg(test)]
pub(crate) mod weak_memory;
pub(crate) mod writer;
