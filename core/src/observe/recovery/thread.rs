//! The recovery thread, which repeats attempts until one succeeds.

use std::{
    sync::{
        Arc,
        atomic::{
            Ordering::{Relaxed, SeqCst},
            fence,
        },
    },
    time::Duration,
};

use super::Progress;
use crate::{clock, observe::recorder::Recorder, sys::fork};

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

impl Recorder {
    /// Logs that other processes do not see the records of this process, and starts to recover.
    #[cold]
    pub(in crate::observe) fn degrade(&self, cause: impl FnOnce() -> String) {
        let recovery = &self.recovery;
        let own = u64::from(fork::generation()) + 1;
        let running = recovery.thread.load(Relaxed);
        let claimed =
            running != own && recovery.thread.compare_exchange(running, own, Relaxed, Relaxed).is_ok();
        if !claimed {
            return;
        }
        recovery.cause.store(Some(Arc::new(cause())));
        let Some(recorder) = self.own_handle() else { return };
        let spawned = fork::with_signals_blocked(|| {
            let run = move || {
                if let Some(recorder) = recorder.upgrade() {
                    recorder.log_cause();
                }
                let mut delay = MIN_RETRY_DELAY;
                loop {
                    std::thread::sleep(delay);
                    // Released while the thread sleeps: dropping the registry ends the thread.
                    let Some(recorder) = recorder.upgrade() else { return };
                    delay = match recorder.recover() {
                        Ok(Progress::Done) => {
                            if recorder.end_thread(own) {
                                return;
                            }
                            MIN_RETRY_DELAY
                        }
                        Ok(Progress::Verifying | Progress::Busy) => VERIFY_INTERVAL,
                        Err(_) => (delay * 2).min(MAX_RETRY_DELAY),
                    };
                }
            };
            std::thread::Builder::new().name(THREAD.to_owned()).spawn(run)
        });
        if spawned.is_err() {
            // No thread can be started: the next thread that creates a lane tries to recover.
            recovery.thread.store(0, Relaxed);
            self.log_cause();
            self.try_to_recover();
        }
    }

    /// Ends the work of the thread. Returns false if there is something to recover again.
    fn end_thread(&self, own: u64) -> bool {
        self.recovery.thread.store(0, Relaxed);
        fence(SeqCst);
        if !self.is_degraded() {
            return true;
        }
        self.recovery.thread.compare_exchange(0, own, Relaxed, Relaxed).is_err()
    }

    pub(super) fn log_cause(&self) {
        let Some(cause) = self.recovery.cause.load_full() else { return };
        if self.recovery.cause_log.is_due(LOG_INTERVAL) {
            log::error!("{cause}");
        } else {
            log::debug!("{cause}");
        }
    }

    /// Tries to recover on the calling thread, at a limited rate. Used if no thread could be
    /// started.
    pub(in crate::observe) fn try_to_recover(&self) {
        let (now, recovery) = (clock::monotonic(), &self.recovery);
        let at = recovery.retry_at.load(Relaxed);
        if now >= at && recovery.retry_at.compare_exchange(at, now + RETRY_INTERVAL, Relaxed, Relaxed).is_ok()
        {
            let _ = self.recover();
        }
    }
}
