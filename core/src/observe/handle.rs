//! Handles: `Counter`, `Gauge` and `Timer`, each of which records one series.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{
    Recorder,
    lane::{GaugeLane, LaneWriter, RecordResult},
    local_timer::LocalTimer,
    series::Series,
    thread_lanes::{self, AttachError},
    timer_guard::TimerGuard,
};
use crate::{
    clock::{Stamp, Stopwatch},
    format::layout::HealthCounter,
    histogram::Bounds,
    segment::writer::OUTLIVED,
    sum::LIMIT,
    sync::{Ordering, fence},
    sys::fork,
};

/// A counter: one series that only increases.
///
/// A counter is cheap to clone. After a thread's first use of the series, recording never fails,
/// blocks or allocates. Numbers from 0 to less than 2^94 are added; others are rejected and counted
/// in [`Lost`](crate::snapshot::Lost).
///
/// ```
/// # let registry = ictus::Registry::new();
/// let done = registry.counter("jobs_done", "Jobs done.", &["queue"])?.labels(&["mail"])?;
/// done.inc();
/// done.add(2.0);
/// done.add(-1.0); // rejected, and counted as such
/// # use ictus::snapshot::Value;
/// let snapshot = registry.snapshot()?;
/// assert_eq!(snapshot.family("jobs_done").unwrap().get(&["mail"]), Some(&Value::Counter(3.0)));
/// assert_eq!(snapshot.health.lost.negative, 1);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counter(Handle);

/// A gauge: one series that holds a state of this process. Any thread may set it.
///
/// Readers add up the states of all processes. NaN and infinities are rejected and counted.
///
/// ```
/// # let registry = ictus::Registry::new();
/// let active = registry.gauge("jobs_active", "Jobs being done now.", &[])?.labels(&[])?;
/// active.set(5.0);
/// active.add(-2.0);
/// # use ictus::snapshot::Value;
/// assert_eq!(registry.snapshot()?.family("jobs_active").unwrap().get(&[]), Some(&Value::Gauge(3.0)));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gauge {
    recorder: Arc<Recorder>,
    series: Arc<Series>,
}

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

/// A series and the recorder that it belongs to.
#[derive(Clone, Debug)]
struct Handle {
    /// Copy of the series' index in every thread's table, which saves one load.
    id: usize,
    recorder: Arc<Recorder>,
    series: Arc<Series>,
}

impl Counter {
    pub(super) fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Counter {
        Counter(Handle::new(recorder, series))
    }

    /// Publishes the series, at 0 if it never counted.
    #[inline]
    pub(super) fn publish(&self) {
        self.0.publish();
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Adds `by`. Negative, NaN and infinite numbers are rejected and counted.
    #[inline]
    pub fn add(&self, by: f64) {
        if (0.0..LIMIT).contains(&by) {
            self.0.record(|lane| lane.add(by));
        } else {
            count_rejected(&self.0.recorder, by);
        }
    }
}

impl Gauge {
    pub(super) fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Gauge {
        Gauge { recorder, series }
    }

    /// Sets the state of this process; readers sum the states of all processes. NaN and infinities,
    /// which would make the sum useless, are rejected and counted.
    pub fn set(&self, to: f64) {
        if to.is_finite() {
            self.write(|lane| lane.set(to));
        } else {
            // A gauge may be negative, so an infinity of either sign is too large.
            count_rejected(&self.recorder, to.abs());
        }
    }

    /// Adds `by`, which may be negative. NaN and infinities are rejected and counted.
    pub fn add(&self, by: f64) {
        if by.is_finite() {
            self.write(|lane| lane.add(by));
        } else {
            count_rejected(&self.recorder, by.abs());
        }
    }

    /// Publishes the series, at 0 if it was never set.
    #[inline]
    pub(super) fn publish(&self) {
        if !self.series.is_published() {
            // If there is no memory, the first write counts the failure.
            let _ = retry_on_ended(&self.recorder, &self.series, |series| self.attach(series));
        }
    }

    fn write(&self, write: impl Fn(&GaugeLane) -> bool) {
        let generation = fork::generation();
        let current = self.series.shared.load(Ordering::Acquire).filter(|lane| lane.generation == generation);
        if let Some(lane) = current {
            return write_to(lane, &write);
        }
        // Write while this call holds the series: after the last holder drops it, another gauge may
        // use its lane.
        let attach_and_write = |series: &Series| self.attach(series).map(|lane| write_to(lane, &write));
        if let Err(loss) = retry_on_ended(&self.recorder, &self.series, attach_and_write) {
            self.recorder.count_rejected(loss);
        }
    }

