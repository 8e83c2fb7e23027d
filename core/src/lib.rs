//! A lock-free latency-timing core for the SDKs of Conductor, the workflow engine.
//!
//! ```text
//!  observe ──► ring ──► segment ══► snapshot ──► surface ──► expose
//!  handles     lanes    mapped      merged       names,      text,
//!                       memory      windows      labels      protobuf
//! ```
//!
//! Threads record into lanes of a memory-mapped segment without a lock; any process reads all
//! segments of a directory into a [`Snapshot`]: exact quantiles of the newest 1,000 observations
//! of each series, lifetime counts and sums. Start at [`Registry`].
//!
//! The glossary of the repository, `docs/glossary.md`, defines the terms.
#![deny(unsafe_code)]
#![cfg_attr(
    ictus_loom,
    allow(
        dead_code,
        unused_imports,
        unreachable_pub,
        missing_docs,
        clippy::missing_panics_doc,
        clippy::panic,
        clippy::print_stdout,
        clippy::unwrap_used,
        reason = "models use a part of the crate, and are tests"
    )
)]

// loom sees no atomics but its own: what the crate takes from `arc_swap`, a model finds here.
#[cfg(ictus_loom)]
extern crate self as arc_swap;

#[cfg(not(ictus_loom))]
mod at_exit;
pub mod catalog;
mod clock;
pub(crate) mod directory;
mod error;
mod exemplar;
#[cfg(not(ictus_loom))]
pub mod expose;
mod failpoint;
mod format;
mod histogram;
#[cfg(not(ictus_loom))]
#[doc(hidden)]
pub mod host;
mod log_once;
#[cfg(ictus_loom)]
#[path = "../models/loom_arc_swap.rs"]
mod loom_arc_swap;
#[cfg(ictus_loom)]
#[path = "../models/mod.rs"]
pub mod models;
pub mod observe;
mod options;
mod plain_name;
pub(crate) mod policy;
mod printable;
pub(crate) mod reader;
#[cfg(not(ictus_loom))]
mod registry;
mod ring;
mod segment;
pub mod snapshot;
mod sum;
#[cfg(not(ictus_loom))]
pub mod surface;
mod sync;
mod sys;

pub use clock::{Stamp, Stopwatch};
pub use error::{Error, Result};
#[cfg(ictus_loom)]
pub use loom_arc_swap::{ArcSwap, ArcSwapOption, Guard};
pub use observe::{Counter, Family, Gauge, LocalTimer, Timer};
pub use options::Options;
pub use policy::series_limit::OVERFLOW;
pub use printable::{Printable, printable, printable_lines};
pub use reader::{
    clear::{clear, repair},
    multiprocess::{MultiprocessFile, MultiprocessFiles, multiprocess_files},
};
#[cfg(not(ictus_loom))]
pub use registry::{GivenLabels, Registry};
pub use snapshot::{Reader, Snapshot};
