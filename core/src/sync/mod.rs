//! The one place where atomics come from, so that a model checker can stand in for them.
//!
//! Under `--cfg ictus_loom` every atomic of the recording path is loom's. loom's atomics cannot
//! live in mapped memory, so the algorithms take references to [`crate::segment::layout`] types
//! from whoever provides the memory: the mapping, or a model. In unit tests a word is the standard
//! library's, with a trace of its stores.

#[cfg(not(ictus_loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, Ordering, fence};

#[cfg(not(any(ictus_loom, test)))]
pub(crate) use std::sync::atomic::AtomicU64;

#[cfg(all(test, not(ictus_loom)))]
pub(crate) mod traced;
#[cfg(all(test, not(ictus_loom)))]
pub(crate) use traced::AtomicU64;

#[cfg(ictus_loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
