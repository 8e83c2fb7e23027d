//! All series of all segments and the totals, from one snapshot to the next.
//!
//! What a segment says anew is exchanged for what it said before, series by series: a series that
//! nobody moved costs nothing. Every lane has an **origin**, its rank among all lanes: the rank of
//! its segment, by creation and id, then its line; what is in the totals has origin 0.

mod series;
mod shape;
mod show;
mod sums;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

pub(super) use self::{
    series::Activity,
    shape::is_over,
    show::{Shown, ShownFamily},
};
use self::{
    series::{Newest, Series},
    shape::Shape,
};
use crate::{
    clock,
    segment::{
        descriptor::FamilyRecord,
        layout::LOSSES,
        reading::News,
        totals::{SeriesTotal, Totals},
    },
};

/// The state of a reader.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// The families of a name, one for each shape in which it is recorded.
    names: BTreeMap<String, Vec<u64>>,
    shapes: HashMap<u64, Shape>,
    series: HashMap<u64, Series>,
    /// Numbers of families and series are never used again.
    next: u64,
    segments: BTreeMap<Key, Segment>,
    /// The series that the totals have.
    in_totals: Vec<u64>,
    totals_losses: [u64; LOSSES],
    /// Series that have changed since they were settled.
    changed: BTreeSet<u64>,
    /// Those among them whose lanes are being read again.
    awaited: BTreeSet<u64>,
}

/// A segment, in the order in which segments rank: those of a directory, then those in memory alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) in_memory: bool,
    pub(super) created: u64,
    pub(super) id: u64,
}

#[derive(Debug, Default)]
struct Segment {
    rank: u32,
    losses: [u64; LOSSES],
    unread: u64,
    /// The series of each lane, by line.
    lanes: HashMap<u64, u64>,
}

/// What the totals have has no series word.
const NO_WORD: u64 = 0;
const NO_ORIGIN: u64 = 0;
/// Segments of a directory have smaller ranks.
const FIRST_IN_MEMORY: u32 = 1 << 31;
const LAST: u32 = u32::MAX;

impl Merged {
    /// Counts of what was lost, and of lanes that could not be read.
    pub(super) fn lost(&self) -> ([u64; LOSSES], u64) {
        let mut losses = self.totals_losses;
        for segment in self.segments.values() {
            losses.iter_mut().zip(segment.losses).for_each(|(sum, lost)| *sum = sum.saturating_add(lost));
        }
        (losses, self.segments.values().map(|segment| segment.unread).sum())
    }

    /// Drops what segments said that are not there any more.
    pub(super) fn keep_segments(&mut self, keep: impl Fn(&Key) -> bool) {
        let gone: Vec<Key> = self.segments.keys().filter(|key| !keep(key)).copied().collect();
        for key in gone {
            self.clear(&key);
            self.segments.remove(&key);
        }
    }

    /// Other totals than before.
    pub(super) fn put_totals(&mut self, totals: &Totals) {
        for id in std::mem::take(&mut self.in_totals) {
            self.remove(id, NO_ORIGIN);
        }
        self.totals_losses = totals.losses;
        for family in totals.families.values().flatten() {
            for (labels, total) in &family.series {
                let id = self.series_of(&family.record, labels);
                self.in_totals.push(id);
                self.put(id, NO_ORIGIN, NO_WORD, &family.record, family.created, kept(total));
            }
        }
    }

    /// What a segment says anew.
    pub(super) fn put_news(&mut self, key: Key, epoch: u32, news: News) {
        if !self.segments.contains_key(&key) {
            self.enter(key);
        } else if news.first {
            self.clear(&key);
        }
        let Some(mut segment) = self.segments.remove(&key) else { return };
        (segment.losses, segment.unread) = (news.losses, news.unread);
        let now = clock::now();
        for (line, lane) in news.lanes {
            let origin = u64::from(segment.rank) << 32 | line;
            let before = segment.lanes.get(&line).copied();
            let word = lane.as_ref().map(|lane| lane.word);
            // Of another life of the lane, or of none.
            let known = before.filter(|id| word.is_some_and(|word| self.has(*id, origin, word)));
            if let (Some(id), None) = (before, known) {
                segment.lanes.remove(&line);
                self.remove(id, origin);
            }
            let Some(mut lane) = lane else { continue };
            let series = Arc::clone(&lane.series);
            let id = known.unwrap_or_else(|| {
                let id = self.series_of(&series.family, &series.values);
                segment.lanes.insert(line, id);
                id
            });
            let goes_on = lane.goes_on();
            let total = SeriesTotal { since: now, ..lane.take_total() };
            let newest = Newest::Made { epoch, observations: lane.newest() };
            if goes_on {
                self.advance(id, origin, &total, newest);
                continue;
            }
            self.put(id, origin, lane.word, &series.family, key.created, (total, newest));
        }
        self.segments.insert(key, segment);
    }