    /// Returns the gauge's one lane in this process's segment. Creates it if it is missing.
    #[cold]
    fn attach(&self, series: &Series) -> Result<&'static GaugeLane, AttachError> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(attached) = self.attach_once(series) {
                return attached;
            }
        }
        Err(AttachError::Rejected(HealthCounter::NoMemory))
    }

    /// Makes one attempt. Returns none if the segment was left meanwhile.
    fn attach_once(&self, series: &Series) -> Option<Result<&'static GaugeLane, AttachError>> {
        let known = series.shared.load(Ordering::Acquire);
        if let Some(lane) = known
            && lane.generation == fork::generation()
        {
            return Some(Ok(lane));
        }
        let Some(life) = series.incarnation() else { return Some(Err(AttachError::SeriesEnded)) };
        if !series.is_describable() {
            return Some(Err(AttachError::Rejected(HealthCounter::LabelTooLong)));
        }
        let made = self.recorder.with_segment(|segment| {
            let (lane, word) = series.new_shared_lane(segment, life, &self.recorder)?;
            Some((lane, word, Arc::clone(segment)))
        });
        let Some((new, word, segment)) = made else {
            return Some(Err(AttachError::Rejected(HealthCounter::NoMemory)));
        };
        if let Err(other) = series.shared.compare_exchange(known, Some(new), Ordering::AcqRel) {
            // Another thread was faster. Keep the lane for this series only: a thread that sets the
            // gauge may hold this lane from an earlier incarnation.
            series.store_spare_lane(new);
            return Some(other.ok_or(AttachError::SeriesEnded));
        }
        // "end" and "leave": either the thread that ends the incarnation or leaves the segment sees
        // the lane, or this thread sees the end.
        fence(Ordering::SeqCst);
        if series.incarnation() == Some(life) && !segment.is_left() && new.publish(word) {
            series.note_published(life);
            return Some(Ok(new));
        }
        if series.shared.compare_exchange(Some(new), None, Ordering::AcqRel).is_ok() {
            // The next incarnation may have begun with this lane and published it.
            new.hide();
            series.store_spare_lane(new);
        }
        if series.incarnation() == Some(life) && segment.is_left() {
            None
        } else {
            Some(Err(AttachError::SeriesEnded))
        }
    }
}

/// Writes to a lane, or to the lane that it has moved to.
fn write_to(mut lane: &GaugeLane, write: impl Fn(&GaugeLane) -> bool) {
    while !write(lane) {
        match lane.successor() {
            Some(next) => lane = next,
            None => return,
        }
    }
}

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
    /// ([`Lost::exemplars`](crate::snapshot::Lost::exemplars)).
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
            let taken = lane.observe(value, end.0);
            // Store the exemplar after the observation: a reader that sees the exemplar also counts
            // the observation.
            if taken == RecordResult::Recorded && !lane.record_exemplar(bounds, value, trace_id) {
                recorder.count_rejected(HealthCounter::Exemplar);
            }
            taken
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

    /// Returns the same timer, bound to this thread.
    #[must_use]
    pub fn local(&self) -> LocalTimer {
        LocalTimer::new(self.clone())
    }

    /// Returns the series' index in every thread's table.
    pub(super) fn id(&self) -> usize {
        self.0.id
    }

    /// Starts a measurement. [`TimerGuard::stop`], or dropping the guard, observes the elapsed
    /// time.
    #[must_use = "the time until this is dropped is observed"]
    pub fn start(&self) -> TimerGuard<'_> {
        TimerGuard::new(self)
    }
}

impl Handle {
    fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Handle {
        Handle { id: series.id, recorder, series }
    }

    /// Publishes the series with a lane of this thread, unless a thread of the process has a lane
    /// of it.
    #[inline]
    fn publish(&self) {
        if !self.series.is_published() {
            self.publish_new_lane();
        }
    }

    #[cold]
    #[inline(never)]
    fn publish_new_lane(&self) {
        let Handle { recorder, series, .. } = self;
        // If there is no memory, the first observation counts the failure.
        let _ = retry_on_ended(recorder, series, |series| {
            thread_lanes::attach_and_retry(series, recorder, |_| ())
        });
    }

