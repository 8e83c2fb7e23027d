//! Observations on their way into a window.

use crate::snapshot::Observation;

/// Observations that a lane made, oldest first, or that the totals have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Newest<'a> {
    Made { epoch: u32, observations: &'a [(u64, f64)] },
    Kept(&'a [Observation]),
}

impl Newest<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Newest::Made { observations, .. } => observations.len(),
            Newest::Kept(observations) => observations.len(),
        }
    }

    /// Those from a place on.
    pub(crate) fn from(&self, first: usize, origin: u64) -> Vec<Observation> {
        match *self {
            Newest::Made { epoch, observations } => {
                let observation = |&(stamp, value): &(u64, f64)| Observation { epoch, origin, stamp, value };
                observations[first..].iter().map(observation).collect()
            }
            Newest::Kept(observations) => observations[first..].to_vec(),
        }
    }
}