    fn has(&self, id: u64, origin: u64, word: u64) -> bool {
        self.series.get(&id).is_some_and(|series| series.has(origin, word))
    }

    /// Settles what has changed. Gives lanes that are to be read again before it is: newer observations
    /// are gone, so that some which fell out of a window may belong in it.
    pub(super) fn settle(&mut self, totals: &Totals) -> Vec<(Key, u64)> {
        let awaited = std::mem::take(&mut self.awaited);
        for id in std::mem::take(&mut self.changed) {
            let Some(series) = self.series.get_mut(&id) else { continue };
            let Some(shape) = self.shapes.get_mut(&series.shape) else { continue };
            if series.first().is_none() {
                shape.series.remove(&series.labels);
                let (number, is_empty) = (series.shape, shape.series.is_empty());
                self.series.remove(&id);
                if is_empty {
                    self.drop_shape(number);
                }
            } else if awaited.contains(&id) {
                // Whatever could be read again has been.
                series.accept();
            } else if !series.is_whole(shape.record.window) {
                self.awaited.insert(id);
            }
        }
        let keys: HashMap<u32, Key> = match self.awaited.is_empty() {
            true => return Vec::new(),
            false => self.segments.iter().map(|(key, segment)| (segment.rank, *key)).collect(),
        };
        let mut lanes = Vec::new();
        for id in self.awaited.clone() {
            for origin in self.series.get_mut(&id).map(Series::expect_again).unwrap_or_default() {
                match keys.get(&((origin >> 32) as u32)) {
                    Some(key) => lanes.push((*key, origin & u64::from(u32::MAX))),
                    None => self.put_again(id, totals),
                }
            }
            self.changed.insert(id);
        }
        lanes
    }

    /// Takes windows as they are, after all that could be read again has been.
    pub(super) fn accept(&mut self) {
        for id in std::mem::take(&mut self.awaited) {
            self.series.get_mut(&id).into_iter().for_each(Series::accept);
        }
    }

    /// What the totals have of a series.
    fn put_again(&mut self, id: u64, totals: &Totals) {
        let Some(series) = self.series.get(&id) else { return };
        let Some(shape) = self.shapes.get(&series.shape) else { return };
        let shapes = totals.families.get(&shape.record.name).into_iter().flatten();
        for family in shapes.filter(|family| family.record.same_shape(&shape.record)) {
            if let Some(total) = family.series.get(&*series.labels) {
                let (record, created) = (Arc::clone(&family.record), family.created);
                return self.put(id, NO_ORIGIN, NO_WORD, &record, created, kept(total));
            }
        }
    }

