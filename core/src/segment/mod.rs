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

mod anchors;
#[cfg_attr(ictus_loom, expect(dead_code, reason = "a model has no file"))]
mod backing;
mod budget;
mod bytes;
pub(crate) mod checked_file;
pub(crate) mod clear;
pub(crate) mod clocks;
pub(crate) mod copy;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod epoch;
#[cfg(test)]
pub(crate) mod eyes;
pub(crate) mod fork;
pub(crate) mod layout;
pub(crate) mod limits;
pub(crate) mod lock;
// loom's atomics do not live in mapped memory, so a model has memory of its own.
#[cfg_attr(ictus_loom, path = "../../models/src/memory.rs")]
pub(crate) mod map;
pub(crate) mod multiprocess;
pub(crate) mod overflowed;
pub(crate) mod own_descriptor;
pub(crate) mod place;
mod placement;
pub(crate) mod policy;
pub(crate) mod reader;
pub(crate) mod reading;
pub(crate) mod reference;
#[cfg_attr(ictus_loom, expect(dead_code, reason = "a model maps nothing"))]
mod reservation;
pub(crate) mod retire;
pub(crate) mod source;
mod stream;
pub(crate) mod supply;
pub(crate) mod timeline;
pub(crate) mod totals;
pub(crate) mod totals_file;
#[cfg(test)]
pub(crate) mod watched;
pub(crate) mod wiped;
pub(crate) mod writer;
