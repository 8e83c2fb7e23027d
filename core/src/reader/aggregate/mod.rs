//! The aggregate: all series of all segments and the totals, kept from one snapshot to the next.
//!
//! [`Aggregator::apply_delta`] replaces the contributions of the lanes that changed, so a series
//! without changes costs nothing. [`Aggregator::finish_update`] then refills the windows that lost
//! observations, and reports the lanes that must be read again for this. Until then, such windows
//! are incomplete.
//!
//! Every lane has an **origin**, its rank among all lanes: the rank of its segment, by creation and
//! id, then its line. The totals have the first origin. Observations with equal timestamps are
//! ordered by origin, so the result does not depend on the order in which segments are read.

mod arrivals;
mod family;
mod lane_origin;
mod lane_share;
mod number_map;
mod packed_buckets;
mod packed_counts;
mod placing;
mod refill;
mod segment_order;
mod series;
mod series_limit;
mod steps;
mod sums;
mod window_changes;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    cursor::{LaneDelta, SegmentDelta},
    overflowed::Overflowed,
    totals::{FamilyTotal, SeriesTotal, Totals},
};
use crate::{
    clock,
    format::{
        descriptor::FamilyDescriptor, layout::HEALTH_COUNTERS, line_index::LineIndex, series_word::SeriesWord,
    },
    policy::agreement::Precedence,
    snapshot::timeline::Timeline,
    sum::ExactSum,
};
use arrivals::Arrivals;
use family::FamilyAggregate;
use lane_origin::LaneOrigin;
use number_map::NumberMap;
pub(crate) use segment_order::SegmentKey;
pub(crate) use series::Activity;
use series::SeriesAggregate;
pub(crate) use series_limit::{FamilyView, SeriesView};

/// The aggregate of a reader.
#[derive(Debug, Default)]
pub(crate) struct Aggregator {
    /// The families of each name, one for each shape in which the name is recorded.
    names: BTreeMap<String, Vec<u64>>,
    shapes: NumberMap<FamilyAggregate>,
    series: NumberMap<SeriesAggregate>,
    /// The last number of a family or series. Numbers are never reused.
    next: u64,
    segments: BTreeMap<SegmentKey, SegmentEntry>,
    /// The series that the totals contain.
    in_totals: Vec<u64>,
    totals_losses: [u64; HEALTH_COUNTERS],
    /// Series that changed since they were settled.
    changed: BTreeSet<u64>,
    /// The changed series whose lanes are being read again.
    awaiting_reread: BTreeSet<u64>,
    /// The order of observations.
    timeline: Timeline,
    /// The contributions that stay in overflow series.
    over: Overflowed,
    /// Families whose series must be placed again.
    unplaced: BTreeSet<u64>,
    /// Families whose definitions changed.
    redefined: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct SegmentEntry {
    rank: u32,
    lives: bool,
    losses: [u64; HEALTH_COUNTERS],
    unread: u64,
    /// The series of each lane.
    lanes: HashMap<LineIndex, u64>,
}

impl Aggregator {
    /// Returns the health counters of all segments and the totals, and the number of unread lanes.
    pub(crate) fn health_counters(&self) -> ([u64; HEALTH_COUNTERS], u64) {
        let mut losses = self.totals_losses;
        for segment in self.segments.values() {
            losses.iter_mut().zip(segment.losses).for_each(|(sum, lost)| *sum = sum.saturating_add(lost));
        }
        (losses, self.segments.values().map(|segment| segment.unread).sum())
    }

    /// Logs the conflicts again, in a forked child that inherited this aggregate.
    pub(crate) fn log_again(&self) {
        self.shapes.values().for_each(FamilyAggregate::log_conflicts);
    }

    /// Drops the contributions of segments that no longer exist.
    pub(crate) fn retain_segments(&mut self, keep: impl Fn(&SegmentKey) -> bool) {
        let gone: Vec<SegmentKey> = self.segments.keys().filter(|key| !keep(key)).copied().collect();
        for key in gone {
            self.clear(&key);
            self.segments.remove(&key);
        }
    }

    /// Sets the order of observations.
    pub(crate) fn put_timeline(&mut self, timeline: &Timeline) {
        if self.timeline.is(timeline) {
            return;
        }
        self.timeline = timeline.clone();
        for (id, series) in &mut self.series {
            if series.retime(timeline) {
                self.changed.insert(*id);
            }
        }
    }

    /// Replaces the contributions of the totals.
    pub(crate) fn apply_totals(&mut self, totals: Totals) {
        for id in std::mem::take(&mut self.in_totals) {
            self.remove(id, LaneOrigin::TOTALS);
        }
        self.totals_losses = totals.losses;
        self.put_overflowed(&totals.over);
        for FamilyTotal { record, created, series, .. } in totals.families.into_values().flatten() {
            for (labels, total) in series {
                let id = self.series_of(&record, &labels);
                self.in_totals.push(id);
                self.put_total(id, &Source::from_totals(&record, created), total);
            }
        }
    }

