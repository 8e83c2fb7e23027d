//! Exporters of Ictus metrics: an HTTP endpoint, an atomically replaced file, pushes, and the
//! command `ictus`.
//!
//! A [`Source`] renders a metrics directory as the bytes of an exposition. [`http::Server`] serves
//! these bytes, [`file::PeriodicWriter`] writes them to a file, [`push`] sends them to another
//! server, and [`command::run`] is the command line.
//!
//! This crate records no metrics, and no exporter makes a recording process wait.
//!
//! The glossary of the repository, `docs/glossary.md`, defines the terms.
#![forbid(unsafe_code)]

/// The programs of this page run as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/start/rust.md")]
struct Docs;

pub mod command;
mod directory;
mod error;
mod error_log;
mod family_origin;
pub mod file;
mod filter;
pub mod http;
mod json;
mod number;
mod percentiles;
mod prometheus_client_files;
pub mod push;
mod query;
mod rendered;
mod search;
mod secret_file;
mod series_names;
mod shutdown;
mod source;
mod table;
mod terminal;
mod top;

pub use error::{Error, Result};
pub use filter::Filter;
pub use query::{Escaping, Format, Query};
pub use rendered::Rendered;
pub use shutdown::ShutdownFlag;
pub use source::{Extra, Source};
