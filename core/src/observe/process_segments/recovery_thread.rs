//! The recovery thread, which repeats attempts until one succeeds.
//!
//! The recorder implements the attempt, [`Recover`], because it also moves gauges, and families are
//! above segments.

use std::{
    io,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{
            AtomicU64,
            Ordering::{Relaxed, SeqCst},
            fence,
        },
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;

use crate::{clock, log_once::LogOnce, sys::fork};

const THREAD: &str = "ictus-recover";
/// Delay of the first retry after a failure. It is doubled each time.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(10);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Interval at which a copy is compared with its segment.
const VERIFY_INTERVAL: Duration = Duration::from_millis(50);
/// Interval, in nanoseconds, at which the calling thread tries to recover if no thread could be
/// started.
const RETRY_INTERVAL: u64 = 1_000_000_000;
/// Interval at which a cause is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The attempt that the thread repeats.
pub(in crate::observe) trait Recover: Send + Sync {
    /// Makes one attempt to recover.
    fn recover(&self) -> io::Result<Progress>;

    /// Whether this process records, or has recorded, in memory that other processes do not see.
    fn is_degraded(&self) -> bool;

    /// Returns the state of the thread.
    fn thread(&self) -> &RecoveryThread;
}

/// The result of one attempt.
pub(in crate::observe) enum Progress {
    /// Everything is in the directory.
    Done,
    /// Copies are being compared.
    Verifying,
    /// Another thread is recovering.
    Busy,
}

/// The state of the recovery thread of a recorder.
#[derive(Debug, Default)]
pub(in crate::observe) struct RecoveryThread {
    /// The fork generation of the process whose thread runs; 0 if none runs.
    running: AtomicU64,
    retry_at: AtomicU64,
    cause_log: LogOnce,
    /// The cause, to be logged by the thread.
    cause: ArcSwapOption<String>,
    /// Weak: dropping the recorder ends the thread.
    work: OnceLock<Weak<dyn Recover>>,
}

impl RecoveryThread {
    /// Sets the attempt, unless it is set. No thread is started before.
    pub(in crate::observe) fn set_work(&self, work: impl FnOnce() -> Weak<dyn Recover>) {
        self.work.get_or_init(work);
    }

    /// Logs that other processes do not see the records of this process, and starts to recover.
    #[cold]
    pub(super) fn start(&self, cause: impl FnOnce() -> String) {
        // Before the mark of a thread that runs, which nothing would remove without a thread.
        let Some(work) = self.work.get() else { return };
        let own = u64::from(fork::generation());
        let running = self.running.load(Relaxed);
        let claimed = running != own && self.running.compare_exchange(running, own, Relaxed, Relaxed).is_ok();
        if !claimed {
            return;
        }
        self.cause.store(Some(Arc::new(cause())));
        let spawned = fork::with_signals_blocked(|| {
            let work = Weak::clone(work);
            std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || run(&work, own))
        });
        if spawned.is_err() {
            // No thread can be started: the next thread that creates a lane tries to recover.
            self.running.store(0, Relaxed);
            self.log_cause();
            self.try_to_recover(work);
        }
    }

    /// Whether a recovery thread of this process runs or is about to start.
    pub(in crate::observe) fn is_running(&self) -> bool {
        self.running.load(Relaxed) == u64::from(fork::generation())
    }

    /// Forgets the cause, which no longer exists. Returns whether there was one.
    pub(in crate::observe) fn clear_cause(&self) -> bool {
        self.cause.swap(None).is_some()
    }

    pub(in crate::observe) fn log_cause(&self) {
        let Some(cause) = self.cause.load_full() else { return };
        if self.cause_log.is_due(LOG_INTERVAL) {
            log::error!("{cause}");
        } else {
            log::debug!("{cause}");
        }
    }

    /// Ends the work of the thread. Returns false if there is something to recover again.
    fn end(&self, own: u64, is_degraded: impl FnOnce() -> bool) -> bool {
        self.running.store(0, Relaxed);
        fence(SeqCst);
        if !is_degraded() {
            return true;
        }
        self.running.compare_exchange(0, own, Relaxed, Relaxed).is_err()
    }

    /// Tries to recover on the calling thread, at a limited rate. Used if no thread could be
    /// started.
    fn try_to_recover(&self, work: &Weak<dyn Recover>) {
        let now = clock::monotonic();
        let at = self.retry_at.load(Relaxed);
        if now >= at
            && self.retry_at.compare_exchange(at, now + RETRY_INTERVAL, Relaxed, Relaxed).is_ok()
            && let Some(work) = work.upgrade()
        {
            let _ = work.recover();
        }
    }
}

/// Repeats attempts until one succeeds. `own` is the mark of this process's thread.
fn run(work: &Weak<dyn Recover>, own: u64) {
    if let Some(work) = work.upgrade() {
        work.thread().log_cause();
    }
    let mut delay = MIN_RETRY_DELAY;
    loop {
        std::thread::sleep(delay);
        // Released while the thread sleeps: dropping the registry ends the thread.
        let Some(work) = work.upgrade() else { return };
        delay = match work.recover() {
            Ok(Progress::Done) => {
                if work.thread().end(own, || work.is_degraded()) {
                    return;
                }
                MIN_RETRY_DELAY
            }
            Ok(Progress::Verifying | Progress::Busy) => VERIFY_INTERVAL,
            Err(_) => (delay * 2).min(MAX_RETRY_DELAY),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::RecoveryThread;

    #[test]
    fn thread_without_work_is_not_marked_as_running() {
        let thread = RecoveryThread::default();
        thread.start(|| "no descriptor was free".to_owned());
        assert!(!thread.is_running());
    }
}
