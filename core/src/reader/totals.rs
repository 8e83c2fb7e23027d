//! Totals: lanes added up to series, and series to families.
//!
//! The totals file stores them; retirement and clearing change them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::{overflowed::Overflowed, stored_observations::StoredObservations};
use crate::{
    clock::epoch_clocks::Clocks,
    exemplar::{self, Exemplar},
    format::{descriptor::FamilyDescriptor, layout::HEALTH_COUNTERS},
    histogram::Distribution,
    snapshot::{Observation, timeline::Timeline},
    sum::ExactSum,
};

/// Families by name, and counts of losses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// One for each shape that a name was recorded in.
    pub(crate) families: BTreeMap<String, Vec<FamilyTotal>>,
    pub(crate) losses: [u64; HEALTH_COUNTERS],
    /// The contributions that stay in overflow series.
    pub(crate) over: Overflowed,
    /// The clocks that stamped the observations.
    pub(crate) clocks: Clocks,
    /// Lanes that could not be read this time, and were never read before.
    pub(crate) unread_lanes: u64,
    /// Number of lanes merged so far: the rank that orders equal timestamps.
    lanes: u64,
}

/// All series of a family.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FamilyTotal {
    /// The newest definition.
    pub(crate) record: Arc<FamilyDescriptor>,
    /// The creation time of the segment that has this definition.
    pub(crate) created: u64,
    /// The number of observations kept of each series: the largest window of any definition, so
    /// that a later definition finds the observations that it may show.
    pub(crate) kept: u32,
    pub(crate) series: BTreeMap<Vec<String>, SeriesTotal>,
}

/// The totals of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeriesTotal {
    /// Lanes of live processes that are in the sum, and of ended processes that are not folded.
    pub(crate) lanes: u64,
    /// The time at which this reader first saw the newest of these lanes, by its monotonic clock.
    pub(crate) since: u64,
    /// The time at which the first process began the series: wall clock, nanoseconds since 1970.
    pub(crate) begun: u64,
    /// A timer's number of observations.
    pub(crate) count: u64,
    /// A timer's sum, or a counter's value.
    pub(crate) sum: ExactSum,
    /// A gauge's state, summed over live processes.
    pub(crate) state: f64,
    /// A timer's buckets.
    pub(crate) distribution: Distribution,
    /// A timer's newest observations, unordered.
    pub(crate) newest: StoredObservations,
    /// A timer's exemplars, the newest of each bucket.
    pub(crate) exemplars: Vec<Exemplar>,
}

impl Totals {
    /// Returns totals that have losses only.
    pub(crate) fn from_losses(losses: [u64; HEALTH_COUNTERS]) -> Totals {
        Totals { losses, ..Totals::default() }
    }

    /// Returns the rank of the next lane.
    pub(crate) fn next_index(&mut self) -> u64 {
        self.lanes += 1;
        self.lanes
    }

    /// Adds other totals, whose lanes rank after these. `place` returns the label values under
    /// which each series is added.
    ///
    /// Segments are merged oldest first, which orders equal timestamps.
    pub(crate) fn merge(
        &mut self,
        other: &Totals,
        place: impl Fn(&FamilyDescriptor, &[String]) -> Vec<String>,
    ) {
        for family in other.families.values().flatten() {
            for (values, total) in &family.series {
                let mut total = total.clone();
                total.newest.map_origins(|origin| origin + self.lanes);
                self.add_series(&family.record, family.created, &place(&family.record, values), total);
            }
        }
        self.clocks.merge(&other.clocks);
        self.lanes += other.lanes;
        self.unread_lanes += other.unread_lanes;
        for (total, lost) in self.losses.iter_mut().zip(other.losses) {
            *total = total.saturating_add(lost);
        }
    }

    /// Drops the series of a family for which `gone` is true. Returns the number of series.
    pub(crate) fn remove_series(
        &mut self,
        family: &FamilyDescriptor,
        gone: &dyn Fn(&[String], &SeriesTotal) -> bool,
    ) -> usize {
        let Some(shapes) = self.families.get_mut(&family.name) else { return 0 };
        let mut dropped = 0;
        for total in shapes.iter_mut().filter(|total| total.record.is_compatible(family)) {
            let count = total.series.len();
            total.series.retain(|values, total| !gone(values, total));
            dropped += count - total.series.len();
        }
        shapes.retain(|total| !total.series.is_empty());
        if shapes.is_empty() {
            self.families.remove(&family.name);
        }
        dropped
    }

    /// Drops the observations that are not among the newest in `all`, which are the totals of all
    /// segments.
    pub(crate) fn cut_superseded(&mut self, all: &Totals) {
        let timeline = Timeline::default().follow(&all.clocks);
        let instant = |one: Observation| timeline.instant((one.epoch, one.stamp));
        for family in self.families.values_mut().flatten() {
            let shapes = all.families.get(&family.record.name).into_iter().flatten();
            let Some(whole) = shapes.into_iter().find(|whole| whole.record.is_compatible(&family.record))
            else {
                continue;
            };
            for (values, series) in &mut family.series {
                let Some(newest) = whole.series.get(values).map(|series| &series.newest) else { continue };
                let oldest = newest.iter().next().filter(|_| newest.len() >= whole.kept as usize);
                if let Some(oldest) = oldest.map(instant) {
                    series.newest = series.newest.iter().filter(|&one| instant(one) >= oldest).collect();
                }
            }
        }
    }

    /// Keeps at least `observations` observations of each series of a family.
    pub(crate) fn keep_at_least(&mut self, record: &FamilyDescriptor, observations: u32) {
        let shapes = self.families.get_mut(&record.name).into_iter().flatten();
        for family in shapes.filter(|family| family.record.is_compatible(record)) {
            family.kept = family.kept.max(observations);
        }
    }

    /// Adds to a series.
    pub(crate) fn add_series(
        &mut self,
        record: &Arc<FamilyDescriptor>,
        created: u64,
        values: &[String],
        total: SeriesTotal,
    ) {
        let shapes = self.families.entry(record.name.clone()).or_default();
        let index = shapes.iter().position(|family| family.record.is_compatible(record));
        let at = index.unwrap_or_else(|| {
            let (record, kept) = (Arc::clone(record), record.window);
            shapes.push(FamilyTotal { record, created, kept, series: BTreeMap::new() });
            shapes.len() - 1
        });
        let family = &mut shapes[at];
        if created >= family.created {
            (family.record, family.created) = (Arc::clone(record), created);
        }
        family.kept = family.kept.max(record.window);
        let into = match family.series.entry(values.to_vec()) {
            Entry::Occupied(series) => series.into_mut(),
            Entry::Vacant(place) => {
                place.insert(SeriesTotal { begun: total.begun, ..SeriesTotal::default() })
            }
        };
        into.begun = into.begun.min(total.begun);
        into.lanes += total.lanes;
        into.since = into.since.max(total.since);
        into.count = into.count.saturating_add(total.count);
        into.sum.add(&total.sum);
        into.state += total.state;
        into.distribution.merge(&total.distribution);
        into.newest.append(total.newest);
        into.exemplars.extend(total.exemplars);
        // Also necessary without new exemplars: there may be fewer buckets than before.
        exemplar::keep_newest(&mut into.exemplars, &into.distribution.bounds);
    }
}
