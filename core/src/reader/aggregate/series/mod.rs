//! One series: the merged shares of its lanes and of the totals.
//!
//! Changes of shares are collected. [`finish_update`](SeriesAggregate::finish_update) applies them to the window,
//! the state and the sums once for all lanes, so that the time is linear in the number of lanes. Arrivals
//! that are older than a whole window of others are dropped at once.
//!
//! Observations that fall out of the window are dropped. Because lanes only grow, such an
//! observation belongs in the window again only if newer ones are removed. The lanes are then read
//! again.

mod shown;
#[cfg(test)]
mod tests;
mod update;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    LaneOrigin, Source,
    arrivals::Arrivals,
    lane_share::{LaneShare, LaneTotal},
    steps,
    sums::Sums,
    window_changes::{self, WindowChanges},
};
use crate::{
    format::{descriptor::FamilyDescriptor, series_word::SeriesWord},
    reader::totals::SeriesTotal,
    snapshot::{Exemplar, Observation, Window, timeline::Timeline},
    sum::ExactSum,
};
pub(crate) use shown::Activity;
use update::NEVER;

/// The aggregate of a series.
#[derive(Debug)]
pub(crate) struct SeriesAggregate {
    /// The number of its family.
    pub(crate) shape: u64,
    pub(crate) labels: Arc<[String]>,
    /// Boxed, because nodes of a tree are only partly used.
    shares: BTreeMap<LaneOrigin, Box<LaneShare>>,
    /// The bounds of the share that was packed last: most others have the same.
    bounds: Arc<[f64]>,
    sums: Sums,
    /// Whether shares can be subtracted from `sums` exactly. If not, `finish_update` adds them up.
    sums_subtractable: bool,
    state: f64,
    /// Whether a share with a state changed since `state` was computed.
    has_new_state: bool,
    /// At most as long as the smallest window by the definition of any share that it had.
    shortest: u32,
    window: Window,
    /// Changes that `window` does not contain yet.
    changes: WindowChanges,
    /// The order of observations in the window.
    timeline: Timeline,
    /// Epoch and timestamp of the newest observation that fell out of the window.
    newest_evicted: Option<(u32, u64)>,
    /// Epoch and timestamp before which no observation can be in the window, unless one is removed.
    oldest_kept: Option<(u32, u64)>,
    /// Whether observations were removed from the window, so that dropped ones may belong in it.
    needs_refill: bool,
    exemplars: Arc<[Exemplar]>,
    /// Whether the exemplars of a share changed since `exemplars` was computed.
    has_other_exemplars: bool,
}

impl SeriesAggregate {
    pub(crate) fn new(shape: u64, labels: Arc<[String]>, timeline: Timeline) -> SeriesAggregate {
        SeriesAggregate {
            shape,
            labels,
            shares: BTreeMap::new(),
            bounds: Arc::default(),
            sums: Sums::default(),
            sums_subtractable: true,
            state: 0.0,
            has_new_state: false,
            shortest: u32::MAX,
            window: Window::default(),
            changes: WindowChanges::default(),
            timeline,
            newest_evicted: None,
            oldest_kept: None,
            needs_refill: false,
            exemplars: Arc::default(),
            has_other_exemplars: false,
        }
    }

    /// Returns whether the series has a share of that incarnation of a lane.
    pub(crate) fn has(&self, origin: LaneOrigin, word: SeriesWord) -> bool {
        self.shares.get(&origin).is_some_and(|share| share.word == word)
    }

    /// Returns the oldest origin; none if the series has no shares.
    pub(crate) fn first(&self) -> Option<LaneOrigin> {
        self.shares.first_key_value().map(|(&origin, _)| origin)
    }

    /// Returns count and sum of the shares of those origins.
    pub(crate) fn part(&self, is_in: impl Fn(LaneOrigin) -> bool) -> (u64, ExactSum) {
        let shares = self.shares.iter().filter(|(origin, _)| is_in(**origin)).map(|(_, share)| &share.total);
        shares.fold((0, ExactSum::default()), |(count, mut sum), total| {
            sum.add(&total.sum);
            (count.saturating_add(total.count), sum)
        })
    }

    /// Adds or replaces the share of a lane. An existing share must be of the same incarnation.
    ///
    /// `newest` holds the newest of all observations of the lane, or at least the new ones.
    pub(crate) fn apply(
        &mut self,
        source: &Source<'_>,
        mut total: SeriesTotal,
        newest: Arrivals<'_>,
        window: u32,
    ) {
        let Source { origin, word, record, .. } = *source;
        let mut previous = self.shares.remove(&origin);
        let labels = previous.as_mut().and_then(|previous| previous.labels.take());
        if let Some(previous) = &mut previous {
            total.since = previous.total.since;
            if total.exemplars.is_empty() {
                total.exemplars = std::mem::take(&mut previous.total.exemplars).into();
            }
            // If the writer was too fast, the buckets may have been read with fewer observations of
            // the ring.
            previous.total.buckets.max_with(&mut total.distribution);
        }
        let is_incremental = previous.as_ref().filter(|previous| !previous.rereading);
        let arrivals = is_incremental.and_then(|previous| total.count.checked_sub(previous.total.count));
        let retained = arrivals.and_then(|arrivals| newest.len().checked_sub(arrivals as usize));
        if previous.is_some() && retained.is_none() {
            // Observations in between were overwritten, or the lane was read again: all of them are
            // replaced.
            self.changes.remove(origin);
        }
        let first = retained.unwrap_or(0);
        let last = newest.newest(first, &self.timeline);
        let last = last.or(previous.as_ref().and_then(|previous| previous.newest));
        // The family counts its definitions by their addresses. If the totals file was read again, the
        // same definition has another address.
        let record = Arc::clone(previous.as_ref().map_or(record, |previous| &previous.record));
        let total = LaneTotal::new(total, &self.bounds);
        self.bounds = Arc::clone(total.buckets.bounds());
        let share = Box::new(LaneShare { word, record, labels, total, newest: last, rereading: false });
        self.insert(origin, share, previous.as_deref());
        self.add_arrivals(newest, first, origin, window);
    }

