//! Models of what the threads of `ictus` share: the shipped modules, run by loom in every order.
//!
//! Compiled under `--cfg ictus_loom` alone, and not yet a step of `.ci/run`. Every module but `memory`
//! and `models` is the shipped file.
#![cfg(ictus_loom)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "only a part of the house is here"
)]

#[path = "../../src/buckets/mod.rs"]
mod buckets;
#[path = "../../src/catalog/mod.rs"]
mod catalog;
#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/failpoint.rs"]
mod failpoint;
pub mod models;
#[path = "../../src/notice.rs"]
mod notice;
#[path = "../../src/observe/mod.rs"]
pub mod observe;
#[path = "../../src/options.rs"]
mod options;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/segment/mod.rs"]
mod segment;
#[path = "../../src/sum.rs"]
mod sum;
#[path = "../../src/sync/mod.rs"]
mod sync;

pub use error::{Error, Result};
pub use segment::totals::OVERFLOW;
