//! One series: the merged shares of its lanes and of the totals.
//!
//! Changes of shares are collected. [`finish_update`](SeriesAggregate::finish_update) applies them to the window,
//! the state and the sums once for all lanes, so that the time is linear in the number of lanes.
//!
//! Observations that fall out of the window are dropped. Because lanes only grow, such an
//! observation belongs in the window again only if newer ones are removed. The lanes are then read
//! again.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    LaneOrigin, Source,
    arrivals::Arrivals,
    steps,
    sums::{Sums, count_values},
    window_changes::{self, WindowChanges},
};
use crate::{
    catalog::Kind,
    exemplar,
    format::{descriptor::FamilyDescriptor, series_word::SeriesWord},
    reader::totals::SeriesTotal,
    snapshot::{Distribution, Exemplar, Observation, Timing, Value, Window, timeline::Timeline},
    sum::{ExactSum, LIMIT},
};

/// The aggregate of a series.
#[derive(Debug)]
pub(crate) struct SeriesAggregate {
    /// The number of its family.
    pub(crate) shape: u64,
    pub(crate) labels: Arc<[String]>,
    shares: BTreeMap<LaneOrigin, LaneShare>,
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
    /// Whether observations were removed from the window, so that dropped ones may belong in it.
    needs_refill: bool,
    exemplars: Arc<[Exemplar]>,
    /// Whether the exemplars of a share changed since `exemplars` was computed.
    has_other_exemplars: bool,
}

/// The share of one lane, or of the totals, in a series.
#[derive(Debug)]
pub(crate) struct LaneShare {
    /// The series word, which identifies the incarnation of the lane.
    word: SeriesWord,
    record: Arc<FamilyDescriptor>,
    /// The label values that the share was recorded under, if this is the overflow series.
    labels: Option<Arc<[String]>>,
    /// Without observations, which are in the window.
    total: SeriesTotal,
    /// Epoch and timestamp of its newest observation.
    newest: Option<(u32, u64)>,
    /// Whether the lane is being read again, for observations that fell out of the window.
    rereading: bool,
}

/// The values that show whether a series was updated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    pub(crate) count: u64,
    pub(crate) sum: ExactSum,
    pub(crate) state: f64,
    /// The number of lanes in the sum.
    pub(crate) lanes: u64,
    /// The time at which the newest of these lanes was first seen.
    pub(crate) since: u64,
    /// Epoch and timestamp of the newest observation.
    pub(crate) stamped: Option<(u32, u64)>,
}

