//! Counters: handles of series that only increase.

use std::sync::Arc;

use super::{
    Recorder,
    handle::{Handle, count_rejected},
    series::Series,
};
use crate::sum::LIMIT;

/// A counter: one series that only increases.
///
/// A counter is cheap to clone. After a thread's first use of the series, recording never fails,
/// blocks or allocates. Numbers from 0 to less than 2^94 are added; others are rejected and counted
/// in [`HealthCounts`](crate::snapshot::HealthCounts).
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
/// assert_eq!(snapshot.health.counts.negative, 1);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counter(Handle);

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
