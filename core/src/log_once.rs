//! Log lines of lasting faults: once, and not at each scrape or observation.
//!
//! [`LogOnce`] is for one line, and [`LoggedCauses`] for lines of many causes. They decide whether a
//! line is due; the caller logs it. A forked child has its own log, so each line is due there again.
//!
//! Neither waits for a lock: in a forked child, a thread that exists only in the parent may hold it.
//! [`LogOnce`] does not allocate either, so that threads that record may use it.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex, MutexGuard, TryLockError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{clock, printable::Printable, sys::fork};

/// Decides whether one log line is due: once in a process, at an interval, or when its cause
/// changes. Use one of the three for each instance.
#[derive(Debug, Default)]
pub struct LogOnce {
    /// The fork generation of the process that logged last, or 0.
    generation: AtomicU32,
    /// When it logged, by CLOCK_MONOTONIC in nanoseconds.
    logged_at: AtomicU64,
    /// The hash of the last cause.
    cause: AtomicU64,
}

impl LogOnce {
    /// Creates an instance whose line is due.
    #[must_use]
    pub const fn new() -> LogOnce {
        LogOnce { generation: AtomicU32::new(0), logged_at: AtomicU64::new(0), cause: AtomicU64::new(0) }
    }

    /// Returns whether this is the first call in this process.
    pub fn is_first(&self) -> bool {
        let generation = fork::generation();
        self.generation.load(Relaxed) != generation && self.generation.swap(generation, Relaxed) != generation
    }

    /// Returns whether this is the first call in this process, or `interval` has passed since a call
    /// returned true.
    pub fn is_due(&self, interval: Duration) -> bool {
        let now = clock::monotonic();
        let logged_at = self.logged_at.load(Relaxed);
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let is_over = now >= logged_at.saturating_add(interval);
        // One of the threads that call this at the same time logs the line.
        (self.is_first() || is_over)
            && self.logged_at.compare_exchange(logged_at, now, Relaxed, Relaxed).is_ok()
    }

    /// Returns whether the last call in this process had another cause, or there was none.
    pub fn is_new(&self, cause: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        cause.hash(&mut hasher);
        let hash = hasher.finish();
        let is_other = self.cause.swap(hash, Relaxed) != hash;
        self.is_first() || is_other
    }

    /// Makes the line due again, after the fault has ended.
    pub fn reset(&self) {
        self.generation.store(0, Relaxed);
    }
}

/// The causes of log lines that were logged. Their number is bounded, because hostile names in a
/// directory can make any number of causes.
#[derive(Debug)]
pub struct LoggedCauses {
    max: usize,
    logged: Mutex<Causes>,
}

#[derive(Debug)]
struct Causes {
    /// The fork generation of the process that logged them.
    generation: u32,
    causes: BTreeSet<String>,
}

impl LoggedCauses {
    /// Creates a set for at most `max` causes. Further causes are not logged.
    #[must_use]
    pub const fn new(max: usize) -> LoggedCauses {
        LoggedCauses { max, logged: Mutex::new(Causes { generation: 0, causes: BTreeSet::new() }) }
    }

    /// Returns whether this process has not logged the cause. The caller must log it now.
    pub fn is_new(&self, cause: &str) -> bool {
        let Some(mut logged) = self.logged() else { return false };
        logged.causes.len() < self.max
            && !logged.causes.contains(cause)
            && logged.causes.insert(cause.to_owned())
    }

    /// Forgets all causes, after the faults have ended. Returns whether there were any.
    pub fn clear(&self) -> bool {
        let Some(mut logged) = self.logged() else { return false };
        let were_there = !logged.causes.is_empty();
        logged.causes.clear();
        were_there
    }

    /// Returns the causes that this process has logged, or none if another thread uses them now. A
    /// lasting fault is then logged at its next occurrence.
    fn logged(&self) -> Option<MutexGuard<'_, Causes>> {
        let mut logged = match self.logged.try_lock() {
            Ok(logged) => logged,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let generation = fork::generation();
        if logged.generation != generation {
            logged.generation = generation;
            logged.causes.clear();
        }
        Some(logged)
    }
}

/// Maximum number of causes that [`once`] logs.
const MAX_CAUSES: usize = 1_000;

/// Logs a warning, unless this process has logged one with the same cause.
pub(crate) fn once(notice: &str, cause: &str) {
    static LOGGED: LoggedCauses = LoggedCauses::new(MAX_CAUSES);
    if LOGGED.is_new(cause) {
        log::warn!("{}", Printable(notice));
    }
}

/// Logs once that a family is not shown, and why.
pub(crate) fn warn_skipped(family: &str, why: &str) {
    let notice = format!("the metric family {family:?} is not shown: {why}");
    once(&notice, &notice);
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::{LogOnce, LoggedCauses};

    #[test]
    fn line_is_due_once_in_a_process_until_it_is_reset() {
        let log = LogOnce::new();
        assert_eq!([log.is_first(), log.is_first(), log.is_first()], [true, false, false]);
        log.reset();
        assert_eq!([log.is_first(), log.is_first()], [true, false]);
    }

    #[test]
    fn line_is_due_again_after_the_interval() {
        let log = LogOnce::new();
        let long = Duration::from_secs(3600);
        assert_eq!([log.is_due(long), log.is_due(long)], [true, false]);
        thread::sleep(Duration::from_millis(2));
        assert_eq!([log.is_due(long), log.is_due(Duration::from_millis(1))], [false, true]);
        assert!(!log.is_due(Duration::MAX));
    }

    #[test]
    fn one_of_many_threads_logs() {
        let log = LogOnce::new();
        let logged = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| log.is_due(Duration::from_secs(3600)))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|&is_due| is_due).count()
        });
        assert_eq!(logged, 1);
    }

    #[test]
    fn cause_is_not_logged_twice_in_a_row() {
        let log = LogOnce::new();
        let causes = ["full", "full", "gone", "full", "full"];
        assert_eq!(causes.map(|cause| log.is_new(cause)), [true, false, true, true, false]);
        log.reset();
        assert_eq!([log.is_new("full"), log.is_new("full")], [true, false]);
    }

    #[test]
    fn number_of_logged_causes_is_bounded_until_they_are_cleared() {
        let logged = LoggedCauses::new(2);
        let causes = ["a", "b", "a", "c", "b", "c"];
        assert_eq!(causes.map(|cause| logged.is_new(cause)), [true, true, false, false, false, false]);
        assert_eq!([logged.clear(), logged.clear()], [true, false]);
        assert!(logged.is_new("c"));
    }
}
