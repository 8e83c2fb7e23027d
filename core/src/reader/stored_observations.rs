//! Observations of several lanes, in half the memory of a list of [`Observation`]s.

use crate::snapshot::Observation;

/// The newest observations of a series, in any order: an array for each field that differs between
/// neighbors, 16 bytes an observation.
///
/// Those of all series are in memory while segments are retired, and before they are added to
/// windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StoredObservations {
    stamps: Vec<u64>,
    values: Vec<f64>,
    /// The epoch and the origin of consecutive observations that have the same.
    runs: Vec<Run>,
}

/// Consecutive observations of the same epoch and origin.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    epoch: u32,
    /// The number of observations.
    length: u32,
    origin: u64,
}

impl StoredObservations {
    pub(crate) fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.stamps.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Observation> + Clone {
        let lanes = self.runs.iter().flat_map(|run| std::iter::repeat_n(run, run.length as usize));
        let stamped = self.stamps.iter().zip(&self.values);
        lanes.zip(stamped).map(|(&Run { epoch, origin, .. }, (&stamp, &value))| Observation {
            epoch,
            origin,
            stamp,
            value,
        })
    }

    /// Returns the observations as a list.
    pub(crate) fn to_vec(&self) -> Vec<Observation> {
        let mut list = Vec::with_capacity(self.len());
        list.extend(self.iter());
        list
    }

    /// Replaces origins by others, different ones by different ones.
    pub(crate) fn map_origins(&mut self, origin: impl Fn(u64) -> u64) {
        self.runs.iter_mut().for_each(|run| run.origin = origin(run.origin));
    }

    /// Adds observations, with memory for more.
    pub(crate) fn extend(&mut self, observations: impl Iterator<Item = Observation>) {
        let length = observations.size_hint().0;
        self.stamps.reserve(length);
        self.values.reserve(length);
        for Observation { epoch, origin, stamp, value } in observations {
            self.stamps.push(stamp);
            self.values.push(value);
            self.push_run(Run { epoch, length: 1, origin });
        }
    }

    /// Adds the observations of other lanes.
    pub(crate) fn append(&mut self, other: StoredObservations) {
        if self.is_empty() {
            *self = other;
            return;
        }
        // Exactly: those of all series together take much memory.
        self.stamps.reserve_exact(other.len());
        self.values.reserve_exact(other.len());
        self.stamps.extend(other.stamps);
        self.values.extend(other.values);
        other.runs.into_iter().for_each(|run| self.push_run(run));
    }

    /// Returns the epoch of all observations, if they have the same.
    pub(crate) fn epoch(&self) -> Option<u32> {
        let epoch = self.runs.first()?.epoch;
        self.runs.iter().all(|run| run.epoch == epoch).then_some(epoch)
    }

    /// Returns the timestamp of the oldest observation of the newest `keep`, if all are of one
    /// epoch, and if there are more.
    pub(crate) fn oldest_of_newest(&self, keep: usize) -> Option<u64> {
        let surplus = self.len().checked_sub(keep).filter(|_| keep > 0 && self.epoch().is_some())?;
        let mut stamps = self.stamps.clone();
        Some(*stamps.select_nth_unstable(surplus).1)
    }

    /// Drops the observations with timestamps before `oldest`. Returns the newest of these.
    pub(crate) fn drop_before(&mut self, oldest: u64) -> Option<u64> {
        let newest = self.stamps.iter().copied().filter(|&stamp| stamp < oldest).max()?;
        let (mut from, mut to) = (0, 0);
        for run in std::mem::take(&mut self.runs) {
            let (start, end) = (to, from + run.length as usize);
            for at in from..end {
                if self.stamps[at] >= oldest {
                    (self.stamps[to], self.values[to]) = (self.stamps[at], self.values[at]);
                    to += 1;
                }
            }
            if to > start {
                self.push_run(Run { length: (to - start) as u32, ..run });
            }
            from = end;
        }
        self.stamps.truncate(to);
        self.values.truncate(to);
        Some(newest)
    }

    fn push_run(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if (last.epoch, last.origin) == (run.epoch, run.origin) => last.length += run.length,
            _ => self.runs.push(run),
        }
    }
}

impl FromIterator<Observation> for StoredObservations {
    fn from_iter<I: IntoIterator<Item = Observation>>(observations: I) -> StoredObservations {
        let mut stored = StoredObservations::default();
        stored.extend(observations.into_iter());
        stored.stamps.shrink_to_fit();
        stored.values.shrink_to_fit();
        stored.runs.shrink_to_fit();
        stored
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Observation, StoredObservations};

    fn observations() -> impl Strategy<Value = Vec<Observation>> {
        let one = (0..2_u32, 0..3_u64, any::<u64>(), 0.0..9.0);
        let one = one.prop_map(|(epoch, origin, stamp, value)| Observation { epoch, origin, stamp, value });
        prop::collection::vec(one, 0..30)
    }

    #[test]
    fn observations_of_one_lane_take_sixteen_bytes_each() {
        let one = |stamp| Observation { epoch: 1, origin: 2, stamp, value: 0.5 };
        let mut stored: StoredObservations = (0..1_000).map(one).filter(|one| one.stamp > 9).collect();
        assert_eq!((stored.stamps.capacity(), stored.values.capacity(), stored.runs.len()), (990, 990, 1));
        stored.append((0..10).map(one).collect());
        assert_eq!(
            (stored.stamps.capacity(), stored.values.capacity(), stored.runs.len()),
            (1_000, 1_000, 1)
        );
    }

    proptest! {
        #[test]
        fn stored_observations_equal_a_list(parts in prop::collection::vec((observations(), 0..2_u64), 0..5)) {
            let (mut stored, mut expected) = (StoredObservations::default(), Vec::new());
            for (part, raised) in parts {
                let mut other: StoredObservations = part.iter().copied().collect();
                prop_assert!(other.iter().eq(part.iter().copied()));
                other.map_origins(|origin| origin + raised);
                match raised {
                    0 => stored.append(other),
                    _ => stored.extend(other.iter()),
                }
                expected.extend(part.into_iter().map(|one| Observation { origin: one.origin + raised, ..one }));
                prop_assert!(stored.iter().eq(expected.iter().copied()));
                prop_assert_eq!(stored.len(), expected.len());
                prop_assert_eq!(&stored, &expected.iter().copied().collect::<StoredObservations>());
            }
        }

        /// Of one epoch only: stamps of several cannot be compared.
        #[test]
        fn dropping_the_surplus_keeps_the_newest_in_their_order(
            all in observations(),
            keep in 0_usize..40,
        ) {
            let one_epoch = all.iter().map(|one| Observation { epoch: 3, ..*one });
            let mut stored: StoredObservations = one_epoch.clone().collect();
            prop_assert_eq!(stored.oldest_of_newest(keep).is_some(), keep > 0 && all.len() >= keep && !all.is_empty());
            if let Some(oldest) = stored.oldest_of_newest(keep) {
                let expected: Vec<Observation> = one_epoch.clone().filter(|one| one.stamp >= oldest).collect();
                let dropped = one_epoch.map(|one| one.stamp).filter(|&stamp| stamp < oldest).max();
                prop_assert!(expected.len() >= keep);
                prop_assert!(expected.iter().filter(|one| one.stamp > oldest).count() < keep.max(1));
                prop_assert_eq!(stored.drop_before(oldest), dropped);
                prop_assert_eq!(&stored, &expected.into_iter().collect::<StoredObservations>());
            }
        }
    }
}
