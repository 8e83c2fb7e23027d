//! Exporters of Ictus metrics: an HTTP endpoint, an atomically replaced file, pushes, and the
//! command `ictus`.
//!
//! A [`Source`] renders a metrics directory as the bytes of an exposition. [`http::Server`] serves
//! these bytes, [`file::PeriodicWriter`] writes them to a file, [`push`] sends them to another
//! server, and [`command::run`] is the command line.
//!
//! # Features
//!
//! All are on by default. Without them, the crate has the endpoint, the file and pushes.
//!
//! - `command`: the module [`command`] and the program `ictus`.
//! - `top`: `ictus top`, which draws in the terminal. Implies `command`.
//! - `tls`: certificates of the endpoint ([`http::SecurityFiles::with_certificate`]).
//! - `page`: the live page at `/`.
//! - `otlp`: pushes to an OpenTelemetry Collector ([`push::push_otlp`]).
//!
//! This crate records no metrics, and no exporter makes a recording process wait.
//!
//! A later version may add fields to structs and variants to enums: those with public fields, and all
//! enums, are `#[non_exhaustive]`.
//!
//! The glossary of the repository, `docs/glossary.md`, defines the terms.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "command", feature = "otlp")),
    allow(rustdoc::broken_intra_doc_links, reason = "the published documentation has all features")
)]

/// The programs of this page run as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/start/rust.md")]
struct Docs;

#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "command")]
mod directory;
mod error;
mod error_log;
mod family_origin;
pub mod file;
mod filter;
mod history;
pub mod http;
mod json;
#[cfg(feature = "command")]
#[cfg_attr(not(feature = "top"), allow(dead_code, reason = "`top` uses all of it"))]
mod number;
#[cfg(feature = "command")]
mod percentiles;
#[cfg(feature = "command")]
mod prometheus_client_files;
pub mod push;
mod query;
mod rendered;
#[cfg(feature = "top")]
mod search;
mod secret_file;
#[cfg_attr(not(feature = "top"), allow(dead_code, reason = "`top` uses all of it"))]
mod series_names;
mod shutdown;
mod source;
#[cfg(feature = "command")]
mod table;
#[cfg(feature = "command")]
mod terminal;
#[cfg(feature = "top")]
mod top;

pub use error::{Error, Result};
pub use filter::Filter;
pub use query::{Escaping, Format, Query};
pub use rendered::Rendered;
pub use shutdown::ShutdownFlag;
pub use source::{Extra, Source};
