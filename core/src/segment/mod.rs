//! The memory in which one process records: a segment, as its writers use it.
//!
//! ```text
//!  writer ── claims lines, publishes lanes ──► mapping ══ file of the directory, or anonymous memory
//!    │                                         reservation, backing
//!    └────── descriptors of families and series
//! ```
//!
//! A segment is a header page and parts that are only ever appended. Lanes lie in blocks, a block
//! belongs to the lanes of one thread at a time, and the header's root links the blocks. In one process
//! the segment is anonymous memory, across processes a file in the metrics directory. The bytes, which
//! [`format`](crate::format) defines, are the same.
//!
//! Writers never wait for each other. A thread that needs memory while another thread grows the segment
//! gets none and retries later.

#[cfg(test)]
pub(crate) mod instrumented_source;
// loom's atomics do not live in mapped memory, so a model has memory of its own.
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
