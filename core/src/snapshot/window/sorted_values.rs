//! Sorted observations: newer ones are added while older ones are evicted.

use std::borrow::Cow;

use crate::snapshot::{Observation, timeline::Timeline};

/// Observations, oldest first, as one array for each of their fields: 20 bytes an observation. The
/// array of the values suffices for quantiles.
#[derive(Debug, Default)]
pub(crate) struct SortedValues {
    values: Vec<f64>,
    stamps: Vec<u64>,
    /// The lane of each observation, as an index of `lanes`.
    lane_indexes: Vec<u32>,
    /// The lanes of all observations: epoch and origin, ascending. Those without an observation are
    /// dropped when a lane is added.
    lanes: Vec<(u32, u64)>,
    /// The number of evicted observations at the front of the arrays.
    evicted: usize,
}

impl Clone for SortedValues {
    fn clone(&self) -> SortedValues {
        SortedValues {
            values: self.values().to_vec(),
            stamps: self.stamps[self.evicted..].to_vec(),
            lane_indexes: self.lane_indexes[self.evicted..].to_vec(),
            lanes: self.lanes.clone(),
            evicted: 0,
        }
    }
}

impl SortedValues {
    /// Creates it from sorted observations.
    pub(crate) fn from_sorted(observations: &[Observation]) -> SortedValues {
        let mut sorted = SortedValues::default();
        sorted.add(observations, observations.len());
        sorted
    }

