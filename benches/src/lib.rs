//! What Ictus costs, beside its peers, and the budgets that hold it there.
//!
//! ```text
//!  recorder     candidate      group              measure       budget
//!  we, peers ─► some work, ─►  what is compared ─► medians,  ─► table, verdicts
//!  alike        checked        with one another    counts
//! ```
//!
//! A candidate is work that was seen to do what it should before it is measured: a recorder that
//! drops everything would be the fastest. A group is a list of them, and the first is what the others
//! are measured by. The same groups are run by criterion, by the program that holds them to
//! `budgets.toml`, and under callgrind, which counts instructions.
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
