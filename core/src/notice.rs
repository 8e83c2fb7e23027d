//! Warnings about what is not shown, each cause once: a scrape repeats every few seconds.

use std::{
    collections::BTreeSet,
    sync::{Mutex, TryLockError},
};

use crate::printable::Printable;

/// How many causes are remembered; a directory of hostile names must not grow this without end.
const REMEMBERED: usize = 1_000;

static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says in the log that a family is left out, and why, unless that was said before.
pub(crate) fn left_out(family: &str, why: &str) {
    let notice = format!("the metric family {family:?} is not shown: {why}");
    once(&notice, &notice);
}

/// Logs a warning, unless one of that cause was logged before.
pub(crate) fn once(notice: &str, cause: &str) {
    // Not waited for: a forked child would wait for ever for a thread that did not come along.
    let mut told = match TOLD.try_lock() {
        Ok(told) => told,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    if told.len() < REMEMBERED && !told.contains(cause) {
        log::warn!("{}", Printable(notice));
        told.insert(cause.to_owned());
    }
}