impl SeriesAggregate {
    pub(crate) fn new(shape: u64, labels: Arc<[String]>, timeline: Timeline) -> SeriesAggregate {
        SeriesAggregate {
            shape,
            labels,
            shares: BTreeMap::new(),
            sums: Sums::default(),
            sums_subtractable: true,
            state: 0.0,
            has_new_state: false,
            shortest: u32::MAX,
            window: Window::default(),
            changes: WindowChanges::default(),
            timeline,
            newest_evicted: None,
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
        let mut before = self.shares.remove(&origin);
        let labels = before.as_mut().and_then(|before| before.labels.take());
        if let Some(before) = &mut before {
            total.since = before.total.since;
            if total.exemplars.is_empty() {
                total.exemplars = std::mem::take(&mut before.total.exemplars);
            }
            // If the writer was too fast, the buckets may have been read with fewer observations of
            // the ring.
            total.distribution.max_with(&before.total.distribution);
        }
        let is_incremental = before.as_ref().filter(|before| !before.rereading);
        let arrivals = is_incremental.and_then(|before| total.count.checked_sub(before.total.count));
        let known = arrivals.and_then(|arrivals| newest.len().checked_sub(arrivals as usize));
        if before.is_some() && known.is_none() {
            // Observations in between were overwritten, or the lane was read again: all of them are
            // replaced.
            self.changes.remove(origin);
        }
        let first = known.unwrap_or(0);
        let last = newest.newest(first, &self.timeline);
        let last = last.or(before.as_ref().and_then(|before| before.newest));
        self.changes.add(newest, first, origin);
        // The family counts its definitions by their addresses. If the totals file was read again, the
        // same definition has another address.
        let record = Arc::clone(before.as_ref().map_or(record, |before| &before.record));
        let share = LaneShare { word, record, labels, total, newest: last, rereading: false };
        self.insert(origin, share, before.as_ref());
        self.bound_changes(window);
    }

    fn insert(&mut self, origin: LaneOrigin, share: LaneShare, before: Option<&LaneShare>) {
        self.has_other_exemplars |= !share.total.exemplars.is_empty();
        self.shortest = self.shortest.min(share.record.window);
        self.shares.insert(origin, share);
        self.replace(before.map(|before| &before.total), Some(origin));
    }

    /// Adds new observations of a lane. `count` and `sum` are those of the lane after them.
    pub(crate) fn advance(
        &mut self,
        origin: LaneOrigin,
        count: u64,
        sum: ExactSum,
        newest: Arrivals<'_>,
        window: u32,
    ) {
        let Arrivals::Recorded { epoch, observations } = newest else { return self.invalidate() };
        let values = observations.iter().map(|&(_, value)| value);
        let share = self.shares.get_mut(&origin).filter(|share| !share.rereading);
        let share = share.filter(|share| share.total.count.checked_add(values.len() as u64) == Some(count));
        let Some(share) = share else { return self.invalidate() };
        let has_buckets = share.record.distribution;
        if has_buckets && count_values(&mut share.total.distribution, values.clone()).is_none() {
            return self.invalidate();
        }
        self.sums_subtractable =
            self.sums_subtractable && self.sums.advance(share.total.sum, sum, values, has_buckets);
        (share.total.count, share.total.sum) = (count, sum);
        share.newest = observations.last().map(|&(stamp, _)| (epoch, stamp)).or(share.newest);
        self.changes.add(newest, 0, origin);
        self.bound_changes(window);
    }

    /// Replaces the exemplars of a lane.
    pub(crate) fn add_exemplars(&mut self, origin: LaneOrigin, exemplars: Vec<Exemplar>) {
        if let Some(share) = self.shares.get_mut(&origin) {
            share.total.exemplars = exemplars;
            self.has_other_exemplars = true;
        }
    }

    /// Applies the collected changes. `window` is the length of the window.
    pub(crate) fn finish_update(&mut self, window: u32) {
        self.slide_changes(window);
        if !self.sums_subtractable {
            steps::count(self.shares.len());
            self.sums_subtractable = self.sums.recompute(self.shares.values().map(|share| &share.total));
        }
        if std::mem::take(&mut self.has_new_state) {
            steps::count(self.shares.len());
            // Added up again: subtracting floats would leave rounding errors.
            let sum = self.shares.values().fold(0.0, |state, share| state + share.total.state);
            // Each state is finite, so the sum that is shown must be finite, too.
            self.state = sum.clamp(f64::MIN, f64::MAX);
        }
        self.settle_exemplars();
    }

    /// Takes the newest exemplar of each bucket from all shares.
    fn settle_exemplars(&mut self) {
        // A changed share may have removed bounds from the series, which then has fewer buckets.
        if self.has_other_exemplars || !self.exemplars.is_empty() {
            let all = self.shares.values().flat_map(|share| &share.total.exemplars);
            self.exemplars = newest_exemplars(all, &self.sums.distribution);
            self.has_other_exemplars = false;
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
    pub(crate) fn take(&mut self, origin: LaneOrigin) -> Option<(LaneShare, Vec<Observation>)> {
        self.apply_removals();
        let share = self.shares.remove(&origin)?;
        let observations = self.window.iter().chain(self.changes.arrivals().iter().copied());
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
        (share, observations): (LaneShare, Vec<Observation>),
        labels: Option<Arc<[String]>>,
        window: u32,
    ) {
        let own = share.record.window;
        // The window of the other series may not have held all of its observations.
        let is_whole = observations.len() as u64 >= share.total.count.min(own.into());
        self.changes.add(Arrivals::Stored(&observations), 0, origin);
        self.insert(origin, LaneShare { labels, ..share }, None);
        self.bound_changes(window);
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
    fn replace(&mut self, old: Option<&SeriesTotal>, new: Option<LaneOrigin>) {
        let new = new.and_then(|origin| self.shares.get(&origin)).map(|share| &share.total);
        self.has_new_state |= [old, new].into_iter().flatten().any(|total| total.state != 0.0);
        self.sums_subtractable = self.sums_subtractable && self.sums.replace(old, new);
    }

    /// Bounds the memory of the collected changes.
    fn bound_changes(&mut self, window: u32) {
        if self.changes.arrivals().len() > (window as usize).max(MAX_CHANGES) {
            self.slide_changes(window);
        }
    }

    /// Adds the observations that arrived.
    ///
    /// If the window is longer than the definition of a lane keeps, it holds at most as many
    /// observations of the lane as that definition keeps: as many as a new reader would find.
    pub(crate) fn slide_changes(&mut self, window: u32) {
        self.apply_removals();
        let mut arrivals = self.changes.take_arrivals();
        if arrivals.is_empty() {
            return;
        }
        steps::count(arrivals.len() + self.window.len());
        if self.shortest < window {
            // The totals hold the observations of several lanes.
            let own = |origin| self.shares.get(&origin).filter(|_| origin != LaneOrigin::TOTALS);
            let own = |origin| own(origin).map_or(usize::MAX, |share| share.record.window as usize);
            window_changes::limit(&mut self.window, &mut arrivals, own);
        }
        let older = window_changes::drop_older(&mut arrivals, &self.window, window as usize, &self.timeline);
        self.newest_evicted =
            newer(&self.timeline, self.newest_evicted, older.map(|one| (one.epoch, one.stamp)));
        // The observations of the totals were ordered by the timeline of the process that retired
        // them.
        self.timeline.sort(&mut arrivals);
        self.slide(&arrivals, window);
    }

    fn slide(&mut self, arrivals: &[Observation], window: u32) {
        self.apply_removals();
        let fell = self.window.slide(arrivals, window as usize, &self.timeline);
        self.newest_evicted =
            newer(&self.timeline, self.newest_evicted, fell.map(|one| (one.epoch, one.stamp)));
    }

    /// Orders the window by another timeline. Returns whether lanes must be read again.
    pub(crate) fn retime(&mut self, timeline: &Timeline) -> bool {
        self.apply_removals();
        self.timeline = timeline.clone();
        self.window.retime(timeline);
        // An observation that fell out, of any epoch, may now be newer than one in the window.
        if self.newest_evicted.is_some() && timeline.is_far() {
            self.invalidate();
        }
        self.needs_refill
    }

    /// Removes the observations of all leaving origins at once.
    fn apply_removals(&mut self) {
        self.needs_refill |= self.changes.apply_removals(&mut self.window);
    }

    /// Changes the length of the window from `before` to `window`.
    pub(crate) fn resize(&mut self, before: u32, window: u32) {
        self.needs_refill |= window > before;
        self.slide(&[], window);
    }

    /// Returns whether no observation that fell out of the window belongs in it now. Must be called
    /// after `finish_update`.
    pub(crate) fn is_complete(&mut self, window: u32) -> bool {
        let oldest = self.window.iter().next().map(|one| (one.epoch, one.stamp));
        let is_full = self.window.len() == window as usize;
        let is_newer = |fell| newer(&self.timeline, oldest, Some(fell)) == oldest && oldest != Some(fell);
        self.needs_refill =
            self.needs_refill && self.newest_evicted.is_some_and(|fell| !(is_full && is_newer(fell)));
        !self.needs_refill
    }

    /// Accepts the window as it is after `finish_update`.
    pub(crate) fn accept_as_is(&mut self) {
        self.needs_refill = false;
    }

    /// Expects all shares again, with all observations that may be in the window. Returns their
    /// origins.
    pub(crate) fn request_reread(&mut self) -> Vec<LaneOrigin> {
        (self.newest_evicted, self.needs_refill) = (None, false);
        self.shares.values_mut().for_each(|share| share.rereading = true);
        self.shares.keys().copied().collect()
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

    /// Returns the value that a snapshot shows.
    pub(crate) fn value(&self, kind: Kind) -> Value {
        shown(kind, &self.sums, self.state, self.window.clone(), Arc::clone(&self.exemplars))
    }

    /// Returns whether the sum has reached the largest number that is kept. A counter's lane stops
    /// below [`LIMIT`].
    pub(crate) fn is_saturated(&self, kind: Kind) -> bool {
        match kind {
            Kind::Counter => self.sums.exact.to_f64() >= LIMIT.next_down(),
            Kind::Gauge => false,
            Kind::Timer => self.sums.exact.is_saturated(),
        }
    }

    /// Returns the values that show whether the series was updated.
    pub(crate) fn activity(&self) -> Activity {
        let stamps = self.shares.values().map(|share| share.newest);
        Activity {
            count: self.sums.count,
            sum: self.sums.exact,
            state: self.state,
            lanes: self.shares.values().map(|share| share.total.lanes).sum(),
            since: self.shares.values().map(|share| share.total.since).max().unwrap_or(0),
            stamped: stamps.fold(None, |newest, stamp| newer(&self.timeline, newest, stamp)),
        }
    }
}

/// The number of arrivals that a series collects in any case before its window slides.
const MAX_CHANGES: usize = 256;

/// Later than every timestamp.
const NEVER: (u32, u64) = (u32::MAX, u64::MAX);

/// Returns the newer of two timestamps with their epochs.
fn newer(timeline: &Timeline, one: Option<(u32, u64)>, other: Option<(u32, u64)>) -> Option<(u32, u64)> {
    let place =
        |at: (u32, u64)| if at == NEVER { (u64::MAX, NEVER.0, NEVER.1) } else { timeline.instant(at) };
    if other.map(place) > one.map(place) { other } else { one }
}

fn newest_exemplars<'a>(
    all: impl Iterator<Item = &'a Exemplar>,
    distribution: &Distribution,
) -> Arc<[Exemplar]> {
    let mut all = all.cloned().collect();
    exemplar::keep_newest(&mut all, &distribution.bounds);
    all.into()
}

fn shown(kind: Kind, sums: &Sums, state: f64, window: Window, exemplars: Arc<[Exemplar]>) -> Value {
    match kind {
        Kind::Counter => Value::Counter(sums.exact.to_f64()),
        Kind::Gauge => Value::Gauge(state),
        Kind::Timer => Value::Timer(Timing {
            count: sums.count,
            sum: sums.exact.to_f64(),
            window,
            distribution: Arc::clone(&sums.distribution),
            exemplars,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::line_index::LineIndex, policy::agreement::Precedence};

    fn lane(number: u32) -> LaneOrigin {
        LaneOrigin::new(1, LineIndex::new(number))
    }

    fn source(number: u32, record: &Arc<FamilyDescriptor>) -> Source<'_> {
        let origin = lane(number);
        let precedence = Precedence { lives: true, created: 1, segment: 1 };
        Source { origin, word: SeriesWord::new(1, LineIndex::new(1)), record, precedence }
    }

    #[test]
    fn lane_that_does_not_continue_the_cached_state_is_read_again() {
        let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Timer, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        let total = SeriesTotal { count: 1, sum: ExactSum::from_values([1.0]), ..SeriesTotal::default() };
        let made = |observations| Arrivals::Recorded { epoch: 1, observations };
        series.apply(&source(1, &record), total, made(&[(1, 1.0)]), 3);
        series.advance(lane(1), 2, ExactSum::from_values([1.0, 2.0]), made(&[(2, 2.0)]), 3);
        series.finish_update(3);
        assert!(series.is_complete(3));
        let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
        assert_eq!((timing.count, timing.sum, timing.window.len()), (2, 3.0, 2));
        series.advance(lane(1), 4, ExactSum::from_values([1.0, 2.0, 3.0, 4.0]), made(&[(4, 4.0)]), 3);
        series.finish_update(3);
        assert!(!series.is_complete(3));
        assert_eq!(series.request_reread(), [1].map(lane));
    }

    #[test]
    fn summed_gauges_stay_finite() {
        let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Gauge, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        for (sign, expected) in [(1.0, f64::MAX), (-1.0, f64::MIN)] {
            for origin in [1, 2] {
                let total = SeriesTotal { state: sign * f64::MAX, ..SeriesTotal::default() };
                series.apply(
                    &source(origin, &record),
                    total,
                    Arrivals::Recorded { epoch: 1, observations: &[] },
                    3,
                );
            }
            series.finish_update(3);
            assert_eq!(series.value(Kind::Gauge), Value::Gauge(expected));
        }
    }

    #[test]
    fn saturated_count_stays_saturated() {
        let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Timer, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        let made = |observations| Arrivals::Recorded { epoch: 1, observations };
        let count_of = |series: &mut SeriesAggregate| {
            series.finish_update(3);
            match series.value(Kind::Timer) {
                Value::Timer(timing) => timing.count,
                other => panic!("{other:?}"),
            }
        };
        for (origin, count) in [(1, u64::MAX - 3), (2, 1)] {
            let total = SeriesTotal { count, ..SeriesTotal::default() };
            series.apply(&source(origin, &record), total, made(&[(1, 1.0)]), 3);
        }
        assert_eq!(count_of(&mut series), u64::MAX - 2);
        let three = [(2, 1.0), (3, 1.0), (4, 1.0)];
        series.advance(lane(2), 4, ExactSum::from_values([1.0; 3]), made(&three), 3);
        assert_eq!(count_of(&mut series), u64::MAX);
        series.advance(lane(2), 5, ExactSum::from_values([1.0; 4]), made(&[(5, 1.0)]), 3);
        assert_eq!(count_of(&mut series), u64::MAX);
        // Without the lane that saturated the count, the count is exact again.
        series.remove(lane(1));
        assert_eq!(count_of(&mut series), 5);
    }

    /// Of equal timestamps, the one of the older origin is older. The observation that fell out may
    /// be newer.
    #[test]
    fn evicted_observation_returns_before_a_newer_one_of_the_same_stamp() {
        let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Timer, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        let put = |series: &mut SeriesAggregate, origin, observations: &[(u64, f64)]| {
            let count = observations.len() as u64;
            let total = SeriesTotal { count, ..SeriesTotal::default() };
            series.apply(&source(origin, &record), total, Arrivals::Recorded { epoch: 1, observations }, 3);
            series.finish_update(3);
        };
        put(&mut series, 5, &[(10, 5.0)]);
        put(&mut series, 9, &[(20, 9.0), (21, 9.0), (22, 9.0)]);
        series.remove(lane(9));
        series.finish_update(3);
        put(&mut series, 1, &[(10, 1.0), (30, 1.0), (31, 1.0)]);
        assert!(!series.is_complete(3), "the one of origin 5 is the third newest");
        // All lanes are read again.
        assert_eq!(series.request_reread(), [1, 5].map(lane));
        put(&mut series, 5, &[(10, 5.0)]);
        put(&mut series, 1, &[(10, 1.0), (30, 1.0), (31, 1.0)]);
        let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
        let shown: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
        assert_eq!(shown, [5.0, 1.0, 1.0]);
        // The observation that fell out has the same timestamp now. After all lanes were read, the
        // window is accepted as it is.
        assert!(!series.is_complete(3));
        series.accept_as_is();
        assert!(series.is_complete(3));
    }
}
