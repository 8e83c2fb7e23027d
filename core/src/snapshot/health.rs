//! The health of a metrics directory, as its reader found it.

use crate::format::layout::{HEALTH_COUNTERS, HealthCounter};

/// The number of counts in [`HealthCounts`].
const LOST_FIELDS: usize = 14;

/// The state of a metrics directory and its reader, with counts of rejected observations.
///
/// ```
/// let registry = ictus::Registry::new();
/// registry.counter("jobs", "", &[])?.labels(&[])?.inc();
/// let health = registry.snapshot()?.health;
/// assert_eq!((health.live_segments, health.bad_segments, health.unread_lanes), (1, 0, 0));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// Segments whose owner is alive.
    pub live_segments: u64,
    /// Segments whose owner is dead and that are not yet folded into the totals.
    pub dead_segments: u64,
    /// Segments that this snapshot could not read.
    pub bad_segments: u64,
    /// Dead segments with lanes that could not be read. Their other lanes are in the totals, and
    /// the files are set aside, so that later snapshots do not read them again.
    pub unreadable_segments: u64,
    /// Families that are not shown, because a definition of another type or unit applies to their
    /// name.
    pub hidden_families: u64,
    /// Definitions of living processes that do not apply, because a newer definition of the family
    /// has another window, maximum age, expiry time, maximum number of series, or other buckets.
    pub conflicting_definitions: u64,
    /// Series whose sum has reached its maximum and no longer grows: 2^96 for a timer, 2^94 for a
    /// counter.
    pub saturated_sums: u64,
    /// Lanes that this snapshot lacks, with their observations: their writers were faster than
    /// every attempt to read them, and no earlier snapshot has read them.
    pub unread_lanes: u64,
    /// The disk space of the directory's segments and totals, in bytes.
    pub bytes: u64,
    /// The number of snapshots that this reader took.
    pub snapshots: u64,
    /// Snapshots for which the reader returned an earlier one, because the totals were replaced too
    /// often.
    pub stale_snapshots: u64,
    /// The health counters of all writers.
    pub counts: HealthCounts,
}

/// Counts of observations that were rejected, and of other failures to record, over all processes
/// of the directory, living and ended.
///
/// ```
/// let registry = ictus::Registry::new();
/// let jobs = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// jobs.observe(f64::NAN);
/// let counts = registry.snapshot()?.health.counts;
/// assert_eq!((counts.nan, counts.negative), (1, 0));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HealthCounts {
    /// Observations that were NaN.
    pub nan: u64,
    /// Observations that were negative.
    pub negative: u64,
    /// Observations that were infinite or at least 2^94.
    pub too_large: u64,
    /// Observations of a signal handler that interrupted an observation of the same series.
    pub reentered: u64,
    /// Observations for which there was no memory.
    pub no_memory: u64,
    /// Observations through handles of removed series.
    pub removed: u64,
    /// Measurements of a family with labels that ended without label values.
    pub unlabelled: u64,
    /// Observations of series whose label values are too long: together about a megabyte, or more
    /// than a reader accepts for such a family.
    pub label_too_long: u64,
    /// Look-ups of series beyond the family's maximum number. Their observations are recorded in
    /// the overflow series, so none is rejected.
    pub overflowed: u64,
    /// Lanes created in memory that only their own process can read, because its segment could not
    /// be created or could not grow. Their observations reach the directory when that becomes
    /// possible.
    pub process_local_lanes: u64,
    /// Wraps of rings that could not grow to their window. Counts and sums are nevertheless exact.
    pub truncated_windows: u64,
    /// Exemplars that were rejected although their observations were recorded: the trace id was
    /// invalid, a signal handler interrupted another write, or there was no memory.
    pub exemplars: u64,
    /// Segments whose file was removed while their process was alive. Their contents were written
    /// to a new file.
    pub removed_files: u64,
    /// Descriptors of segments that the host program closed. A segment opens its file again when it
    /// must grow.
    pub closed_descriptors: u64,
}

impl HealthCounts {
    /// Returns each count with the name of its field, in the order of the fields. Programs that show
    /// all counts need no change when a version adds one.
    ///
    /// ```
    /// let registry = ictus::Registry::new();
    /// registry.timer("job_seconds", "", &[])?.labels(&[])?.observe(-1.0);
    /// let rejected: Vec<_> =
    ///     registry.snapshot()?.health.counts.counts().filter(|&(_, count)| count > 0).collect();
    /// assert_eq!(rejected, [("negative", 1)]);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        self.clone().fields().map(|(name, _, count)| (name, *count)).into_iter()
    }

    /// Adds counts that are in no segment yet.
    pub(crate) fn add(&mut self, losses: [u64; HEALTH_COUNTERS]) {
        for (_, counter, count) in self.fields() {
            *count += losses[counter as usize];
        }
    }

    /// Returns the counts of a header's counters.
    pub(crate) fn from_losses(losses: [u64; HEALTH_COUNTERS]) -> HealthCounts {
        let mut counts = HealthCounts::default();
        counts.add(losses);
        counts
    }

    /// Returns each count with the name of its field and its counter in a header, in the order of
    /// the fields.
    fn fields(&mut self) -> [(&'static str, HealthCounter, &mut u64); LOST_FIELDS] {
        macro_rules! fields {
            ($($field:ident: $counter:ident,)*) => {{
                // Without `..`, so that a new count cannot be forgotten.
                let HealthCounts { $($field),* } = self;
                [$((stringify!($field), HealthCounter::$counter, $field)),*]
            }};
        }
        fields! {
            nan: Nan,
            negative: Negative,
            too_large: TooLarge,
            reentered: Reentered,
            no_memory: NoMemory,
            removed: Removed,
            unlabelled: Unlabelled,
            label_too_long: LabelTooLong,
            overflowed: Overflow,
            process_local_lanes: ProcessLocal,
            truncated_windows: WindowTruncated,
            exemplars: Exemplar,
            removed_files: FileRemoved,
            closed_descriptors: DescriptorClosed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{HEALTH_COUNTERS, HealthCounts};

    #[test]
    fn each_count_has_a_counter_of_its_own() {
        let distinct: [u64; HEALTH_COUNTERS] = std::array::from_fn(|at| 1 << at);
        let health = HealthCounts::from_losses(distinct);
        let counts: BTreeSet<u64> = health.counts().map(|(_, count)| count).collect();
        assert_eq!(counts.len(), health.counts().count(), "{health:?}");
        assert_eq!((health.nan, health.closed_descriptors), (1 << 0, 1 << 13));
        let mut twice = health.clone();
        twice.add(distinct);
        let doubled: Vec<_> = health.counts().map(|(name, count)| (name, 2 * count)).collect();
        assert_eq!(twice.counts().collect::<Vec<_>>(), doubled);
    }
}