    fn insert(&mut self, origin: LaneOrigin, share: Box<LaneShare>, previous: Option<&LaneShare>) {
        self.has_other_exemplars |= !share.total.exemplars.is_empty();
        self.shortest = self.shortest.min(share.record.window);
        self.shares.insert(origin, share);
        self.replace(previous.map(|previous| &previous.total), Some(origin));
    }

    /// Adds new observations of a lane, which has `count` with them. Returns false if the series has no
    /// share of that incarnation of the lane.
    pub(crate) fn advance(
        &mut self,
        origin: LaneOrigin,
        word: SeriesWord,
        count: u64,
        newest: Arrivals<'_>,
        window: u32,
    ) -> bool {
        let Some(share) = self.shares.get_mut(&origin).filter(|share| share.word == word) else {
            return false;
        };
        let Arrivals::Recorded { epoch, observations } = newest else { return false };
        let values = observations.iter().map(|&(_, value)| value);
        let follows = share.total.count.checked_add(values.len() as u64) == Some(count);
        let has_buckets = share.record.distribution;
        if !follows
            || share.rereading
            || has_buckets && share.total.buckets.count_values(values.clone()).is_none()
        {
            self.invalidate();
            return true;
        }
        let mut sum = share.total.sum;
        values.clone().for_each(|value| sum.add_value(value));
        self.sums_subtractable =
            self.sums_subtractable && self.sums.advance(share.total.sum, sum, values, has_buckets);
        (share.total.count, share.total.sum) = (count, sum);
        share.newest = observations.last().map(|&(stamp, _)| (epoch, stamp)).or(share.newest);
        self.add_arrivals(newest, 0, origin, window);
        true
    }

    /// Replaces the exemplars of a lane.
    pub(crate) fn add_exemplars(&mut self, origin: LaneOrigin, exemplars: Vec<Exemplar>) {
        if let Some(share) = self.shares.get_mut(&origin) {
            share.total.exemplars = exemplars.into();
            self.has_other_exemplars = true;
        }
    }

    /// Requires that all lanes are read again.
    fn invalidate(&mut self) {
        (self.needs_refill, self.newest_evicted) = (true, Some(NEVER));
    }

    /// Removes the share of a lane. Returns the lane's definition of the family.
    pub(crate) fn remove(&mut self, origin: LaneOrigin) -> Option<Arc<FamilyDescriptor>> {
        let share = self.shares.remove(&origin)?;
        self.changes.remove(origin);
        self.replace(Some(&share.total), None);
        Some(share.record)
    }

    /// Removes the share of a lane with its observations, and returns them for another series.
    pub(crate) fn take(&mut self, origin: LaneOrigin) -> Option<(Box<LaneShare>, Vec<Observation>)> {
        self.apply_removals();
        let share = self.shares.remove(&origin)?;
        let observations = self.window.iter().chain(self.changes.arrivals().iter());
        let observations = observations.filter(|one| one.origin == origin.bits()).collect();
        self.changes.remove(origin);
        self.replace(Some(&share.total), None);
        Some((share, observations))
    }

    /// Adds the share and observations that another series returned from `take`. `labels` are the
    /// label values that the share was recorded under, if this is the overflow series.
    pub(crate) fn adopt(
        &mut self,
        origin: LaneOrigin,
        (mut share, observations): (Box<LaneShare>, Vec<Observation>),
        labels: Option<Arc<[String]>>,
        window: u32,
    ) {
        let own = share.record.window;
        // The window of the other series may not have held all of its observations.
        let is_whole = observations.len() as u64 >= share.total.count.min(own.into());
        share.labels = labels;
        self.insert(origin, share, None);
        self.add_arrivals(Arrivals::Stored(&observations), 0, origin, window);
        if !is_whole {
            self.invalidate();
        }
    }

    /// Returns the values that decide about placement, for each share.
    ///
    /// These are the origin, the begin, and the maximum number of series by the lane's definition. In
    /// the overflow series, the label values under which the share was recorded follow.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (LaneOrigin, u64, u32, Option<&Arc<[String]>>)> {
        self.shares.iter().map(|(&origin, share)| {
            (origin, share.total.begun, share.record.max_series, share.labels.as_ref())
        })
    }

    /// Returns whether it has shares that were recorded under other label values.
    pub(crate) fn is_mixed(&self) -> bool {
        self.shares.values().any(|share| share.labels.is_some())
    }

    /// Replaces a share in the sums.
    fn replace(&mut self, old: Option<&LaneTotal>, new: Option<LaneOrigin>) {
        let new = new.and_then(|origin| self.shares.get(&origin)).map(|share| &share.total);
        self.has_new_state |= [old, new].into_iter().flatten().any(|total| total.state != 0.0);
        self.sums_subtractable = self.sums_subtractable && self.sums.replace(old, new);
    }

    /// Replaces the numbers of origins, whose order must stay the same.
    pub(crate) fn renumber(&mut self, number: impl Fn(LaneOrigin) -> LaneOrigin) {
        self.apply_removals();
        self.changes.renumber(&number);
        steps::count(self.shares.len());
        self.shares = std::mem::take(&mut self.shares)
            .into_iter()
            .map(|(origin, share)| (number(origin), share))
            .collect();
        if !self.window.is_empty() {
            self.window = self.window.map(|one| Some(window_changes::renumbered(&one, &number)));
        }
    }
}