    /// The number of a series.
    fn series_of(&mut self, record: &Arc<FamilyRecord>, labels: &[String]) -> u64 {
        let shapes = self.names.get(&record.name).map_or(&[][..], |shapes| shapes);
        let known = shapes
            .iter()
            .find(|number| self.shapes.get(number).is_some_and(|shape| shape.record.same_shape(record)));
        let number = known.copied().unwrap_or_else(|| {
            let number = self.number();
            self.names.entry(record.name.clone()).or_default().push(number);
            self.shapes.insert(number, Shape::new(record));
            number
        });
        let known = self.shapes.get(&number).and_then(|shape| shape.series.get(labels));
        known.copied().unwrap_or_else(|| {
            let (id, labels): (u64, Arc<[String]>) = (self.number(), labels.into());
            self.series.insert(id, Series::new(number, Arc::clone(&labels)));
            if let Some(shape) = self.shapes.get_mut(&number) {
                shape.series.insert(labels, id);
            }
            // Should nothing come of it.
            self.changed.insert(id);
            id
        })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn put(
        &mut self,
        id: u64,
        origin: u64,
        word: u64,
        record: &Arc<FamilyRecord>,
        created: u64,
        (total, newest): (SeriesTotal, Newest<'_>),
    ) {
        let Some(series) = self.series.get(&id) else { return };
        let number = series.shape;
        if !series.has(origin, word) {
            self.redefine(number, |shape| shape.join((origin >> 32) as u32, record, created));
        }
        let Some(shape) = self.shapes.get(&number) else { return };
        if let Some(series) = self.series.get_mut(&id) {
            series.put(origin, word, record, total, newest, shape.record.window);
        }
        self.changed.insert(id);
    }

    fn advance(&mut self, id: u64, origin: u64, total: &SeriesTotal, newest: Newest<'_>) {
        let Some(series) = self.series.get_mut(&id) else { return };
        let Some(shape) = self.shapes.get(&series.shape) else { return };
        series.advance(origin, total.count, total.sum, newest, shape.record.window);
        self.changed.insert(id);
    }

    fn remove(&mut self, id: u64, origin: u64) {
        let Some(series) = self.series.get_mut(&id) else { return };
        if let Some(record) = series.remove(origin) {
            let number = series.shape;
            self.redefine(number, |shape| shape.leave((origin >> 32) as u32, &record));
        }
        self.changed.insert(id);
    }

    /// Changes what a family's definitions come to.
    fn redefine(&mut self, number: u64, change: impl FnOnce(&mut Shape)) {
        let Some(shape) = self.shapes.get_mut(&number) else { return };
        let before = shape.record.window;
        change(shape);
        let window = shape.record.window;
        if window != before {
            for id in shape.series.values() {
                self.series.get_mut(id).into_iter().for_each(|series| series.resize(before, window));
                self.changed.insert(*id);
            }
        }
    }

    fn drop_shape(&mut self, number: u64) {
        let Some(shape) = self.shapes.remove(&number) else { return };
        if let Some(shapes) = self.names.get_mut(&shape.record.name) {
            shapes.retain(|other| *other != number);
            if shapes.is_empty() {
                self.names.remove(&shape.record.name);
            }
        }
    }

    /// Takes out what a segment said.
    fn clear(&mut self, key: &Key) {
        let Some(segment) = self.segments.get_mut(key) else { return };
        let rank = segment.rank;
        for (line, id) in std::mem::take(&mut segment.lanes) {
            self.remove(id, u64::from(rank) << 32 | line);
        }
    }

    /// Makes room for a segment. Ranks grow with every new one; only where an older one appears late
    /// do all get new ranks.
    fn enter(&mut self, key: Key) {
        let alike = |other: &&Key| other.in_memory == key.in_memory;
        let before = self.segments.range(..key).next_back().filter(|(other, _)| alike(other));
        let is_last = self.segments.range(key..).next().is_none_or(|(other, _)| !alike(&other));
        let first = if key.in_memory { FIRST_IN_MEMORY } else { 1 };
        let rank = before.map_or(first, |(_, segment)| segment.rank + 1);
        self.segments.insert(key, Segment { rank, ..Segment::default() });
        if !is_last || rank == LAST || rank == FIRST_IN_MEMORY - 1 {
            self.renumber(key);
        }
    }

    /// Gives segments new ranks in the same order, after one came in between.
    fn renumber(&mut self, new: Key) {
        let mut ranks = HashMap::new();
        let (mut in_directory, mut in_memory) = (1.., FIRST_IN_MEMORY..);
        for (key, segment) in &mut self.segments {
            let next = if key.in_memory { in_memory.next() } else { in_directory.next() };
            let rank = next.unwrap_or(LAST);
            if *key != new {
                ranks.insert(segment.rank, rank);
            }
            segment.rank = rank;
        }
        let rank = |rank: u32| ranks.get(&rank).copied().unwrap_or(rank);
        let number =
            |origin: u64| u64::from(rank((origin >> 32) as u32)) << 32 | origin & u64::from(u32::MAX);
        self.series.values_mut().for_each(|series| series.renumber(number));
        self.shapes.values_mut().for_each(|shape| shape.renumber(rank));
    }
}

/// What the totals have of a series, and its observations.
fn kept(total: &SeriesTotal) -> (SeriesTotal, Newest<'_>) {
    let SeriesTotal { lanes, since, count, sum, state, ref distribution, ref newest } = *total;
    let distribution = distribution.clone();
    let total = SeriesTotal { lanes, since, count, sum, state, distribution, newest: Vec::new() };
    (total, Newest::Kept(newest))
}
