//! Which series nobody moves, from one look of a reader to the next.
//!
//! Recording takes no note of when a counter or a gauge was moved. A reader sees it by their values:
//! what has not changed between two looks has not moved. A timer's newest observation tells it at
//! the first look.

use std::collections::{HashMap, HashSet};

use crate::{
    catalog::Kind,
    clock,
    segment::{
        descriptor::FamilyRecord,
        epoch::UNSHARED_EPOCH,
        totals::{OVERFLOW, SeriesTotal, Totals},
    },
    sum::Exact,
};

/// What a reader remembers of series that may expire.
#[derive(Debug, Default)]
pub(super) struct Idle(HashMap<String, HashMap<Vec<String>, Seen>>);

/// Series of one family that have expired.
#[derive(Debug)]
pub(crate) struct Expired {
    pub(crate) family: FamilyRecord,
    pub(crate) series: HashSet<Vec<String>>,
}

/// One series as it last was.
#[derive(Clone, Copy, Debug)]
struct Seen {
    count: u64,
    sum: Exact,
    state: f64,
    lanes: u64,
    /// The stamp at which it was last known to move.
    moved: u64,
}

impl Idle {
    /// Takes the series out of the totals that have expired; `within` instead of the families' own
    /// time, where it is given. `epoch` is that of this process's clock.
    pub(super) fn expire(
        &mut self,
        totals: &mut Totals,
        epoch: Option<u32>,
        within: Option<u64>,
    ) -> Vec<Expired> {
        let now = clock::now();
        let mut expired = Vec::new();
        let mut before = std::mem::take(&mut self.0);
        for (name, shapes) in &mut totals.families {
            let mut known = before.remove(name).unwrap_or_default();
            for family in shapes {
                let time = within.unwrap_or(family.record.expire_after);
                // Once it was watched, it goes on being so: the next call may be about an idle time.
                if time == 0 && known.is_empty() {
                    continue;
                }
                let (stamps, kind) = (clock::stamps_in(time), family.record.kind);
                let mut gone = HashSet::new();
                let seen_now = self.0.entry(name.clone()).or_default();
                family.series.retain(|values, total| {
                    let seen = Seen::of(total, known.remove(values), kind, epoch, now);
                    let idle = time != 0 && now.saturating_sub(seen.moved) > stamps;
                    seen_now.insert(values.clone(), seen);
                    // Nobody asked for the series of what is over: it stays.
                    let over = !values.is_empty() && values.iter().all(|value| value == OVERFLOW);
                    if idle && !over {
                        gone.insert(values.clone());
                    }
                    !idle || over
                });
                if !gone.is_empty() {
                    expired.push(Expired { family: (*family.record).clone(), series: gone });
                }
            }
        }
        for shapes in totals.families.values_mut() {
            shapes.retain(|family| !family.series.is_empty());
        }
        totals.families.retain(|_, shapes| !shapes.is_empty());
        expired
    }
}

impl Seen {
    fn of(total: &SeriesTotal, before: Option<Seen>, kind: Kind, epoch: Option<u32>, now: u64) -> Seen {
        let own = total
            .newest
            .iter()
            .filter(|observation| Some(observation.epoch) == epoch || observation.epoch == UNSHARED_EPOCH);
        let stamped = own.map(|observation| observation.stamp).max().filter(|_| kind == Kind::Timer);
        let SeriesTotal { count, sum, state, lanes, since, .. } = *total;
        let moved = match (stamped, before) {
            (Some(stamp), before) => before.map_or(0, |before| before.moved).max(stamp),
            (None, None) => now,
            (None, Some(before)) => {
                let grown = count > before.count || sum.to_f64() > before.sum.to_f64();
                // With a lane less, a state is another one because a process gave its part up.
                let set = state.to_bits() != before.state.to_bits() && lanes >= before.lanes;
                // A lane that was not there at the look before was made by somebody who moved it.
                let seen = if grown || set { now } else { since };
                seen.max(before.moved)
            }
        };
        Seen { count, sum, state, lanes, moved }
    }
}
