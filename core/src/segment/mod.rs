//! A process's memory of what it observed: the wall between `observe` and `snapshot`.
//!
//! ```text
//!  owner (one process)                                   readers (any process)
//!  ───────────────────                                   ─────────────────────
//!  writer ── claim lines, publish lanes ──► map ══ file ══► source ── pread, or own memory
//!                 │                          layout            │
//!                 └────────── descriptor (families, series) ───┴──► reader ── checks every byte
//! ```
//!
//! A segment is a header page and parts that are only ever appended. Lanes stand in blocks, a
//! block belongs to one shard (the lanes of one thread at a time), and the blocks are linked from
//! the header's root. In one process the segment is anonymous memory, across processes a file in
//! the metrics directory; the bytes are the same.

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
