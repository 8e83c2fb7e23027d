//! Timers: handles of series of durations or sizes.

use std::sync::Arc;

use super::{
    Recorder,
    handle::{Handle, count_rejected, is_valid_observation},
    lane::RecordResult,
    series::Series,
    thread_lanes,
};
use crate::{
    clock::{Stamp, Stopwatch},
    format::layout::HealthCounter,
    histogram::Bounds,
};

/// A timer: one series of durations or sizes.
///
/// A timer is cheap to clone. After a thread's first use of the series, recording never fails,
/// blocks or allocates.
///
/// ```
/// # let registry = ictus::Registry::new();
/// let timer = registry.timer("job_seconds", "How long a job takes.", &[])?.labels(&[])?;
/// timer.observe(0.25);
/// {
///     let _running = timer.start();
///     // The work; its time is observed at the end of this block.
/// }
/// let seconds = timer.start().stop();
/// timer.start().discard();
/// # use ictus::snapshot::Value;
/// let snapshot = registry.snapshot()?;
/// let Some(Value::Timer(timing)) = snapshot.family("job_seconds").unwrap().get(&[]) else { panic!() };
/// assert_eq!(timing.count, 3);
/// assert_eq!(timing.window.last(), Some(seconds));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Timer(Handle);

impl Timer {
    pub(super) fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Timer {
        Timer(Handle::new(recorder, series))
    }

    /// Publishes the series, with a count of 0 if it never observed.
    #[inline]
    pub(super) fn publish(&self) {
        self.0.publish();
    }

    /// Records one observation, in the family's unit: seconds, or bytes if the catalog defines the
    /// metric so. Negative, NaN and infinite values, and values of 2^94 and more, are rejected and
    /// counted.
    #[inline]
    pub fn observe(&self, value: f64) {
        // Read the clock before the checks: the time they take is not part of the measurement.
        self.observe_at(value, Stamp::now());
    }

    /// Records one observation that ended at `stamp`.
    ///
    /// Use it where the clock has been read already: reading it is nearly the whole cost of
    /// [`observe`](Timer::observe). A stamp older than this thread's last stamp of the series is
    /// raised to that stamp.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
    /// let end = ictus::Stamp::now();
    /// timer.observe_at(0.25, end);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[inline]
    pub fn observe_at(&self, value: f64, stamp: Stamp) {
        // Keep the slow path out of line so that the fast path spills no registers.
        if is_valid_observation(value)
            && let Some(lane) = thread_lanes::lane(self.0.id)
            && lane.observe_fast(value, stamp.0)
        {
            return;
        }
        self.observe_slow(value, stamp);
    }

    /// Records one observation together with the id of its trace, as an **exemplar**.
    ///
    /// An exemplar leads from a bucket to a request that fell into it. The newest exemplar of each
    /// classic bucket is kept; with more than 32 buckets, neighbours share one. OpenMetrics and
    /// protobuf show exemplars of timers that are shown as histograms.
    /// [`Timing::exemplars`](crate::snapshot::Timing::exemplars) always holds them.
    ///
    /// An id has 1 to 96 bytes and no control characters. With any other id the observation is
    /// still recorded; the exemplar is left out and counted
    /// ([`HealthCounts::exemplars`](crate::snapshot::HealthCounts::exemplars)).
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
    /// timer.observe_with_exemplar(0.25, "4bf92f3577b34da6a3ce929d0e0e4736");
    /// # use ictus::snapshot::Value;
    /// let snapshot = registry.snapshot()?;
    /// let Some(Value::Timer(timing)) = snapshot.family("job_seconds").unwrap().get(&[]) else { panic!() };
    /// assert_eq!(&*timing.exemplars[0].trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    pub fn observe_with_exemplar(&self, value: f64, trace_id: &str) {
        self.exemplify(value, Stamp::now(), trace_id);
    }

    pub(super) fn exemplify(&self, value: f64, end: Stamp, trace_id: &str) {
        // Store -0.0 as 0.0.
        let value = value + 0.0;
        let Handle { recorder, series, .. } = &self.0;
        if !is_valid_observation(value) {
            return count_rejected(recorder, value);
        }
        let bounds = series.family.bounds.as_deref().map_or(&[][..], Bounds::as_slice);
        self.0.record(|lane| {
            let recorded = lane.observe(value, end.0);
            // Store the exemplar after the observation: a reader that sees the exemplar also counts
            // the observation.
            if recorded == RecordResult::Recorded && !lane.record_exemplar(bounds, value, trace_id) {
                recorder.count_rejected(HealthCounter::Exemplar);
            }
            recorded
        });
    }

    #[cold]
    #[inline(never)]
    fn observe_slow(&self, value: f64, stamp: Stamp) {
        // Store -0.0 as 0.0.
        let value = if value == 0.0 { 0.0 } else { value };
        if is_valid_observation(value) {
            self.0.record(|lane| lane.observe(value, stamp.0));
        } else {
            count_rejected(&self.0.recorder, value);
        }
    }

    /// Records the time since a measurement began. Returns it in seconds.
    ///
    /// Use it where labels, such as the outcome, are known only at the end, or where a guard cannot
    /// follow the measurement.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// # let jobs = registry.timer("job_seconds", "", &["outcome"])?;
    /// # fn work() -> bool { true }
    /// let begun = ictus::Stopwatch::start();
    /// let outcome = if work() { "success" } else { "failure" };
    /// let seconds = jobs.labels(&[outcome])?.observe_since(begun);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[inline]
    pub fn observe_since(&self, begun: Stopwatch) -> f64 {
        let (seconds, end) = begun.stop();
        self.observe_at(seconds, Stamp(end));
        seconds
    }

    /// Returns the series' index in every thread's table.
    pub(super) fn id(&self) -> usize {
        self.0.id
    }
}
