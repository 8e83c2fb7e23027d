//! Tests of the public API that share a process, so that one program is linked for all of them.
//!
//! They start no process, fork nothing, change no limit, variable, signal handler or logger, and do
//! not depend on short times. Tests that need one of these are in a separate process, with their
//! reason at the head of the file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod catalog;
#[path = "../common/mod.rs"]
mod common;
mod exposition;
mod reading;
mod recording;
mod send_sync;
mod separate_processes;
#[path = "../timing/mod.rs"]
mod timing;