    /// Returns the values of the observations as quantiles need them: numbers of at least `+0.0`.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values[self.evicted..]
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.evicted
    }

    /// Returns epoch, stamp and origin of the observation at an index below [`len`](Self::len).
    #[inline]
    pub(crate) fn age(&self, index: usize) -> (u32, u64, u64) {
        let at = self.evicted + index;
        let (epoch, origin) = self.lanes[self.lane_indexes[at] as usize];
        (epoch, self.stamps[at], origin)
    }

    /// Returns the observation at an index below [`len`](Self::len).
    pub(crate) fn get(&self, index: usize) -> Observation {
        let at = self.evicted + index;
        let (epoch, origin) = self.lanes[self.lane_indexes[at] as usize];
        Observation { epoch, origin, stamp: self.stamps[at], value: self.values[at] }
    }

    /// Adds sorted observations, and keeps the newest `length`. Returns the newest evicted
    /// observation. Among observations with equal keys, the existing ones remain the older ones.
    pub(crate) fn slide(
        &mut self,
        arrivals: &[Observation],
        length: usize,
        timeline: &Timeline,
    ) -> Option<Observation> {
        let older = self.older_than(arrivals.first(), timeline);
        let newer: Cow<'_, [Observation]> = if older == self.len() {
            arrivals.into()
        } else {
            let mut newer: Vec<Observation> = (older..self.len()).map(|at| self.get(at)).collect();
            newer.extend_from_slice(arrivals);
            timeline.sort(&mut newer);
            newer.into()
        };
        let surplus = (older + newer.len()).saturating_sub(length);
        let newest_evicted = surplus.checked_sub(1);
        let newest_evicted =
            newest_evicted.map(|at| if at < older { self.get(at) } else { newer[at - older] });
        self.truncate(older);
        self.evict(surplus.min(older), length);
        self.add(&newer[surplus.saturating_sub(older)..], length);
        newest_evicted
    }

    /// Returns the number of observations that are not newer than `first`, or of all.
    fn older_than(&self, first: Option<&Observation>, timeline: &Timeline) -> usize {
        let Some(first) = first else { return self.len() };
        let is_older = |at: usize| timeline.order(&self.get(at), first).is_le();
        // Most arrivals are newer than all others, so that a binary search would be wasted.
        if self.len().checked_sub(1).is_none_or(is_older) {
            return self.len();
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_older(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Keeps the oldest `length` observations.
    fn truncate(&mut self, length: usize) {
        let length = self.evicted + length;
        self.values.truncate(length);
        self.stamps.truncate(length);
        self.lane_indexes.truncate(length);
    }

    /// Drops the oldest observations of a window of that length.
    fn evict(&mut self, surplus: usize, length: usize) {
        self.evicted += surplus;
        // Compact only occasionally, so that an arrival moves few others.
        if self.evicted > slack(length) {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.values.drain(..self.evicted);
        self.stamps.drain(..self.evicted);
        self.lane_indexes.drain(..self.evicted);
        self.evicted = 0;
    }

    /// Adds observations that are newer than all others to a window of that length.
    fn add(&mut self, arrivals: &[Observation], length: usize) {
        self.reserve(arrivals.len(), length.saturating_add(slack(length)));
        let previous = self.lane_indexes.len();
        if !self.push_lanes(arrivals) {
            self.lane_indexes.truncate(previous);
            self.add_lanes(arrivals);
            self.push_lanes(arrivals);
        }
        self.values.extend(arrivals.iter().map(value));
        self.stamps.extend(arrivals.iter().map(|one| one.stamp));
    }

    /// Adds the lane indexes of observations. Returns false if one of the lanes is missing.
    fn push_lanes(&mut self, arrivals: &[Observation]) -> bool {
        for one in arrivals {
            let Ok(index) = self.lanes.binary_search(&lane_of(one)) else { return false };
            self.lane_indexes.push(index as u32);
        }
        true
    }

    /// Reserves memory for more observations, of at most `most` in all.
    fn reserve(&mut self, more: usize, max: usize) {
        let (used, capacity) = (self.values.len(), self.values.capacity());
        if used + more > capacity {
            let more = (2 * capacity).min(max).max(used + more) - used;
            self.values.reserve_exact(more);
            self.stamps.reserve_exact(more);
            self.lane_indexes.reserve_exact(more);
        } else if capacity > max {
            self.values.shrink_to(max);
            self.stamps.shrink_to(max);
            self.lane_indexes.shrink_to(max);
        }
    }

    /// Adds the lanes of observations, and drops those that have none any more.
    fn add_lanes(&mut self, arrivals: &[Observation]) {
        self.compact();
        let mut is_used = vec![false; self.lanes.len()];
        self.lane_indexes.iter().for_each(|&index| is_used[index as usize] = true);
        let used = self.lanes.iter().zip(&is_used).filter(|&(_, is_used)| *is_used).map(|(lane, _)| *lane);
        let mut lanes: Vec<(u32, u64)> = used.chain(arrivals.iter().map(lane_of)).collect();
        lanes.sort_unstable();
        lanes.dedup();
        lanes.shrink_to_fit();
        let index_of = |lane: &(u32, u64)| lanes.partition_point(|other| other < lane) as u32;
        let moved: Vec<u32> = self.lanes.iter().map(index_of).collect();
        self.lane_indexes.iter_mut().for_each(|index| *index = moved[*index as usize]);
        self.lanes = lanes;
    }
}

/// Returns how many evicted observations a window of that length may have in memory.
fn slack(length: usize) -> usize {
    length / 16 + 1
}

fn lane_of(one: &Observation) -> (u32, u64) {
    (one.epoch, one.origin)
}

/// Returns the value, or 0 for values that cannot have been observed: negative ones and NaN.
fn value(observation: &Observation) -> f64 {
    if observation.value > 0.0 { observation.value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{Observation, SortedValues, Timeline, slack};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn observations(sorted: &SortedValues) -> Vec<Observation> {
        (0..sorted.len()).map(|at| sorted.get(at)).collect()
    }

    #[test]
    fn capacity_grows_in_few_steps_up_to_the_window() {
        const LENGTH: usize = 1000;
        for part in [1, 7, 64, 900] {
            let mut sorted = SortedValues::default();
            let mut rooms = Vec::new();
            for first in (0..10_000_u64).step_by(part) {
                let one = |stamp| Observation { epoch: 1, origin: 1, stamp, value: 1.0 };
                let arrivals: Vec<Observation> = (first..first + part as u64).map(one).collect();
                sorted.slide(&arrivals, LENGTH, &Timeline::default());
                rooms.push([
                    sorted.values.capacity(),
                    sorted.stamps.capacity(),
                    sorted.lane_indexes.capacity(),
                ]);
            }
            // More than the window, for evicted observations that are not yet removed.
            assert!(
                rooms.iter().flatten().all(|&capacity_left| capacity_left <= LENGTH + slack(LENGTH)),
                "parts of {part}"
            );
            rooms.dedup();
            assert!(rooms.len() <= 12, "parts of {part}: {rooms:?}");
        }
    }

    /// Lanes come and go: those without observations do not stay.
    #[test]
    fn lanes_that_left_a_window_are_dropped() {
        let mut sorted = SortedValues::default();
        for stamp in 0..10_000_u64 {
            let one = Observation {
                epoch: 1 + stamp as u32 / 5_000,
                origin: u64::MAX - stamp / 3,
                stamp,
                value: 1.0,
            };
            sorted.slide(&[one], 30, &Timeline::default());
            assert_eq!(observations(&sorted).last(), Some(&one));
            assert!(sorted.lanes.len() <= 12, "{stamp}: {} lanes", sorted.lanes.len());
        }
    }

    proptest! {
        #[test]
        fn insertion_in_batches_equals_one_insertion(
            parts in prop::collection::vec(prop::collection::vec((0_u64..50, 0_u64..3), 0..30), 1..20),
            length in 1_usize..100,
        ) {
            let mut sorted = SortedValues::default();
            let mut all = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                let observation = |(at, &(stamp, origin))| Observation {
                    epoch: 1, origin, stamp, value: (100 * number + at) as f64,
                };
                let mut part: Vec<Observation> = part.iter().enumerate().map(observation).collect();
                Timeline::default().sort(&mut part);
                let evicted = sorted.slide(&part, length, &Timeline::default());
                // Evicted observations do not return.
                all.extend(part);
                Timeline::default().sort(&mut all);
                let went = all.drain(..all.len().saturating_sub(length)).next_back();
                prop_assert_eq!(evicted, went);
                prop_assert_eq!(observations(&sorted), &all[..]);
                let (capacity, max) = (sorted.values.capacity(), (length + slack(length)).max(all.len()));
                prop_assert!(capacity <= max, "{} for {}", capacity, length);
                let lanes: BTreeSet<u64> = all.iter().map(|one| one.origin).collect();
                prop_assert!(sorted.lanes.len() <= lanes.len() + 3);
                let values: Vec<f64> = all.iter().map(|one| one.value).collect();
                prop_assert_eq!(sorted.values(), &values[..]);
                let copy = sorted.clone();
                prop_assert_eq!(observations(&copy), &all[..]);
            }
        }
    }
}
