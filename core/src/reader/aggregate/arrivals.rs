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
