//! Failpoints: named places at which tests kill the process, to prove that the directory survives
//! a crash at any moment.
//!
//! Compiled only for tests; in other builds a failpoint does nothing.

/// Every failpoint. The test that kills at each of them also fails if one is not listed.
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

/// The environment variable that names the failpoint at which the process kills itself.
#[cfg(test)]
pub(crate) const VARIABLE: &str = "ICTUS_FAILPOINT";

/// Kills the process with SIGKILL if the test selected this failpoint.
#[cfg(test)]
pub(crate) fn hit(name: &'static str) {
    assert!(ALL.contains(&name), "the failpoint {name:?} is not listed");
    tests::seen(name);
    if std::env::var_os(VARIABLE).is_some_and(|asked| asked == name) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Does nothing outside of tests.
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

    /// Returns the failpoints that this process has passed.
    pub(crate) fn passed() -> BTreeSet<&'static str> {
        SEEN.lock().unwrap().clone()
    }
}
