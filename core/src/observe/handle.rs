//! What the handles of counters, gauges and timers have in common: how a call finds the lane to
//! write, and what becomes of a value that no lane accepts.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{
    Recorder,
    lane::{LaneWriter, RecordResult},
    series::Series,
    thread_lanes::{self, AttachError, MAX_ATTEMPTS},
};
use crate::{format::layout::HealthCounter, segment::writer::OUTLIVED, sum::LIMIT};

/// A series and the recorder that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    /// Copy of the series' index in every thread's table, which saves one load.
    pub(super) id: usize,
    pub(super) recorder: Arc<Recorder>,
    pub(super) series: Arc<Series>,
}

impl Handle {
    pub(super) fn new(recorder: Arc<Recorder>, series: Arc<Series>) -> Handle {
        Handle { id: series.id, recorder, series }
    }

    /// Publishes the series with a lane of this thread, unless a thread of the process has a lane
    /// of it.
    #[inline]
    pub(super) fn publish(&self) {
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
            thread_lanes::attach_and_retry(series, &recorder.segments, |_| ())
        });
    }

    /// Writes to this thread's lane of the series. Counts the observation as rejected if that
    /// fails.
    #[inline(always)]
    pub(super) fn record(&self, write: impl Fn(&LaneWriter) -> RecordResult) {
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
        recorder.segments.check_file();
        match retry_on_ended(recorder, series, |series| {
            thread_lanes::attach_and_retry(series, &recorder.segments, &write)
        }) {
            Ok(RecordResult::Recorded) => {}
            Ok(RecordResult::Reentrant) => recorder.count_rejected(HealthCounter::Reentered),
            Err(loss) => recorder.count_rejected(loss),
        }
    }
}

/// Attaches to a series, or to the series that has replaced it, and retries if that one ended.
#[cold]
pub(super) fn retry_on_ended<T>(
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
                let index = recorder.families.get(&series.family.record).ok_or(HealthCounter::Removed)?;
                series = index.resolve_stale(&series, &recorder.segments).ok_or(HealthCounter::Removed)?;
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
pub(super) fn count_rejected(recorder: &Recorder, value: f64) {
    let loss = match value {
        _ if value.is_nan() => HealthCounter::Nan,
        _ if value < 0.0 => HealthCounter::Negative,
        _ => HealthCounter::TooLarge,
    };
    recorder.count_rejected(loss);
}
