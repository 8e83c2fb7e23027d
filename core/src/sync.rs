//! The one place where atomics come from, so that a model checker can stand in for them.
//!
//! Under `--cfg ictus_loom` every atomic of the recording path is loom's. loom's atomics cannot
//! live in mapped memory, so the algorithms take references to [`crate::segment::layout`] types
//! from whoever provides the memory: the mapping, or a model.

#[cfg(not(ictus_loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

#[cfg(ictus_loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
