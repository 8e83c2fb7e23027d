//! Warnings that are logged once per cause, because a scrape repeats every few seconds.

use std::{
    collections::BTreeSet,
    sync::{Mutex, TryLockError},
};

use crate::{format::descriptor::FamilyDescriptor, policy::agreement, printable::Printable, sys::fork};

/// The maximum number of remembered causes: hostile names in a directory must not grow the set
/// without bound.
const REMEMBERED: usize = 1_000;

/// The logged causes, and the generation of the process that logged them.
static LOGGED: Mutex<(u32, BTreeSet<String>)> = Mutex::new((0, BTreeSet::new()));

/// Logs once that a family is not shown, and why.
pub(crate) fn left_out(family: &str, why: &str) {
    let notice = format!("the metric family {family:?} is not shown: {why}");
    once(&notice, &notice);
}

/// Logs once that living processes define a family differently, and which definition applies.
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

/// Logs once that a family is not shown because a definition of another type or unit applies to its
/// name.
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

/// Logs a warning, unless one with the same cause was logged before.
pub(crate) fn once(notice: &str, cause: &str) {
    // Never waits: in a forked child, a thread that exists only in the parent may hold the lock.
    let mut told = match LOGGED.try_lock() {
        Ok(told) => told,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    let (generation, told) = &mut *told;
    if *generation != fork::generation() {
        // A forked child has its own log.
        told.clear();
        *generation = fork::generation();
    }
    if told.len() < REMEMBERED && !told.contains(cause) {
        log::warn!("{}", Printable(notice));
        told.insert(cause.to_owned());
    }
}
