//! A lock-free latency-timing core for the SDKs of Conductor, the workflow engine.
#![deny(unsafe_code)]

pub mod catalog;
mod error;
pub mod expose;
pub mod observe;
pub mod snapshot;
pub mod surface;

pub use error::{Error, Result};
pub use observe::{Counter, Gauge, Registry, Timer};
pub use snapshot::{Reader, Snapshot};
