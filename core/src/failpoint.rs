//! Named places at which tests kill the process, to prove that any instant is a good one to die.
//!
//! Compiled in for tests alone; elsewhere a failpoint is nothing.

/// Every failpoint. The test that kills at each of them also fails on one that is not listed.
#[cfg(test)]
pub(crate) const ALL: &[&str] = &[
    "retire/locked",
    "retire/cleared unfinished",
    "retire/read",
    "totals/written",
    "totals/synced",
    "totals/renamed",
    "totals/directory synced",
    "retire/unlinked one",
    "retire/unlinked all",
    "retire/cleared named",
];

/// The environment variable that names the failpoint at which to die.
#[cfg(test)]
pub(crate) const VARIABLE: &str = "ICTUS_FAILPOINT";

/// Dies here by SIGKILL where the test asked for it.
#[cfg(test)]
pub(crate) fn hit(name: &'static str) {
    assert!(ALL.contains(&name), "the failpoint {name:?} is not listed");
    tests::seen(name);
    if std::env::var_os(VARIABLE).is_some_and(|asked| asked == name) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn hit(_: &'static str) {}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        collections::BTreeSet,
        sync::{Mutex, PoisonError},
    };

    static SEEN: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

    pub(super) fn seen(name: &'static str) {
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    /// The failpoints that this process has passed.
    pub(crate) fn passed() -> BTreeSet<&'static str> {
        SEEN.lock().unwrap().clone()
    }
}
