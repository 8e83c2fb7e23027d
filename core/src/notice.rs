//! Warnings about what is not shown, each cause once: a scrape repeats every few seconds.

use std::{
    collections::BTreeSet,
    sync::{Mutex, TryLockError},
};

/// How many causes are remembered; a directory of hostile names must not grow this without end.
const REMEMBERED: usize = 1_000;

static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says in the log that a family is left out, and why, unless that was said before.
pub(crate) fn left_out(family: &str, why: &str) {
    let notice = format!("the metric family {family:?} is not shown: {why}");
    // Not waited for: a forked child would wait for ever for a thread that did not come along.
    let mut told = match TOLD.try_lock() {
        Ok(told) => told,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    if told.len() < REMEMBERED && !told.contains(&notice) {
        log::warn!("{notice}");
        told.insert(notice);
    }
}
