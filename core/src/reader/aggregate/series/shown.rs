//! What a snapshot shows of a series, and what shows whether it was updated.

use std::sync::Arc;

use super::{SeriesAggregate, update::newer};
use crate::{
    catalog::Kind,
    snapshot::{Timing, Value},
    sum::{ExactSum, LIMIT},
};

/// The values that show whether a series was updated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    pub(crate) count: u64,
    pub(crate) sum: ExactSum,
    pub(crate) state: f64,
    /// The number of lanes in the sum.
    pub(crate) lanes: u64,
    /// The time at which the newest of these lanes was first seen.
    pub(crate) since: u64,
    /// Epoch and timestamp of the newest observation.
    pub(crate) stamped: Option<(u32, u64)>,
}

impl SeriesAggregate {
    /// Returns the value that a snapshot shows.
    pub(crate) fn value(&self, kind: Kind) -> Value {
        let sums = &self.sums;
        match kind {
            Kind::Counter => Value::Counter(sums.exact.to_f64()),
            Kind::Gauge => Value::Gauge(self.state),
            Kind::Timer => Value::Timer(Timing {
                count: sums.count,
                sum: sums.exact.to_f64(),
                window: self.window.clone(),
                distribution: Arc::clone(&sums.distribution),
                exemplars: Arc::clone(&self.exemplars),
            }),
        }
    }

    /// Returns whether the sum has reached the largest number that is kept. A counter's lane stops
    /// below [`LIMIT`].
    pub(crate) fn is_saturated(&self, kind: Kind) -> bool {
        match kind {
            Kind::Counter => self.sums.exact.to_f64() >= LIMIT.next_down(),
            Kind::Gauge => false,
            Kind::Timer => self.sums.exact.is_saturated(),
        }
    }

    /// Returns the values that show whether the series was updated.
    pub(crate) fn activity(&self) -> Activity {
        let stamps = self.shares.values().map(|share| share.newest);
        Activity {
            count: self.sums.count,
            sum: self.sums.exact,
            state: self.state,
            lanes: self.shares.values().map(|share| share.total.lanes).sum(),
            since: self.shares.values().map(|share| share.total.since).max().unwrap_or(0),
            stamped: stamps.fold(None, |newest, stamp| newer(&self.timeline, newest, stamp)),
        }
    }
}
