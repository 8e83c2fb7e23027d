//! The age of observations, by the clock that stamped them.

use crate::{
    clock::{self, Anchor},
    directory::clock_epoch::UNSHARED_EPOCH,
    snapshot::timeline::Timeline,
};

/// The instant of a snapshot, by every clock.
#[derive(Debug)]
pub(crate) struct ReadTime {
    /// The monotonic clock, in nanoseconds.
    pub(crate) monotonic: u64,
    anchor: Anchor,
    /// The duration of one tick of this process's clock, in nanoseconds.
    rate: f64,
    /// The epoch of this process's clock in the directory.
    epoch: Option<u32>,
    timeline: Timeline,
}

impl ReadTime {
    pub(crate) fn new(anchor: Anchor, epoch: Option<u32>, timeline: &Timeline) -> ReadTime {
        let (monotonic, rate) = (clock::monotonic(), clock::seconds_a_stamp() * 1e9);
        ReadTime { monotonic, anchor, rate, epoch, timeline: timeline.clone() }
    }

    /// Returns the age of an observation in nanoseconds.
    ///
    /// Timestamps of this process's clock are compared directly, those of other clocks by the wall
    /// clock. The age is `u64::MAX` if the clock is unknown.
    pub(crate) fn age(&self, (epoch, stamp): (u32, u64)) -> u64 {
        if epoch == UNSHARED_EPOCH || Some(epoch) == self.epoch {
            return (self.anchor.stamp.saturating_sub(stamp) as f64 * self.rate) as u64;
        }
        self.timeline.time(epoch, stamp).map_or(u64::MAX, |time| self.anchor.wall.saturating_sub(time))
    }
}

#[cfg(test)]
mod tests {
    use super::{Anchor, ReadTime, Timeline, UNSHARED_EPOCH, clock};
    use crate::clock::epoch_clocks::Clocks;

    #[test]
    fn an_observation_ages_by_its_own_clock_or_by_the_wall() {
        let anchor = |stamp, wall| Anchor { stamp, wall, uncertainty: 1, rate: 1e-9 };
        let mut clocks = Clocks::default();
        clocks.add(1, 7, [anchor(500, 1_000_000)]);
        let timeline = Timeline::default().follow(&clocks);
        let anchor_stamp = 9_000_000_000;
        let now = ReadTime::new(anchor(anchor_stamp, 1_002_000), Some(2), &timeline);
        let millisecond = (1e-3 / clock::seconds_a_stamp()) as u64;
        for own in [UNSHARED_EPOCH, 2] {
            let age = now.age((own, anchor_stamp - millisecond));
            assert!((980_000..1_020_000).contains(&age), "{age}");
            assert_eq!(now.age((own, anchor_stamp + 1)), 0);
        }
        assert_eq!([500, 900, 5_000].map(|stamp| now.age((1, stamp))), [2_000, 1_600, 0]);
        assert_eq!(now.age((3, 1)), u64::MAX);
    }
}
