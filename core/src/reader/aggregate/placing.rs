//! Placement: decides which series are shown on their own; all other shares move to the overflow
//! series.
//!
//! The policy decides by segment and series. A lane that was just read is first merged into its own
//! series. If it is not placed there, its share moves to the overflow series. It moves back if it
//! is placed later, because something older was removed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{Aggregator, LaneOrigin, SegmentKey, series::SeriesAggregate};
use crate::{
    policy::series_limit::{Contribution, is_overflow, overflow, placed},
    reader::overflowed::Overflowed,
};

/// The part of a segment in one series, as the policy needs it.
#[derive(Debug)]
struct SeriesShare {
    labels: Arc<[String]>,
    begun: u64,
    segment: u64,
    limit: Option<u32>,
    /// The origins of its lanes, and the series that each is merged into now.
    lanes: Vec<(LaneOrigin, u64)>,
}

impl Aggregator {
    /// Decides for all families whose contributions changed.
    pub(crate) fn place(&mut self) {
        let numbers = std::mem::take(&mut self.unplaced);
        let crowded = numbers.into_iter().filter(|number| self.is_crowded(*number)).collect::<Vec<_>>();
        if crowded.is_empty() {
            return;
        }
        let keys: HashMap<u32, SegmentKey> =
            self.segments.iter().map(|(key, segment)| (segment.rank, *key)).collect();
        for number in crowded {
            self.place_family(number, &keys);
        }
    }

    /// Returns whether a family has more series than some process allows, or has an overflow series
    /// already.
    fn is_crowded(&self, number: u64) -> bool {
        let Some(shape) = self.shapes.get(&number) else { return false };
        let overflow = overflow(shape.record.labels.len());
        shape.series.len() > shape.least_limit()
            || self.over.of(&shape.record).is_some()
            || shape
                .series
                .get(&*overflow)
                .is_some_and(|id| self.series.get(id).is_some_and(|of| of.is_mixed()))
    }

    fn place_family(&mut self, number: u64, keys: &HashMap<u32, SegmentKey>) {
        let parts = self.parts(number, keys);
        let noted = self.shapes.get(&number).and_then(|shape| self.over.of(&shape.record));
        let is_over = |segment: u64, labels: &[String]| {
            noted.is_some_and(|noted| noted.contains(&(segment, labels.to_vec())))
        };
        let contributions: Vec<Contribution<'_>> = parts
            .iter()
            .map(|SeriesShare { labels, begun, segment, limit, .. }| Contribution {
                labels,
                begun: *begun,
                segment: *segment,
                limit: *limit,
                is_over: is_over(*segment, labels),
            })
            .collect();
        let placed = placed(&contributions);
        for (part, placed) in parts.iter().zip(placed) {
            if part.limit.is_none() || is_overflow(&part.labels) {
                continue;
            }
            for &(origin, id) in &part.lanes {
                self.place_lane(number, &part.labels, placed, origin, id, keys);
            }
        }
    }

    /// Returns the contributions of the directory's segments to the overflow series of a family.
    pub(crate) fn overflowed(&self, number: u64) -> Overflowed {
        let mut overflowed = Overflowed::default();
        let Some(shape) = self.shapes.get(&number) else { return overflowed };
        let over = shape.series.get(&*overflow(shape.record.labels.len()));
        let over = over.and_then(|id| self.series.get(id)).filter(|series| series.is_mixed());
        let keys: HashMap<u32, SegmentKey> =
            self.segments.iter().map(|(key, segment)| (segment.rank, *key)).collect();
        for (origin, _, _, own) in over.into_iter().flat_map(SeriesAggregate::shares) {
            let key = keys.get(&origin.rank()).filter(|key| !key.in_memory);
            if let (Some(key), Some(values)) = (key, own) {
                overflowed.insert(key.id, &shape.record, values);
            }
        }
        overflowed
    }

    /// Moves a lane's share to the series where it belongs.
    fn place_lane(
        &mut self,
        number: u64,
        labels: &Arc<[String]>,
        placed: bool,
        origin: LaneOrigin,
        from: u64,
        keys: &HashMap<u32, SegmentKey>,
    ) {
        let is_placed = self.series.get(&from).is_some_and(|series| series.labels == *labels);
        let window = self.shapes.get(&number).map(|shape| shape.record.window);
        let (Some(window), true) = (window, is_placed != placed) else { return };
        let to: Arc<[String]> = if placed { Arc::clone(labels) } else { overflow(labels.len()).into() };
        let to = self.series_with(number, &to);
        let Some(moved) = self.series.get_mut(&from).and_then(|series| series.take(origin)) else { return };
        if let Some(series) = self.series.get_mut(&to) {
            series.adopt(origin, moved, (!placed).then(|| Arc::clone(labels)), window);
        }
        let segment = keys.get(&origin.rank()).and_then(|key| self.segments.get_mut(key));
        if let Some(segment) = segment {
            segment.lanes.insert(origin.line(), to);
        }
        self.changed.extend([from, to]);
    }

    /// Returns the parts of segments and totals in all series of a family.
    fn parts(&self, number: u64, keys: &HashMap<u32, SegmentKey>) -> Vec<SeriesShare> {
        let mut parts: BTreeMap<(u32, Arc<[String]>), SeriesShare> = BTreeMap::new();
        let shape = self.shapes.get(&number);
        for (labels, id) in shape.into_iter().flat_map(|shape| &shape.series) {
            let Some(series) = self.series.get(id) else { continue };
            for (origin, begun, limit, own) in series.shares() {
                let rank = origin.rank();
                let labels = Arc::clone(own.unwrap_or(labels));
                let segment = keys.get(&rank).map_or(0, |key| key.id);
                let limit = (origin != LaneOrigin::TOTALS).then_some(limit);
                let part =
                    SeriesShare { labels: Arc::clone(&labels), begun, segment, limit, lanes: Vec::new() };
                let part = parts.entry((rank, labels)).or_insert(part);
                part.begun = part.begun.min(begun);
                part.lanes.push((origin, *id));
            }
        }
        parts.into_values().collect()
    }
}
