//! Observations that are added to a window.

use crate::snapshot::Observation;

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

    /// Returns the observations from index `first` on.
    pub(crate) fn from(&self, first: usize, origin: u64) -> Vec<Observation> {
        match *self {
            Arrivals::Recorded { epoch, observations } => {
                let observation = |&(stamp, value): &(u64, f64)| Observation { epoch, origin, stamp, value };
                observations[first..].iter().map(observation).collect()
            }
            Arrivals::Stored(observations) => observations[first..].to_vec(),
        }
    }
}