    /// Adds or replaces the share of the totals in a series.
    ///
    /// The window slides at once: the observations of all series together take much memory.
    fn put_total(&mut self, id: u64, source: &Source<'_>, mut total: SeriesTotal) {
        let newest = std::mem::take(&mut total.newest).to_vec();
        self.apply(id, source, (total, Arrivals::Stored(&newest)));
        drop(newest);
        if let Some(series) = self.series.get_mut(&id)
            && let Some(shape) = self.shapes.get(&series.shape)
        {
            series.slide_changes(shape.record.window);
        }
    }

    /// Returns whether the totals contain any of these series of a family.
    pub(crate) fn is_in_totals(&self, number: u64, series: &HashSet<Arc<[String]>>) -> bool {
        let of_family = |id: &u64| self.series.get(id).filter(|series| series.shape == number);
        self.in_totals.iter().filter_map(of_family).any(|one| series.contains(&one.labels))
    }

    /// Returns the ids of the directory's segments by their ranks.
    pub(crate) fn segment_ids(&self) -> HashMap<u32, u64> {
        let of_directory = self.segments.iter().filter(|(key, _)| !key.in_memory);
        of_directory.map(|(key, segment)| (segment.rank, key.id)).collect()
    }

    /// Returns count and sum of the shares of a family's series that come from the totals, or from
    /// ranks of segments for which `is_folded` is true.
    pub(crate) fn part(
        &self,
        number: u64,
        labels: &[String],
        is_folded: impl Fn(u32) -> bool,
    ) -> Option<(u64, ExactSum)> {
        let id = self.shapes.get(&number)?.series.get(labels)?;
        Some(self.series.get(id)?.part(|origin| origin == LaneOrigin::TOTALS || is_folded(origin.rank())))
    }

    fn put_overflowed(&mut self, over: &Overflowed) {
        if self.over == *over {
            return;
        }
        for name in self.over.families().chain(over.families()) {
            self.unplaced.extend(self.names.get(name).into_iter().flatten());
        }
        self.over = over.clone();
    }

    /// Merges the changes of a segment.
    pub(crate) fn apply_delta(&mut self, key: SegmentKey, epoch: u32, lives: bool, delta: SegmentDelta) {
        if !self.segments.contains_key(&key) {
            self.insert_segment(key);
        } else if delta.first {
            self.clear(&key);
        }
        self.set_life(&key, lives);
        let Some(mut segment) = self.segments.remove(&key) else { return };
        (segment.losses, segment.unread) = (delta.losses, delta.unread);
        let now = clock::monotonic();
        for (line, mut lane) in delta.lanes {
            let origin = LaneOrigin::new(segment.rank, line);
            let previous = segment.lanes.get(&line).copied();
            if let (Some(id), Some(lane)) = (previous, &mut lane)
                && self.advance(id, origin, epoch, lane)
            {
                continue;
            }
            let word = lane.as_ref().map(|lane| lane.word);
            // None if `before` belongs to another incarnation of the lane.
            let current = previous.filter(|id| word.is_some_and(|word| self.has(*id, origin, word)));
            if let (Some(id), None) = (previous, current) {
                segment.lanes.remove(&line);
                self.remove(id, origin);
            }
            let Some(mut lane) = lane else { continue };
            let (total, exemplars) = (lane.take_total(), lane.take_exemplars());
            let Some(total) = total else { continue };
            let series = Arc::clone(&lane.series);
            let id = current.unwrap_or_else(|| {
                let id = self.series_of(&series.family, &series.values);
                segment.lanes.insert(line, id);
                id
            });
            let newest = Arrivals::Recorded { epoch, observations: lane.newest() };
            let total = SeriesTotal { since: now, begun: series.begun, ..total };
            let precedence = Precedence { lives, created: key.created, segment: key.id };
            let source = Source { origin, word: lane.word, record: &series.family, precedence };
            self.apply(id, &source, (total, newest));
            if let (Some(exemplars), Some(series)) = (exemplars, self.series.get_mut(&id)) {
                series.add_exemplars(origin, exemplars);
            }
        }
        self.segments.insert(key, segment);
    }

    fn has(&self, id: u64, origin: LaneOrigin, word: SeriesWord) -> bool {
        self.series.get(&id).is_some_and(|series| series.has(origin, word))
    }

    /// Returns the number of a series. Creates the family and the series if necessary.
    fn series_of(&mut self, record: &Arc<FamilyDescriptor>, labels: &[String]) -> u64 {
        let shapes = self.names.get(&record.name).map_or(&[][..], |shapes| shapes);
        let current = shapes
            .iter()
            .find(|number| self.shapes.get(number).is_some_and(|shape| shape.record.is_compatible(record)));
        let number = current.copied().unwrap_or_else(|| {
            let number = self.number();
            self.names.entry(record.name.clone()).or_default().push(number);
            self.shapes.insert(number, FamilyAggregate::new(record));
            number
        });
        self.series_with(number, labels)
    }

