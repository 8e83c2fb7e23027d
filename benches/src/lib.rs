//! The cost of Ictus, compared with other clients, and the budgets that limit it.
//!
//! ```text
//!  recorder     candidate      group              measure       budget
//!  Ictus and ─► some work, ─►  candidates that ─► medians,  ─► table, verdicts
//!  others       checked        are compared       counts
//! ```
//!
//! Each candidate is checked before it is measured: otherwise a recorder that drops everything
//! would be the fastest. A group is a list of candidates, and the first one is the reference of the
//! others. Three programs run the same groups: criterion, the program that compares them with
//! `budgets.toml`, and callgrind, which counts instructions.
#![deny(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "programs that print, and may stop at the first surprise"
)]

#[cfg(feature = "room")]
pub mod budget;
#[cfg(feature = "room")]
pub mod candidate;
#[cfg(feature = "room")]
pub mod clock;
#[cfg(feature = "room")]
pub mod contention;
#[cfg(feature = "room")]
pub mod data;
#[cfg(feature = "room")]
pub mod endpoint;
#[cfg(feature = "room")]
pub mod groups;
#[cfg(feature = "room")]
pub mod instructions;
#[cfg(feature = "room")]
pub mod measure;
#[cfg(feature = "room")]
mod python;
#[cfg(feature = "room")]
pub mod recorder;
#[cfg(feature = "room")]
pub mod table;
#[cfg(feature = "room")]
mod wrk;