    /// Writes to this thread's lane of the series. Counts the observation as rejected if that
    /// fails.
    #[inline(always)]
    fn record(&self, write: impl Fn(&LaneWriter) -> RecordResult) {
        match thread_lanes::lane(self.id) {
            Some(lane) if write(lane) == RecordResult::Recorded => {}
            Some(_) => self.recorder.count_rejected(HealthCounter::Reentered),
            None => self.attach_and_record(write),
        }
    }

    #[cold]
    #[inline(never)]
    fn attach_and_record(&self, write: impl Fn(&LaneWriter) -> RecordResult) {
        let Handle { recorder, series, .. } = self;
        if OUTLIVED.load(Relaxed) {
            recorder.leave_outlived();
        }
        recorder.check_file();
        match retry_on_ended(recorder, series, |series| {
            thread_lanes::attach_and_retry(series, recorder, &write)
        }) {
            Ok(RecordResult::Recorded) => {}
            Ok(RecordResult::Reentrant) => recorder.count_rejected(HealthCounter::Reentered),
            Err(loss) => recorder.count_rejected(loss),
        }
    }
}

/// Maximum attempts of one observation, which may meet the end of an incarnation or of a segment
/// each time.
pub(super) const MAX_ATTEMPTS: usize = 4;

/// Attaches to a series, or to the series that has replaced it, and retries if that one ended.
#[cold]
fn retry_on_ended<T>(
    recorder: &Recorder,
    series: &Arc<Series>,
    attach: impl Fn(&Series) -> Result<T, AttachError>,
) -> Result<T, HealthCounter> {
    let mut series = Arc::clone(series);
    for _ in 0..MAX_ATTEMPTS {
        match attach(&series) {
            Ok(done) => return Ok(done),
            Err(AttachError::Rejected(loss)) => return Err(loss),
            Err(AttachError::SeriesEnded) => {
                let index = recorder.family_index(&series.family.record).ok_or(HealthCounter::Removed)?;
                series = index.resolve_stale(&series, recorder).ok_or(HealthCounter::Removed)?;
            }
        }
    }
    Err(HealthCounter::Removed)
}

/// Whether a timer accepts the value: the bits of non-negative numbers have the order of the
/// numbers; the bits of all other values are greater.
#[inline(always)]
pub(super) fn is_valid_observation(value: f64) -> bool {
    value.to_bits() < LIMIT.to_bits()
}

#[cold]
fn count_rejected(recorder: &Recorder, value: f64) {
    let loss = match value {
        _ if value.is_nan() => HealthCounter::Nan,
        _ if value < 0.0 => HealthCounter::Negative,
        _ => HealthCounter::TooLarge,
    };
    recorder.count_rejected(loss);
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use super::Gauge;
    use crate::{Registry, format::descriptor::FamilyDescriptor, observe::Recorder, snapshot::Value};

    fn state(registry: &Registry, label: &str) -> Option<Value> {
        registry.snapshot().unwrap().family("active")?.get(&[label]).cloned()
    }

    /// Returns a handle of a series that its family has forgotten, as a thread gets it that
    /// requests the series while it expires.
    fn forgotten(registry: &Registry) -> (Gauge, Arc<Recorder>, FamilyDescriptor) {
        let gauge = registry.gauge("active", "", &["x"]).unwrap().labels(&["a"]).unwrap();
        let (recorder, record) = (Arc::clone(&gauge.recorder), gauge.series.family.record.clone());
        assert_eq!(recorder.expire(&record, |_| true), 1);
        assert!(gauge.series.detach());
        assert_eq!(recorder.expire(&record, |_| true), 0);
        (gauge, recorder, record)
    }

    /// Between finding the lane and writing it, the series that was found is dropped as well, and
    /// another gauge begins.
    #[test]
    fn late_write_through_a_forgotten_handle_leaves_other_gauges_alone() {
        let registry = Registry::new();
        let (gauge, recorder, record) = forgotten(&registry);
        let others = registry.gauge("active", "", &["x"]).unwrap();
        let is_late = Cell::new(false);
        gauge.write(|lane| {
            if !is_late.replace(true) {
                assert_eq!(recorder.expire(&record, |_| true), 1);
                recorder.expire(&record, |_| true);
                others.labels(&["b"]).unwrap().set(7.0);
            }
            lane.set(1.0)
        });
        assert_eq!(state(&registry, "b"), Some(Value::Gauge(7.0)));
        gauge.set(2.0);
        assert_eq!(state(&registry, "a"), Some(Value::Gauge(2.0)));
        assert_eq!(state(&registry, "b"), Some(Value::Gauge(7.0)));
    }
}
