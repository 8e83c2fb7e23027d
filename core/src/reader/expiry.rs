//! Tracking of idle series from one snapshot of a reader to the next.
//!
//! Writers do not record when a counter or a gauge was updated. The reader compares values: a
//! series that did not change between two snapshots was not updated. For a timer, the timestamp of
//! its newest observation is sufficient, already at the first snapshot.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    age::ReadTime,
    aggregate::{Activity, FamilyView},
    overflowed::Overflowed,
};
use crate::{catalog::Kind, format::descriptor::FamilyDescriptor};

/// The last activity of series that may expire, by the number of their family.
#[derive(Debug, Default)]
pub(crate) struct IdleTracker(HashMap<u64, HashMap<Arc<[String]>, LastActivity>>);

/// Series of one family that have expired.
#[derive(Debug)]
pub(crate) struct ExpiredSeries {
    pub(crate) family: FamilyDescriptor,
    /// The family's number, as in [`FamilyView`].
    pub(crate) number: u64,
    pub(crate) series: HashSet<Arc<[String]>>,
    /// The contributions that stay in the overflow series of the family.
    pub(crate) over: Overflowed,
}

/// The last known state of a series.
#[derive(Clone, Copy, Debug)]
struct LastActivity {
    activity: Activity,
    /// The time of its last known update, in nanoseconds of the monotonic clock.
    updated: u64,
}

impl IdleTracker {
    /// Removes and returns the expired series of all families. If `within` is given, it replaces
    /// the idle time of each family.
    pub(crate) fn expire(
        &mut self,
        families: &mut Vec<FamilyView<'_>>,
        now: &ReadTime,
        within: Option<u64>,
    ) -> Vec<ExpiredSeries> {
        let mut expired = Vec::new();
        let mut previous = std::mem::take(&mut self.0);
        for family in &mut *families {
            let mut tracked = previous.remove(&family.number).unwrap_or_default();
            let time = within.unwrap_or(family.record.expire_after);
            // A family that was tracked stays tracked: the next call may specify an idle time.
            if time == 0 && tracked.is_empty() {
                continue;
            }
            let kind = family.record.kind;
            let mut idle_series = HashSet::new();
            let still_tracked = self.0.entry(family.number).or_default();
            family.series.retain(|series| {
                let Some(activity) = series.activity() else { return true };
                let last = LastActivity::of(activity, tracked.remove(&series.labels), kind, now);
                let is_idle = time != 0 && now.monotonic.saturating_sub(last.updated) > time;
                still_tracked.insert(Arc::clone(&series.labels), last);
                if is_idle {
                    idle_series.insert(Arc::clone(&series.labels));
                }
                !is_idle
            });
            if !idle_series.is_empty() {
                expired.push(ExpiredSeries {
                    family: (**family.record).clone(),
                    number: family.number,
                    series: idle_series,
                    over: Overflowed::default(),
                });
            }
        }
        families.retain(|family| !family.series.is_empty());
        expired
    }
}

impl LastActivity {
    fn of(activity: Activity, previous: Option<LastActivity>, kind: Kind, now: &ReadTime) -> LastActivity {
        let stamped = activity.stamped.filter(|_| kind == Kind::Timer);
        let updated = match (stamped, previous) {
            // The timestamp may be of a clock that is ahead of this one. If it did not change, the
            // series was not updated.
            (Some(_), Some(previous)) if previous.activity.stamped == activity.stamped => previous.updated,
            (Some(stamped), previous) => {
                let updated = now.monotonic.saturating_sub(now.age(stamped));
                previous.map_or(0, |previous| previous.updated).max(updated)
            }
            (None, None) => now.monotonic,
            (None, Some(LastActivity { activity: earlier, updated })) => {
                let grown = activity.count > earlier.count || activity.sum.to_f64() > earlier.sum.to_f64();
                // If there are fewer lanes, the sum changed because a process removed its part.
                let is_set =
                    activity.state.to_bits() != earlier.state.to_bits() && activity.lanes >= earlier.lanes;
                // A lane that did not exist at the previous snapshot was created by an update.
                let seen = if grown || is_set { now.monotonic } else { activity.since };
                seen.max(updated)
            }
        };
        LastActivity { activity, updated }
    }
}
