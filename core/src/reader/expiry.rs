//! Which series nobody moves, from one look of a reader to the next.
//!
//! Recording takes no note of when a counter or a gauge was moved. A reader sees it by their values:
//! what has not changed between two looks has not moved. A timer's newest observation tells it at
//! the first look.

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

/// What a reader remembers of series that may expire, by the number of their family.
#[derive(Debug, Default)]
pub(crate) struct IdleTracker(HashMap<u64, HashMap<Arc<[String]>, LastActivity>>);

/// Series of one family that have expired.
#[derive(Debug)]
pub(crate) struct ExpiredSeries {
    pub(crate) family: FamilyDescriptor,
    /// Its number, as that of [`FamilyView`].
    pub(crate) number: u64,
    pub(crate) series: HashSet<Arc<[String]>>,
    /// What is in the overflow series of the family, and stays there.
    pub(crate) over: Overflowed,
}

/// One series as it last was.
#[derive(Clone, Copy, Debug)]
struct LastActivity {
    was: Activity,
    /// When it was last known to move, in nanoseconds of the monotonic clock.
    moved: u64,
}

impl IdleTracker {
    /// Takes the series out of the families that have expired; `within` instead of the families' own
    /// time, where it is given.
    pub(crate) fn expire(
        &mut self,
        families: &mut Vec<FamilyView<'_>>,
        now: &ReadTime,
        within: Option<u64>,
    ) -> Vec<ExpiredSeries> {
        let mut expired = Vec::new();
        let mut before = std::mem::take(&mut self.0);
        for family in &mut *families {
            let mut known = before.remove(&family.number).unwrap_or_default();
            let time = within.unwrap_or(family.record.expire_after);
            // Once it was watched, it goes on being so: the next call may be about an idle time.
            if time == 0 && known.is_empty() {
                continue;
            }
            let kind = family.record.kind;
            let mut gone = HashSet::new();
            let seen_now = self.0.entry(family.number).or_default();
            family.series.retain(|series| {
                let Some(activity) = series.activity() else { return true };
                let seen = LastActivity::of(activity, known.remove(&series.labels), kind, now);
                let is_idle = time != 0 && now.monotonic.saturating_sub(seen.moved) > time;
                seen_now.insert(Arc::clone(&series.labels), seen);
                if is_idle {
                    gone.insert(Arc::clone(&series.labels));
                }
                !is_idle
            });
            if !gone.is_empty() {
                expired.push(ExpiredSeries {
                    family: (**family.record).clone(),
                    number: family.number,
                    series: gone,
                    over: Overflowed::default(),
                });
            }
        }
        families.retain(|family| !family.series.is_empty());
        expired
    }
}

impl LastActivity {
    fn of(is: Activity, before: Option<LastActivity>, kind: Kind, now: &ReadTime) -> LastActivity {
        let stamped = is.stamped.filter(|_| kind == Kind::Timer);
        let moved = match (stamped, before) {
            // By other clocks that may be ahead of this one: what has not changed has not moved.
            (Some(_), Some(LastActivity { was, moved })) if was.stamped == is.stamped => moved,
            (Some(stamped), before) => {
                let moved = now.monotonic.saturating_sub(now.age(stamped));
                before.map_or(0, |before| before.moved).max(moved)
            }
            (None, None) => now.monotonic,
            (None, Some(LastActivity { was, moved })) => {
                let grown = is.count > was.count || is.sum.to_f64() > was.sum.to_f64();
                // With a lane less, a state is another one because a process gave its part up.
                let set = is.state.to_bits() != was.state.to_bits() && is.lanes >= was.lanes;
                // A lane that was not there at the look before was made by somebody who moved it.
                let seen = if grown || set { now.monotonic } else { is.since };
                seen.max(moved)
            }
        };
        LastActivity { was: is, moved }
    }
}
