//! Gauges: handles of series that hold a state.
//!
//! All threads write one lane, which the gauge's first write creates. A handle finds it without the
//! table of its thread.

use std::sync::Arc;

use super::{
    Recorder,
    gauge_lane::GaugeLane,
    handle::{count_rejected, retry_on_ended},
    series::Series,
    thread_lanes::{AttachError, MAX_ATTEMPTS},
};
use crate::{
    format::layout::HealthCounter,
    sync::{Ordering, fence},
    sys::fork,
};

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
        let previous = series.shared.load(Ordering::Acquire);
        if let Some(lane) = previous
            && lane.generation == fork::generation()
        {
            return Some(Ok(lane));
        }
        let Some(life) = series.incarnation() else { return Some(Err(AttachError::SeriesEnded)) };
        if !series.is_describable() {
            return Some(Err(AttachError::Rejected(HealthCounter::LabelTooLong)));
        }
        let attached = self.recorder.segments.with_segment(|segment| {
            let (lane, word) = series.new_shared_lane(segment, life, &self.recorder.segments)?;
            Some((lane, word, Arc::clone(segment)))
        });
        let Some((new, word, segment)) = attached else {
            return Some(Err(AttachError::Rejected(HealthCounter::NoMemory)));
        };
        if let Err(other) = series.shared.compare_exchange(previous, Some(new), Ordering::AcqRel) {
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
