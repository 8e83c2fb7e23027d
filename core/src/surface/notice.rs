//! Warnings about what is not shown, each cause once: a scrape repeats every few seconds.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// How many causes are remembered; a directory of hostile names must not grow this without end.
const REMEMBERED: usize = 1_000;

static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says in the log that a family is left out, and why, unless that was said before.
pub(super) fn left_out(family: &str, why: &str) {
    let notice = format!("the metric family {family:?} is not shown: {why}");
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() < REMEMBERED && !told.contains(&notice) {
        log::warn!("{notice}");
        told.insert(notice);
    }
}
