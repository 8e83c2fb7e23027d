//! Guards that measure the time from the start of some work to its end.

use super::timer::Timer;
use crate::clock::{Stamp, Stopwatch};

/// A measurement that has begun.
///
/// [`stop`](TimerGuard::stop), or dropping the guard, observes the elapsed time. [`Timer::start`]
/// creates it.
///
/// ```
/// use ictus::{Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// let jobs = registry.timer("job_seconds", "Duration of a job.", &[])?.labels(&[])?;
/// {
///     let _job = jobs.start();
///     // Observed at the end of the block, also after `?` and a panic.
/// }
/// let unfinished = jobs.start();
/// unfinished.discard();
/// let snapshot = registry.snapshot()?;
/// assert!(matches!(snapshot.get("job_seconds", &[]), Some(Value::Timer(timing)) if timing.count == 1));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Debug)]
pub struct TimerGuard<'timer> {
    timer: &'timer Timer,
    started: Stopwatch,
}

impl Timer {
    /// Starts a measurement. [`TimerGuard::stop`], or dropping the guard, observes the elapsed
    /// time.
    #[must_use = "the time until this is dropped is observed"]
    pub fn start(&self) -> TimerGuard<'_> {
        TimerGuard::new(self)
    }
}

impl<'timer> TimerGuard<'timer> {
    fn new(timer: &'timer Timer) -> TimerGuard<'timer> {
        TimerGuard { timer, started: Stopwatch::start() }
    }

    /// Observes the time since the start. Returns it in seconds.
    pub fn stop(self) -> f64 {
        let seconds = self.finish();
        std::mem::forget(self);
        seconds
    }

    /// Observes the time since the start, with the id of its trace as an exemplar. Returns it in
    /// seconds.
    ///
    /// See [`Timer::observe_with_exemplar`].
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
    /// let running = timer.start();
    /// // The work.
    /// running.stop_with_exemplar("4bf92f3577b34da6a3ce929d0e0e4736");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    pub fn stop_with_exemplar(self, trace_id: &str) -> f64 {
        let (seconds, end) = self.started.stop();
        self.timer.exemplify(seconds, Stamp(end), trace_id);
        self.discard();
        seconds
    }

    /// Ends the measurement without observing it.
    pub fn discard(self) {
        std::mem::forget(self);
    }

    fn finish(&self) -> f64 {
        self.timer.observe_since(self.started)
    }
}

impl Drop for TimerGuard<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
