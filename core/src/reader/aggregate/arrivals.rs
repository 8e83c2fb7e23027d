//! Observations that are added to a window.

use crate::snapshot::{Observation, timeline::Timeline};

/// Observations of a lane, oldest first, or of the totals.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrivals<'a> {
    Recorded { epoch: u32, observations: &'a [(u64, f64)] },
    Stored(&'a [Observation]),
}

impl Arrivals<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Arrivals::Recorded { observations, .. } => observations.len(),
            Arrivals::Stored(observations) => observations.len(),
        }
    }

    /// Returns the index of the first observation of a lane that is not older than a timestamp of an
    /// epoch. Observations of other clocks are compared only with all others.
    pub(crate) fn first_not_before(&self, (oldest, stamp): (u32, u64)) -> usize {
        match *self {
            Arrivals::Recorded { epoch, observations } if epoch == oldest => {
                observations.partition_point(|one| one.0 < stamp)
            }
            Arrivals::Recorded { .. } | Arrivals::Stored(_) => 0,
        }
    }

    /// Returns epoch and timestamp of the observation at an index.
    pub(crate) fn age(&self, at: usize) -> Option<(u32, u64)> {
        match *self {
            Arrivals::Recorded { epoch, observations } => {
                observations.get(at).map(|&(stamp, _)| (epoch, stamp))
            }
            Arrivals::Stored(observations) => observations.get(at).map(|one| (one.epoch, one.stamp)),
        }
    }

    /// Returns epoch and timestamp of the newest observation from index `first` on.
    pub(crate) fn newest(&self, first: usize, timeline: &Timeline) -> Option<(u32, u64)> {
        match *self {
            Arrivals::Recorded { epoch, observations } => {
                observations[first..].last().map(|&(stamp, _)| (epoch, stamp))
            }
            // Ordered by the timeline of the process that retired them.
            Arrivals::Stored(observations) => {
                let stamps = observations[first..].iter().map(|one| (one.epoch, one.stamp));
                stamps.max_by_key(|&at| timeline.instant(at))
            }
        }
    }
}
