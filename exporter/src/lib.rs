//! Exporters of the metrics of Ictus: an HTTP endpoint, an atomically replaced file, and the command `ictus`.
//!
//! A [`Source`] renders a metrics directory as the bytes of an exposition. [`http::Server`] serves
//! them, [`file::PeriodicWriter`] writes them to a file, and [`command::run`] does both for a shell. This crate
//! records nothing, and no exporter makes a worker wait.
//!
//! The glossary of the repository, `docs/glossary.md`, defines the terms.
#![forbid(unsafe_code)]

/// Its programs are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/start/rust.md")]
struct Docs;

pub mod command;
mod complaints;
mod directory;
mod error;
pub mod file;
mod filter;
mod guests;
pub mod http;
mod json;
mod percentiles;
pub mod push;
mod query;
mod recorded;
mod rendered;
mod secret_file;
mod source;
mod stop;
mod table;
mod terminal;
mod top;

pub use error::{Error, Result};
pub use filter::Filter;
pub use query::{Escaping, Format, Query};
pub use rendered::Rendered;
pub use source::{Extra, Source};
pub use stop::ShutdownFlag;
