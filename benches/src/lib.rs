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

#[cfg(feature = "enabled")]
pub mod budget;
#[cfg(feature = "enabled")]
pub mod candidate;
#[cfg(feature = "enabled")]
pub mod clock;
#[cfg(feature = "enabled")]
pub mod contention;
#[cfg(feature = "enabled")]
pub mod data;
#[cfg(feature = "enabled")]
pub mod endpoint;
#[cfg(feature = "enabled")]
pub mod groups;
#[cfg(feature = "enabled")]
pub mod instructions;
#[cfg(feature = "enabled")]
pub mod measure;
#[cfg(feature = "enabled")]
mod python;
#[cfg(feature = "enabled")]
pub mod recorder;
#[cfg(feature = "enabled")]
pub mod table;
#[cfg(feature = "enabled")]
mod wrk;
