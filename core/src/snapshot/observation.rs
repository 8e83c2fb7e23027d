//! One observation, and the order of observations.

use super::timeline::Timeline;

/// One observation, with what orders it among those of other lanes.
///
/// Observations of one epoch are ordered by `(stamp, origin)`, and those of one origin stand in the order in
/// which they were made. Those of different epochs are ordered by the wall clock, as far as anchors in the
/// directory tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The clock epoch of the directory in which the stamp was taken.
    pub epoch: u32,
    /// The rank of the lane among those of a snapshot, by age of the segment, then lane; 0 for what dead
    /// processes left in the totals file. It says nothing beside those of another reader, and may be
    /// another one in a later snapshot.
    pub origin: u64,
    /// The monotonic stamp.
    pub stamp: u64,
    /// Seconds or bytes.
    pub value: f64,
}

/// Orders observations and keeps the newest `window` of them.
pub(crate) fn keep_newest(observations: &mut Vec<Observation>, window: u32, timeline: &Timeline) {
    timeline.sort(observations);
    let surplus = observations.len().saturating_sub(window as usize);
    observations.drain(..surplus);
}
