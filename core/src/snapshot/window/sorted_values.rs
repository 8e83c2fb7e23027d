//! Sorted observations: newer ones are added while older ones are evicted.

use crate::snapshot::{Observation, timeline::Timeline};

/// Observations, oldest first, with a separate array of their values, which suffices for quantiles.
#[derive(Debug, Default)]
pub(crate) struct SortedValues {
    observations: Vec<Observation>,
    values: Vec<f64>,
    /// The number of evicted observations at the front of both vectors.
    gone: usize,
}

impl Clone for SortedValues {
    fn clone(&self) -> SortedValues {
        SortedValues { observations: self.observations().to_vec(), values: self.values().to_vec(), gone: 0 }
    }
}

impl SortedValues {
    /// Creates it from sorted observations.
    pub(crate) fn of(observations: Vec<Observation>) -> SortedValues {
        let values = observations.iter().map(value).collect();
        SortedValues { observations, values, gone: 0 }
    }

    pub(crate) fn observations(&self) -> &[Observation] {
        &self.observations[self.gone..]
    }

    /// Returns the values of the observations as quantiles need them: numbers of at least `+0.0`.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values[self.gone..]
    }

    /// Adds sorted observations, and keeps the newest `length`. Returns the newest evicted
    /// observation. Among observations with equal keys, the existing ones remain the older ones.
    pub(crate) fn slide(
        &mut self,
        arrivals: &[Observation],
        length: usize,
        timeline: &Timeline,
    ) -> Option<Observation> {
        let is_behind = |one: &Observation, first: &Observation| timeline.order(one, first).is_le();
        let Some(first) = arrivals.first() else { return self.drop_surplus(length) };
        // Most arrivals are newer than all others, so that a binary search would be wasted.
        if self.observations().last().is_none_or(|last| is_behind(last, first)) {
            // Skip arrivals that would be evicted immediately; evict before adding.
            let stay = length.saturating_sub(arrivals.len());
            let (passing, arriving) = arrivals.split_at(arrivals.len().saturating_sub(length));
            let gone = self.drop_surplus(stay);
            self.add(arriving, length);
            return passing.last().copied().or(gone);
        }
        let kept = self.gone + self.observations().partition_point(|one| is_behind(one, first));
        self.observations.extend_from_slice(arrivals);
        timeline.sort(&mut self.observations[kept..]);
        self.values.truncate(kept);
        self.values.extend(self.observations[kept..].iter().map(value));
        let gone = self.drop_surplus(length);
        self.observations.shrink_to(most(length));
        self.values.shrink_to(most(length));
        gone
    }

    /// Adds observations that are newer than all others.
    fn add(&mut self, arrivals: &[Observation], length: usize) {
        let (held, capacity) = (self.observations.len(), self.observations.capacity());
        let needed = held + arrivals.len();
        if needed > capacity {
            let more = (2 * capacity).min(most(length)).max(needed) - held;
            self.observations.reserve_exact(more);
            self.values.reserve_exact(more);
        }
        self.observations.extend_from_slice(arrivals);
        self.values.extend(arrivals.iter().map(value));
    }

    /// Keeps the newest `length` observations. Returns the newest evicted one.
    fn drop_surplus(&mut self, length: usize) -> Option<Observation> {
        let surplus = self.values().len().saturating_sub(length);
        self.gone += surplus;
        let newest_gone = self.observations[..self.gone].last().filter(|_| surplus > 0).copied();
        // Compact only occasionally, so that an arrival moves few others.
        if self.gone > length / 4 {
            self.observations.drain(..self.gone);
            self.values.drain(..self.gone);
            self.gone = 0;
        }
        newest_gone
    }
}

/// Returns the maximum capacity of a window of that length, including evicted observations that are
/// not yet removed.
fn most(length: usize) -> usize {
    length.saturating_add(length / 4 + 1)
}

/// Returns the value, or 0 for values that cannot have been observed: negative ones and NaN.
fn value(observation: &Observation) -> f64 {
    if observation.value > 0.0 { observation.value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{Observation, SortedValues, Timeline};
    use proptest::prelude::*;

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
                rooms.push([sorted.observations.capacity(), sorted.values.capacity()]);
            }
            // A quarter more than the window, for evicted observations that are not yet removed.
            assert!(rooms.iter().flatten().all(|&room| room <= LENGTH + LENGTH / 4 + 1), "parts of {part}");
            rooms.dedup();
            assert!(rooms.len() <= 12, "parts of {part}: {rooms:?}");
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
                let gone = sorted.slide(&part, length, &Timeline::default());
                // Evicted observations do not return.
                all.extend(part);
                Timeline::default().sort(&mut all);
                let went = all.drain(..all.len().saturating_sub(length)).next_back();
                prop_assert_eq!(gone, went);
                prop_assert_eq!(sorted.observations(), &all[..]);
                let values: Vec<f64> = all.iter().map(|one| one.value).collect();
                prop_assert_eq!(sorted.values(), &values[..]);
                let copy = sorted.clone();
                prop_assert_eq!(copy.observations(), &all[..]);
            }
        }
    }
}