    /// Returns the number of a family's series with those label values. Creates the series if
    /// necessary.
    fn series_with(&mut self, number: u64, labels: &[String]) -> u64 {
        let current = self.shapes.get(&number).and_then(|shape| shape.series.get(labels));
        current.copied().unwrap_or_else(|| {
            let (id, labels): (u64, Arc<[String]>) = (self.number(), labels.into());
            self.series.insert(id, SeriesAggregate::new(number, Arc::clone(&labels), self.timeline.clone()));
            if let Some(shape) = self.shapes.get_mut(&number) {
                shape.series.insert(labels, id);
            }
            // If nothing is added to the series, `finish_update` drops it.
            self.changed.insert(id);
            id
        })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn apply(&mut self, id: u64, source: &Source<'_>, (total, newest): (SeriesTotal, Arrivals<'_>)) {
        let Some(series) = self.series.get(&id) else { return };
        let number = series.shape;
        if !series.has(source.origin, source.word) {
            self.update_definition(number, |shape| shape.add_definition(source));
            self.unplaced.insert(number);
        }
        let Some(shape) = self.shapes.get(&number) else { return };
        if let Some(series) = self.series.get_mut(&id) {
            series.apply(source, total, newest, shape.record.window);
        }
        self.changed.insert(id);
    }

    /// Records whether a segment's owner lives. The definitions of live processes take precedence.
    fn set_life(&mut self, key: &SegmentKey, lives: bool) {
        let Some(segment) = self.segments.get_mut(key) else { return };
        let rank = segment.rank;
        if std::mem::replace(&mut segment.lives, lives) != lives {
            let shapes: Vec<u64> = self
                .shapes
                .iter()
                .filter(|(_, shape)| shape.is_defined_by(rank))
                .map(|(id, _)| *id)
                .collect();
            for number in shapes {
                self.update_definition(number, |shape| shape.set_life(rank, lives));
            }
        }
    }

    /// Adds the new observations of a lane, if only they were read. Returns false if all of the lane
    /// was read, or if the series has no share of this incarnation of the lane.
    fn advance(&mut self, id: u64, origin: LaneOrigin, epoch: u32, lane: &mut LaneDelta) -> bool {
        let Some(count) = lane.advanced_to() else { return false };
        let Some(series) = self.series.get_mut(&id) else { return false };
        let Some(shape) = self.shapes.get(&series.shape) else { return false };
        let exemplars = lane.take_exemplars();
        let newest = Arrivals::Recorded { epoch, observations: lane.newest() };
        if !series.advance(origin, lane.word, count, newest, shape.record.window) {
            return false;
        }
        if let Some(exemplars) = exemplars {
            series.add_exemplars(origin, exemplars);
        }
        self.changed.insert(id);
        true
    }

    fn remove(&mut self, id: u64, origin: LaneOrigin) {
        let Some(series) = self.series.get_mut(&id) else { return };
        if let Some(record) = series.remove(origin) {
            let number = series.shape;
            self.update_definition(number, |shape| shape.remove_definition(origin.rank(), &record));
            self.unplaced.insert(number);
        }
        self.changed.insert(id);
    }

    /// Changes the definitions of a family. `reconcile` determines the effective one.
    fn update_definition(&mut self, number: u64, change: impl FnOnce(&mut FamilyAggregate)) {
        if let Some(shape) = self.shapes.get_mut(&number) {
            change(shape);
            self.redefined.insert(number);
        }
    }

    /// Determines the effective definition of each family whose definitions changed, and resizes the
    /// windows if it changed them.
    fn reconcile(&mut self) {
        for number in std::mem::take(&mut self.redefined) {
            let Some(shape) = self.shapes.get_mut(&number) else { continue };
            let previous = shape.record.window;
            shape.reconcile();
            let window = shape.record.window;
            if window != previous {
                for id in shape.series.values() {
                    self.series.get_mut(id).into_iter().for_each(|series| series.resize(previous, window));
                    self.changed.insert(*id);
                }
            }
        }
    }

    fn remove_family(&mut self, number: u64) {
        let Some(shape) = self.shapes.remove(&number) else { return };
        if let Some(shapes) = self.names.get_mut(&shape.record.name) {
            shapes.retain(|other| *other != number);
            if shapes.is_empty() {
                self.names.remove(&shape.record.name);
            }
        }
    }

    /// Removes the contributions of a segment.
    fn clear(&mut self, key: &SegmentKey) {
        let Some(segment) = self.segments.get_mut(key) else { return };
        let rank = segment.rank;
        for (line, id) in std::mem::take(&mut segment.lanes) {
            self.remove(id, LaneOrigin::new(rank, line));
        }
    }
}

/// The source of a share: a lane or the totals.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    origin: LaneOrigin,
    /// The totals have no series word.
    word: SeriesWord,
    /// The source's definition of the family.
    record: &'a Arc<FamilyDescriptor>,
    precedence: Precedence,
}

impl Source<'_> {
    /// Returns the totals as the source of a series.
    fn from_totals(record: &Arc<FamilyDescriptor>, created: u64) -> Source<'_> {
        let precedence = Precedence { lives: false, created, segment: 0 };
        Source { origin: LaneOrigin::TOTALS, word: SeriesWord::NONE, record, precedence }
    }
}
