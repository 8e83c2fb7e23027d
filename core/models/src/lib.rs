//! Models of what the threads of `ictus` share: the shipped modules, run by loom in every order.
//!
//! Compiled under `--cfg ictus_loom` alone; `.ci/run loom` runs them. Every module but `memory`, `models`,
//! `pointer` and `swap` is the shipped file.
#![cfg(ictus_loom)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "only a part of the house is here"
)]
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

// What the shipped files take from the crate `arc_swap`, they find here: loom sees no atomics but its own.
extern crate self as arc_swap;

#[path = "../../src/buckets/mod.rs"]
mod buckets;
#[path = "../../src/catalog/mod.rs"]
mod catalog;
#[path = "../../src/clock/mod.rs"]
mod clock;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/exemplar/mod.rs"]
mod exemplar;
#[path = "../../src/failpoint.rs"]
mod failpoint;
pub mod models;
#[path = "../../src/notice.rs"]
mod notice;
#[path = "../../src/observe/mod.rs"]
pub mod observe;
#[path = "../../src/options.rs"]
mod options;
#[path = "../../src/plain_name.rs"]
mod plain_name;
#[path = "../../src/platform/mod.rs"]
mod platform;
#[path = "../../src/printable.rs"]
mod printable;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/segment/mod.rs"]
mod segment;
#[path = "../../src/sum/mod.rs"]
mod sum;
mod swap;
#[path = "../../src/sync/mod.rs"]
mod sync;

pub use error::{Error, Result};
pub use segment::totals::OVERFLOW;
pub use swap::{ArcSwap, ArcSwapOption, Guard};
