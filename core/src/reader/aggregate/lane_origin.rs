//! The origin of a lane: its place in the order of all lanes.

use crate::{
    format::line_index::LineIndex,
    packed::{pack, unpack},
};

/// The rank of a lane's segment, then the lane's line in the segment. The totals precede all lanes.
///
/// [`Observation::origin`](crate::snapshot::Observation::origin) holds its bits, so that observations
/// are ordered by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LaneOrigin(u64);

impl LaneOrigin {
    /// The origin of the totals. Ranks of segments begin at 1.
    pub(crate) const TOTALS: LaneOrigin = LaneOrigin(0);

    pub(crate) const fn new(rank: u32, line: LineIndex) -> LaneOrigin {
        LaneOrigin(pack(rank, line.get()))
    }

    /// Returns the origin of an observation.
    pub(crate) const fn from_bits(bits: u64) -> LaneOrigin {
        LaneOrigin(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the rank of the segment; 0 for the totals.
    pub(crate) const fn rank(self) -> u32 {
        unpack(self.0).0
    }

    /// Returns the line of the lane.
    pub(crate) const fn line(self) -> LineIndex {
        LineIndex::new(unpack(self.0).1)
    }

    /// Returns the origin of the same lane, if its segment has another rank.
    pub(crate) const fn with_rank(self, rank: u32) -> LaneOrigin {
        LaneOrigin::new(rank, self.line())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LaneOrigin, LineIndex};

    fn origin((rank, line): (u32, u32)) -> LaneOrigin {
        LaneOrigin::new(rank, LineIndex::new(line))
    }

    proptest! {
        #[test]
        fn origin_holds_rank_and_line(rank: u32, line: u32, other: u32) {
            let one = origin((rank, line));
            prop_assert_eq!((one.rank(), one.line()), (rank, LineIndex::new(line)));
            prop_assert_eq!(LaneOrigin::from_bits(one.bits()), one);
            prop_assert_eq!(one.with_rank(other), origin((other, line)));
        }

        /// Windows order observations by the bits, series order shares by the origin.
        #[test]
        fn lanes_are_ordered_by_segment_and_line(one: (u32, u32), other: (u32, u32)) {
            for other in [other, (one.0, other.1), (other.0, one.1)] {
                let order = one.cmp(&other);
                prop_assert_eq!(origin(one).cmp(&origin(other)), order);
                prop_assert_eq!(origin(one).bits().cmp(&origin(other).bits()), order);
            }
            prop_assert!(LaneOrigin::TOTALS <= origin(one));
        }
    }
}
