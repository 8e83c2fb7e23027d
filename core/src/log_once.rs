//! Warnings about what is not shown, each cause once: a scrape repeats every few seconds.

use std::{
    collections::BTreeSet,
    sync::{Mutex, TryLockError},
};

use crate::{format::descriptor::FamilyDescriptor, policy::agreement, printable::Printable, sys::fork};

/// How many causes are remembered; a directory of hostile names must not grow this without end.
const REMEMBERED: usize = 1_000;

/// With the process on the line of forks that has logged them.
static LOGGED: Mutex<(u32, BTreeSet<String>)> = Mutex::new((0, BTreeSet::new()));

/// Says in the log that a family is left out, and why, unless that was said before.
pub(crate) fn left_out(family: &str, why: &str) {
    let notice = format!("the metric family {family:?} is not shown: {why}");
    once(&notice, &notice);
}

/// Logs once that living processes define a family differently, and which definition holds.
pub(crate) fn conflict(holds: &FamilyDescriptor, other: &FamilyDescriptor) {
    let notice = format!(
        "processes define the metric family {:?} differently: the newest definition holds ({}), another one \
         does not ({}); give all processes the same options",
        holds.name,
        agreement::describe(holds),
        agreement::describe(other),
    );
    once(&notice, &notice);
}

/// Logs once that a family is left out because another type or unit holds for its name.
pub(crate) fn hidden(holds: &FamilyDescriptor, other: &FamilyDescriptor) {
    left_out(
        &other.name,
        &format!(
            "another definition of that name holds ({}), of another type or unit than this one ({}); give one \
             of them another name",
            agreement::describe(holds),
            agreement::describe(other),
        ),
    );
}

/// Logs a warning, unless one of that cause was logged before.
pub(crate) fn once(notice: &str, cause: &str) {
    // Not waited for: a forked child would wait for ever for a thread that did not come along.
    let mut told = match LOGGED.try_lock() {
        Ok(told) => told,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    let (generation, told) = &mut *told;
    if *generation != fork::generation() {
        // The log of a forked child is another one.
        told.clear();
        *generation = fork::generation();
    }
    if told.len() < REMEMBERED && !told.contains(cause) {
        log::warn!("{}", Printable(notice));
        told.insert(cause.to_owned());
    }
}
