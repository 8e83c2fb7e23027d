//! Handles: what the host keeps to record one series.

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

/// One series that counts. Cheap to clone; recording never fails, blocks or allocates, but for a
/// thread's first use of the series.
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

/// One series that holds a state of this process, set from any thread.
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

/// One series that observes durations or sizes. Cheap to clone; recording never fails, blocks or
/// allocates, but for a thread's first use of the series.
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

/// A series and where it is recorded.
#[derive(Clone, Debug)]
struct Handle {
    /// The series' place in every thread's table, here again: one load less.
    id: usize,
    recorder: Arc<Recorder>,
    series: Arc<Series>,
}

impl Counter {
    pub(super) fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Counter {
        Counter(Handle::new(recorder, series))
    }

    /// Shows the series, at 0 where it never counted.
    #[inline]
    pub(super) fn publish(&self) {
        self.0.publish();
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Adds `by`. A negative, NaN or infinite number is rejected and counted.
    #[inline]
    pub fn add(&self, by: f64) {
        if (0.0..LIMIT).contains(&by) {
            self.0.record(|lane| lane.add(by));
        } else {
            reject(&self.0.recorder, by);
        }
    }
}

impl Gauge {
    pub(super) fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Gauge {
        Gauge { recorder, series }
    }

    /// Sets the state of this process; processes are summed. NaN and infinities, which no sum
    /// recovers from, are rejected and counted.
    pub fn set(&self, to: f64) {
        if to.is_finite() {
            self.write(|lane| lane.set(to));
        } else {
            // A gauge may be negative: an infinity of either sign is too large.
            reject(&self.recorder, to.abs());
        }
    }

    /// Adds `by`, which may be negative. NaN and infinities are rejected and counted.
    pub fn add(&self, by: f64) {
        if by.is_finite() {
            self.write(|lane| lane.add(by));
        } else {
            reject(&self.recorder, by.abs());
        }
    }

    /// Shows the series, at 0 where it was never set.
    #[inline]
    pub(super) fn publish(&self) {
        if !self.series.is_published() {
            // Where there is no memory, the first write counts that.
            let _ = again(&self.recorder, &self.series, |series| self.attach(series));
        }
    }

    fn write(&self, write: impl Fn(&GaugeLane) -> bool) {
        let generation = fork::generation();
        let current = self.series.shared.load(Ordering::Acquire).filter(|lane| lane.generation == generation);
        if let Some(lane) = current {
            return write_to(lane, &write);
        }
        // Written while the series is there: once nothing has it any more, its lane is another gauge's.
        let attach_and_write = |series: &Series| self.attach(series).map(|lane| write_to(lane, &write));
        if let Err(loss) = again(&self.recorder, &self.series, attach_and_write) {
            self.recorder.lose(loss);
        }
    }

    /// The gauge's one lane in this process's segment.
    #[cold]
    fn attach(&self, series: &Series) -> Result<&'static GaugeLane, AttachError> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(attached) = self.attach_once(series) {
                return attached;
            }
        }
        Err(AttachError::Rejected(HealthCounter::NoMemory))
    }

    /// None where the segment was left meanwhile.
    fn attach_once(&self, series: &Series) -> Option<Result<&'static GaugeLane, AttachError>> {
        let known = series.shared.load(Ordering::Acquire);
        if let Some(lane) = known
            && lane.generation == fork::generation()
        {
            return Some(Ok(lane));
        }
        let Some(life) = series.life() else { return Some(Err(AttachError::SeriesEnded)) };
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
        if let Err(other) = series.shared.exchange(known, Some(new), Ordering::AcqRel) {
            // Another thread was faster. Not for others: one that sets the gauge may hold this lane from
            // its life before.
            series.keep_lane(new);
            return Some(other.ok_or(AttachError::SeriesEnded));
        }
        // "end" and "leave": whoever ends the life, or leaves the segment, now sees the lane, or this sees
        // the end.
        fence(Ordering::SeqCst);
        if series.life() == Some(life) && !segment.is_left() && new.publish(word) {
            series.note_published(life);
            return Some(Ok(new));
        }
        if series.shared.exchange(Some(new), None, Ordering::AcqRel).is_ok() {
            // The next life may have begun with this lane, and shown it.
            new.hide();
            series.keep_lane(new);
        }
        if series.life() == Some(life) && segment.is_left() {
            None
        } else {
            Some(Err(AttachError::SeriesEnded))
        }
    }
}

