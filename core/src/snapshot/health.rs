//! What a reader noticed about the directory itself.

use crate::format::layout::{HEALTH_COUNTERS, HealthCounter};

/// The state of a metrics directory at one instant, and what was not recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Segments whose owner lives.
    pub live_segments: u64,
    /// Segments whose owner is dead and that are not yet folded into the totals.
    pub dead_segments: u64,
    /// Segments that could not be read this time.
    pub bad_segments: u64,
    /// Dead segments of which some lanes could not be read. All others are in the totals, and the files are
    /// set aside: no scrape reads them again.
    pub unreadable_segments: u64,
    /// Families that are not shown, because another definition of their name holds, which is of another
    /// type or unit.
    pub hidden_families: u64,
    /// Definitions of living processes that do not hold, because a newer one of the same family asks for
    /// another window, age, time of expiry, number of series or other buckets.
    pub conflicting_definitions: u64,
    /// Series whose sum has reached the largest number that is kept, and does not grow any more: 2^96 of a
    /// timer, 2^94 of a counter.
    pub saturated_sums: u64,
    /// Lanes whose writers were faster than every attempt to read them, and that were never read
    /// before: their observations are missing from this snapshot.
    pub unread_lanes: u64,
    /// Disk space of the directory's segments and totals.
    pub bytes: u64,
    /// Snapshots that this reader took.
    pub snapshots: u64,
    /// Those among them for which an earlier one was served again, because the totals were being
    /// replaced too fast.
    pub stale_snapshots: u64,
    /// What writers could not do.
    pub lost: Lost,
}

/// What the directory's processes counted instead of recording it, living and dead ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lost {
    /// Observations that were NaN.
    pub nan: u64,
    /// Observations that were negative.
    pub negative: u64,
    /// Observations that were infinite or 2^94 or more.
    pub too_large: u64,
    /// Observations made by a signal handler that interrupted an observation of the same series.
    pub reentered: u64,
    /// Observations for which there was no memory.
    pub no_memory: u64,
    /// Observations through handles of series that were removed.
    pub removed: u64,
    /// Measurements of a family with labels that ended without label values.
    pub unlabelled: u64,
    /// Observations of series whose label values are too long together: a megabyte, or more than a reader would
    /// show of such a family.
    pub label_too_long: u64,
    /// Look-ups of series beyond a family's number, which got the overflow series. Nothing is lost.
    pub overflowed: u64,
    /// Lanes made in memory that only their own process sees, because its segment could not be made, or
    /// could not grow. What they hold is in the directory once that is possible.
    pub process_local_lanes: u64,
    /// Laps of a ring that could not grow to its window. Counts and sums are right all the same.
    pub truncated_windows: u64,
    /// Exemplars that were left out, whose observations are recorded: the trace's id was unfit, a signal
    /// handler met the write of another, or there was no memory.
    pub exemplars: u64,
    /// Segments whose file was removed while their process lived. What they held was written anew.
    pub removed_files: u64,
    /// Descriptors of segments that their program closed. Files are opened again as they have to grow.
    pub closed_descriptors: u64,
}

impl Lost {
    /// Adds what no segment has counted.
    pub(crate) fn add(&mut self, losses: [u64; HEALTH_COUNTERS]) {
        let more = Lost::from(losses);
        self.nan += more.nan;
        self.negative += more.negative;
        self.too_large += more.too_large;
        self.reentered += more.reentered;
        self.no_memory += more.no_memory;
        self.removed += more.removed;
        self.overflowed += more.overflowed;
        self.process_local_lanes += more.process_local_lanes;
        self.truncated_windows += more.truncated_windows;
        self.exemplars += more.exemplars;
    }
}

impl From<[u64; HEALTH_COUNTERS]> for Lost {
    fn from(losses: [u64; HEALTH_COUNTERS]) -> Lost {
        let of = |loss: HealthCounter| losses[loss as usize];
        Lost {
            nan: of(HealthCounter::Nan),
            negative: of(HealthCounter::Negative),
            too_large: of(HealthCounter::TooLarge),
            reentered: of(HealthCounter::Reentered),
            no_memory: of(HealthCounter::NoMemory),
            removed: of(HealthCounter::Removed),
            unlabelled: of(HealthCounter::Unlabelled),
            label_too_long: of(HealthCounter::LabelTooLong),
            overflowed: of(HealthCounter::Overflow),
            process_local_lanes: of(HealthCounter::ProcessLocal),
            truncated_windows: of(HealthCounter::WindowTruncated),
            exemplars: of(HealthCounter::Exemplar),
            removed_files: of(HealthCounter::FileRemoved),
            closed_descriptors: of(HealthCounter::DescriptorClosed),
        }
    }
}
