//! The result of reading a ring.

use std::io;

use crate::sum::ExactSum;

/// The state of a timer's lane at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RingSnapshot {
    /// The number of observations.
    pub(crate) head: u64,
    /// Their exact sum.
    pub(crate) sum: ExactSum,
    /// The newest observations as (timestamp, value), oldest first, up to the head without a gap.
    /// They are the whole window, or the ring's part of it, and may be some more. If the caller
    /// named an earlier head, they are at least all newer observations, if those are fewer.
    pub(crate) newest: Vec<(u64, f64)>,
}

/// A reason why a lane could not be read.
#[derive(Debug)]
pub(crate) enum RingReadError {
    /// The segment ended before the expected words.
    Source(io::Error),
    /// No writer can have written these words.
    Corrupt(&'static str),
    /// The writer overtook the reader at every attempt.
    Overrun,
}

impl From<io::Error> for RingReadError {
    fn from(error: io::Error) -> RingReadError {
        RingReadError::Source(error)
    }
}

impl RingSnapshot {
    /// Returns whether the snapshot has a whole window, or all observations if there are fewer.
    pub(super) fn is_whole(&self, window: u32) -> bool {
        self.newest.len() as u64 >= self.head.min(u64::from(window))
    }

    /// Returns the values of the observations from `index`, or `None` if the snapshot lacks one of
    /// them.
    pub(crate) fn since(&self, index: u64) -> Option<impl Iterator<Item = f64>> {
        let wanted = usize::try_from(self.head.checked_sub(index)?).ok()?;
        let first = self.newest.len().checked_sub(wanted)?;
        Some(self.newest[first..].iter().map(|&(_, value)| value))
    }
}