/// Writes to a lane, or to the one that it has moved to.
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

    /// Shows the series, with a count of 0 where it never observed.
    #[inline]
    pub(super) fn publish(&self) {
        self.0.publish();
    }

    /// Records one observation, in the family's unit: seconds, or bytes where the catalog says so.
    /// Negative, NaN and infinite values, and those of 2^94 and more, are rejected and counted.
    #[inline]
    pub fn observe(&self, value: f64) {
        // Read before the checks: whatever comes after the end is not part of the measurement.
        self.observe_at(value, Stamp::now());
    }

    /// Records one observation that ended at `stamp`: for callers that have read the clock already,
    /// since that is nearly the whole cost of [`observe`](Timer::observe). A stamp older than the
    /// last one of this thread and series is raised to it.
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
        // What is rare is told apart behind one call, so that nothing is kept for it before.
        if is_observation(value)
            && let Some(lane) = thread_lanes::lane(self.0.id)
            && lane.observe_usual(value, stamp.0)
        {
            return;
        }
        self.observe_unusual(value, stamp);
    }

    /// Records one observation, and the id of the trace that it belongs to: as an **exemplar**, by which
    /// somebody who looks at a bucket finds a request that fell into it. The newest of each classic bucket
    /// is kept (of more than 32 buckets, neighbours share one). OpenMetrics and protobuf show it where the
    /// timer is a histogram; [`Timing::exemplars`](crate::snapshot::Timing::exemplars) has it everywhere.
    ///
    /// An id is 1 to 96 bytes without control characters. With any other the observation is recorded all
    /// the same, and the exemplar is left out and counted
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
        // -0.0 is shown as 0.0.
        let value = value + 0.0;
        let Handle { recorder, series, .. } = &self.0;
        if !is_observation(value) {
            return reject(recorder, value);
        }
        let bounds = series.family.bounds.as_deref().map_or(&[][..], Bounds::as_slice);
        self.0.record(|lane| {
            let taken = lane.observe(value, end.0);
            // After the observation: a reader that sees the exemplar counts it, too.
            if taken == RecordResult::Recorded && !lane.exemplify(bounds, value, trace_id) {
                recorder.lose(HealthCounter::Exemplar);
            }
            taken
        });
    }

    #[cold]
    #[inline(never)]
    fn observe_unusual(&self, value: f64, stamp: Stamp) {
        // -0.0 is shown as 0.0.
        let value = if value == 0.0 { 0.0 } else { value };
        if is_observation(value) {
            self.0.record(|lane| lane.observe(value, stamp.0));
        } else {
            reject(&self.0.recorder, value);
        }
    }

    /// Records the time since a measurement began; gives it in seconds. For those whose labels, the outcome
    /// for one, are known at its end alone, or whose measurements a guard cannot follow.
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

    /// The same timer bound to this thread.
    #[must_use]
    pub fn local(&self) -> LocalTimer {
        LocalTimer::new(self.clone())
    }

    /// The series' place in every thread's table.
    pub(super) fn id(&self) -> usize {
        self.0.id
    }

    /// Starts measuring. The time until [`TimerGuard::stop`], or until the guard is dropped, is
    /// observed.
    #[must_use = "the time until this is dropped is observed"]
    pub fn start(&self) -> TimerGuard<'_> {
        TimerGuard::new(self)
    }
}

impl Handle {
    fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Handle {
        Handle { id: series.id, recorder, series }
    }

    /// Shows the series by a lane of this thread, where no thread of the process has one.
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
        // Where there is no memory, the first observation counts that.
        let _ = again(recorder, series, |series| thread_lanes::with_new_lane(series, recorder, |_| ()));
    }

    /// Writes to this thread's lane of the series, and counts where that cannot be.
    #[inline(always)]
    fn record(&self, write: impl Fn(&LaneWriter) -> RecordResult) {
        match thread_lanes::lane(self.id) {
            Some(lane) if write(lane) == RecordResult::Recorded => {}
            Some(_) => self.recorder.lose(HealthCounter::Reentered),
            None => self.record_in_new_lane(write),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_in_new_lane(&self, write: impl Fn(&LaneWriter) -> RecordResult) {
        let Handle { recorder, series, .. } = self;
        if OUTLIVED.load(Relaxed) {
            recorder.leave_outlived();
        }
        recorder.check_file();
        match again(recorder, series, |series| thread_lanes::with_new_lane(series, recorder, &write)) {
            Ok(RecordResult::Recorded) => {}
            Ok(RecordResult::Reentrant) => recorder.lose(HealthCounter::Reentered),
            Err(loss) => recorder.lose(loss),
        }
    }
}

/// Ends of a life, or of a segment, that one observation may meet.
pub(super) const MAX_ATTEMPTS: usize = 4;

/// Does something in a lane of a series, or of the one that is there in its place.
#[cold]
fn again<T>(
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
                let index = recorder.known(&series.family.record).ok_or(HealthCounter::Removed)?;
                series = index.again(&series, recorder).ok_or(HealthCounter::Removed)?;
            }
        }
    }
    Err(HealthCounter::Removed)
}

/// Bits of numbers that are not negative order as the numbers do; all others are greater.
#[inline(always)]
pub(super) fn is_observation(value: f64) -> bool {
    value.to_bits() < LIMIT.to_bits()
}

#[cold]
fn reject(recorder: &Recorder, value: f64) {
    let loss = match value {
        _ if value.is_nan() => HealthCounter::Nan,
        _ if value < 0.0 => HealthCounter::Negative,
        _ => HealthCounter::TooLarge,
    };
    recorder.lose(loss);
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use super::Gauge;
    use crate::{Registry, format::descriptor::FamilyDescriptor, observe::Recorder, snapshot::Value};

    fn state(registry: &Registry, label: &str) -> Option<Value> {
        registry.snapshot().unwrap().family("active")?.get(&[label]).cloned()
    }

    /// The handle of a series that its family does not know any more, as a thread gets it that asks for the
    /// series while it expires.
    fn forgotten(registry: &Registry) -> (Gauge, Arc<Recorder>, FamilyDescriptor) {
        let gauge = registry.gauge("active", "", &["x"]).unwrap().labels(&["a"]).unwrap();
        let (recorder, record) = (Arc::clone(&gauge.recorder), gauge.series.family.record.clone());
        assert_eq!(recorder.expire(&record, |_| true), 1);
        assert!(gauge.series.forget());
        assert_eq!(recorder.expire(&record, |_| true), 0);
        (gauge, recorder, record)
    }

    /// Between finding the lane and writing it, the series that was found is dropped in its turn, and another
    /// gauge begins.
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
