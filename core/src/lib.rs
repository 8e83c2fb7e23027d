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

mod at_exit;
pub mod catalog;
mod clock;
pub(crate) mod directory;
mod error;
mod exemplar;
pub mod expose;
mod failpoint;
mod format;
mod histogram;
#[doc(hidden)]
pub mod host;
mod log_once;
pub mod observe;
mod options;
mod plain_name;
pub(crate) mod policy;
mod printable;
pub(crate) mod reader;
mod registry;
mod ring;
mod segment;
pub mod snapshot;
mod sum;
pub mod surface;
mod sync;
mod sys;

pub use clock::{Stamp, Stopwatch};
pub use error::{Error, Result};
pub use observe::{Counter, Family, Gauge, LocalTimer, Timer};
pub use options::Options;
pub use printable::{Printable, printable, printable_lines};
pub use reader::{
    clear::{clear, repair},
    multiprocess::{MultiprocessFile, MultiprocessFiles, multiprocess_files},
    totals::OVERFLOW,
};
pub use registry::{GivenLabels, Registry};
pub use snapshot::{Reader, Snapshot};
