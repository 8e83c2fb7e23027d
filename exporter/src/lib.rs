//! Sinks for what Ictus recorded: an HTTP endpoint, an atomic file, and the `ictus` command.
//!
//! A [`Source`] turns a metrics directory into the bytes of an exposition; [`http::Server`] and
//! [`file::Loop`] carry them out; [`command::run`] is both for a shell. Nothing here takes part in
//! recording, and no sink makes a worker wait.
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
pub use stop::Stop;
