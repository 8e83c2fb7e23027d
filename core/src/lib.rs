//! Records latencies without locks, and computes exact quantiles over threads and processes.
//!
//! Written for the SDKs of Conductor, the workflow engine; usable in any program.
//!
//! ```text
//!  observe ──► ring ──► segment ══► reader ──► snapshot ──► surface ──► expose
//!  handles     lanes    mapped      merged     plain        names,      text,
//!                       memory      lanes      data         labels      protobuf
//! ```
//!
//! Each thread writes its own lane of a series: a ring of observations in the segment, a mapped file,
//! of its process. Any process can read all segments of a directory into a [`Snapshot`]: exact
//! quantiles of the newest 1,000 observations of each series, and lifetime counts and sums. A surface
//! is a set of names under which they are exposed. The glossary of the repository,
//! `docs/glossary.md`, defines the terms. Start at [`Registry`].
//!
//! ```
//! use ictus::{Registry, snapshot::Value};
//!
//! let registry = Registry::new();
//! let polls = registry.timer("poll_seconds", "Duration of a poll.", &["queue"])?.labels(&["mail"])?;
//! for milliseconds in 1..=100 {
//!     polls.observe(f64::from(milliseconds) / 1000.0);
//! }
//! let snapshot = registry.snapshot()?;
//! let Some(Value::Timer(timing)) = snapshot.get("poll_seconds", &[("queue", "mail")]) else {
//!     panic!("the timer is in the snapshot");
//! };
//! assert_eq!(timing.count, 100);
//! let p99 = timing.window.quantile(0.99).expect("a window with observations");
//! // A quantile is interpolated between the two nearest of the sorted observations.
//! assert!((p99 - 0.09901).abs() < 1e-9);
//! # Ok::<(), ictus::Error>(())
//! ```
//!
//! To share metrics between processes, open the registry in a directory with [`Registry::open`] and
//! read it from any process with [`Reader`].
//!
//! # Features
//!
//! Both are on by default.
//!
//! - `record`: [`Registry`] and the handles [`Counter`], [`Gauge`] and [`Timer`].
//! - `read`: [`Reader`], [`Snapshot`], and the modules [`snapshot`], [`surface`] and [`expose`].
//!
//! A program that only records compiles neither readers nor formats, and fewer dependencies:
//!
//! ```toml
//! [dependencies]
//! ictus = { path = "../ictus/core", default-features = false, features = ["record"] }
//! ```
//!
//! Methods of a registry that read or remove series need both features.
//!
//! # Compatibility
//!
//! A later version may add fields to structs and variants to enums. Enums and structs with public
//! fields are therefore `#[non_exhaustive]`: match with a wildcard arm, create structs by their `new`
//! or `default`, and then set fields. Only [`Printable`] is exhaustive: it is a wrapper, and its value
//! is all that it has.
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "record", feature = "read")),
    allow(dead_code, unreachable_pub, reason = "each half uses a part of what both share")
)]
#![cfg_attr(
    not(all(feature = "record", feature = "read")),
    allow(rustdoc::broken_intra_doc_links, reason = "the published documentation has all features")
)]
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

#[cfg(not(any(feature = "read", feature = "record")))]
compile_error!("ictus without features does nothing; enable `record`, `read` or both");

// loom sees only its own atomics: this alias replaces the `arc_swap` crate in models.
#[cfg(ictus_loom)]
extern crate self as arc_swap;

#[cfg(all(feature = "record", not(ictus_loom)))]
mod at_exit;
pub mod catalog;
mod clock;
pub(crate) mod directory;
mod error;
mod exemplar;
#[cfg(all(feature = "read", not(ictus_loom)))]
pub mod expose;
mod failpoint;
mod format;
mod histogram;
#[cfg(all(feature = "record", not(ictus_loom)))]
#[doc(hidden)]
pub mod host;
#[cfg(feature = "read")]
mod literals;
mod log_once;
#[cfg(ictus_loom)]
#[path = "../models/loom_arc_swap.rs"]
mod loom_arc_swap;
#[cfg(all(feature = "record", feature = "read"))]
mod maintenance;
#[cfg(ictus_loom)]
#[path = "../models/mod.rs"]
pub mod models;
#[cfg(feature = "record")]
pub mod observe;
#[cfg(feature = "record")]
mod options;
mod packed;
mod plain_name;
pub(crate) mod policy;
mod printable;
#[cfg(feature = "read")]
pub(crate) mod reader;
#[cfg(all(feature = "record", not(ictus_loom)))]
mod registry;
mod ring;
#[cfg(feature = "record")]
mod segment;
#[cfg(feature = "read")]
pub mod snapshot;
mod sum;
#[cfg(all(feature = "read", not(ictus_loom)))]
pub mod surface;
mod sync;
mod sys;

pub use clock::{Stamp, Stopwatch};
pub use error::{Error, Result};
#[cfg(ictus_loom)]
pub use loom_arc_swap::{ArcSwap, ArcSwapOption, Guard};
#[cfg(feature = "record")]
pub use observe::{Counter, Family, Gauge, LocalTimer, Timer};
#[cfg(feature = "record")]
pub use options::{FamilyOptions, RegistryOptions};
pub use policy::series_limit::OVERFLOW;
pub use printable::{Printable, printable, printable_lines};
#[cfg(feature = "read")]
pub use reader::{
    Reader,
    clear::{clear, repair},
    multiprocess::{MultiprocessFile, MultiprocessFiles, multiprocess_files},
};
#[cfg(all(feature = "record", feature = "read", not(ictus_loom)))]
pub use registry::GivenLabels;
#[cfg(all(feature = "record", not(ictus_loom)))]
pub use registry::Registry;
#[cfg(feature = "read")]
pub use snapshot::Snapshot;
