//! One series: what its lanes and the totals hold together.
//!
//! Observations that fell out of the window are not kept. Lanes only go on, so nothing brings them
//! back but the loss of newer ones, and then the lanes are read again.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Source, TOTALS_ORIGIN,
    arrivals::Arrivals,
    sums::{Sums, tally},
};
use crate::{
    catalog::Kind,
    exemplar,
    format::descriptor::FamilyDescriptor,
    reader::totals::SeriesTotal,
    snapshot::{Distribution, Exemplar, Observation, Timing, Value, Window, timeline::Timeline},
    sum::{ExactSum, LIMIT},
};

/// A series.
#[derive(Debug)]
pub(crate) struct SeriesAggregate {
    /// The family that it is of.
    pub(crate) shape: u64,
    pub(crate) labels: Arc<[String]>,
    /// By origin.
    shares: BTreeMap<u64, Share>,
    sums: Sums,
    /// Whether the sums tell what is left when a share is taken out of them.
    tells: bool,
    state: f64,
    window: Window,
    /// What orders the window.
    timeline: Timeline,
    /// Epoch and stamp of the newest observation that fell out of the window.
    fell: Option<(u32, u64)>,
    /// Whether something left the window in another way: what fell may have to come back.
    holed: bool,
    /// Origins whose observations are still to leave the window.
    leaving: Vec<u64>,
    exemplars: Arc<[Exemplar]>,
    /// Whether shares have others than those.
    has_others: bool,
}

/// What one lane has of a series, or the totals.
#[derive(Debug)]
pub(crate) struct Share {
    /// Of the lane's life.
    word: u64,
    record: Arc<FamilyDescriptor>,
    /// The label values that it was recorded under, where this is the overflow series.
    labels: Option<Arc<[String]>>,
    /// Without its observations: those are in the window.
    total: SeriesTotal,
    /// Epoch and stamp of its newest observation.
    newest: Option<(u32, u64)>,
    /// Whether it is being read again, for what fell out of the window.
    again: bool,
}

/// What tells whether a series was moved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    pub(crate) count: u64,
    pub(crate) sum: ExactSum,
    pub(crate) state: f64,
    /// Lanes that it is the sum of.
    pub(crate) lanes: u64,
    /// When the youngest of them was first seen.
    pub(crate) since: u64,
    /// Epoch and stamp of the newest observation.
    pub(crate) stamped: Option<(u32, u64)>,
}

impl SeriesAggregate {
    pub(crate) fn new(shape: u64, labels: Arc<[String]>, timeline: Timeline) -> SeriesAggregate {
        SeriesAggregate {
            shape,
            labels,
            shares: BTreeMap::new(),
            sums: Sums::default(),
            tells: true,
            state: 0.0,
            window: Window::default(),
            timeline,
            fell: None,
            holed: false,
            leaving: Vec::new(),
            exemplars: Arc::default(),
            has_others: false,
        }
    }

    /// Whether a lane has a share of that life of it.
    pub(crate) fn has(&self, origin: u64, word: u64) -> bool {
        self.shares.get(&origin).is_some_and(|share| share.word == word)
    }

    /// The oldest origin; none where nobody has the series.
    pub(crate) fn first(&self) -> Option<u64> {
        self.shares.first_key_value().map(|(&origin, _)| origin)
    }

    /// What a lane has now, which had nothing before or was in the same life; its observations are the
    /// newest of all that it made, or those at least that are new.
    pub(crate) fn put(
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
            // Beside a writer that was too fast to follow, buckets may have been read with less of the ring.
            total.distribution.raise(&before.total.distribution);
        }
        let goes_on = before.as_ref().filter(|before| !before.again);
        let arrivals = goes_on.and_then(|before| total.count.checked_sub(before.total.count));
        let known = arrivals.and_then(|arrivals| newest.len().checked_sub(arrivals as usize));
        if before.is_some() && known.is_none() {
            // What came in between was overwritten, or everything comes anew.
            self.leaving.push(origin);
        }
        let mut arrivals = newest.from(known.unwrap_or(0), origin);
        // Those of the totals were ordered by whoever retired them.
        self.timeline.sort(&mut arrivals);
        let newest = arrivals.last().map(|one| (one.epoch, one.stamp));
        let newest = newest.or(before.as_ref().and_then(|before| before.newest));
        self.slide_lane(origin, &arrivals, record.window, window);
        let share = Share { word, record: Arc::clone(record), labels, total, newest, again: false };
        self.has_others |= !share.total.exemplars.is_empty();
        self.shares.insert(origin, share);
        self.exchange(before.as_ref().map(|before| &before.total), Some(origin));
    }

    /// What a lane has now that goes on from what it had, by those observations.
    pub(crate) fn advance(
        &mut self,
        origin: u64,
        count: u64,
        sum: ExactSum,
        newest: Arrivals<'_>,
        window: u32,
    ) {
        let arrivals = newest.from(0, origin);
        let values: Vec<f64> = arrivals.iter().map(|one| one.value).collect();
        let share = self.shares.get_mut(&origin).filter(|share| !share.again);
        let share = share.filter(|share| share.total.count.checked_add(values.len() as u64) == Some(count));
        let Some(share) = share else { return self.distrust() };
        let has_buckets = share.record.distribution;
        if has_buckets && tally(&mut share.total.distribution, &values).is_none() {
            return self.distrust();
        }
        self.tells &= self.sums.advance(share.total.sum, sum, &values, has_buckets);
        (share.total.count, share.total.sum) = (count, sum);
        share.newest = arrivals.last().map(|one| (one.epoch, one.stamp)).or(share.newest);
        let own = share.record.window;
        if !self.tells {
            self.add_up();
        }
        self.slide_lane(origin, &arrivals, own, window);
    }

    /// The exemplars that a lane has now.
    pub(crate) fn exemplify(&mut self, origin: u64, exemplars: Vec<Exemplar>) {
        if let Some(share) = self.shares.get_mut(&origin) {
            share.total.exemplars = exemplars;
            self.has_others = true;
        }
    }

    /// Takes the newest exemplar of each bucket from all shares.
    pub(crate) fn settle_exemplars(&mut self) {
        // What one lane says anew may leave fewer bounds for all.
        if self.has_others || !self.exemplars.is_empty() {
            let all = self.shares.values().flat_map(|share| &share.total.exemplars);
            self.exemplars = newest_exemplars(all, &self.sums.distribution);
            self.has_others = false;
        }
    }

    /// Has all lanes read again.
    fn distrust(&mut self) {
        (self.holed, self.fell) = (true, Some(NEVER));
    }

    /// Takes out what a lane had; gives how it defined the family.
    pub(crate) fn remove(&mut self, origin: u64) -> Option<Arc<FamilyDescriptor>> {
        let share = self.shares.remove(&origin)?;
        self.leaving.push(origin);
        self.exchange(Some(&share.total), None);
        Some(share.record)
    }

    /// Takes out what a lane has, and its observations, to be put into another series.
    pub(crate) fn take(&mut self, origin: u64) -> Option<(Share, Vec<Observation>)> {
        self.sweep();
        let share = self.shares.remove(&origin)?;
        let of = |one: &&Observation| one.origin == origin;
        let observations = self.window.observations().iter().filter(of).copied().collect();
        self.leaving.push(origin);
        self.exchange(Some(&share.total), None);
        Some((share, observations))
    }

    /// Puts in what was taken out of another series, which was recorded under those label values.
    pub(crate) fn adopt(
        &mut self,
        origin: u64,
        (share, observations): (Share, Vec<Observation>),
        labels: Option<Arc<[String]>>,
        window: u32,
    ) {
        let own = share.record.window;
        // The other series' window may have had no room for all of its observations.
        let is_whole = observations.len() as u64 >= share.total.count.min(own.into());
        self.has_others |= !share.total.exemplars.is_empty();
        self.shares.insert(origin, Share { labels, ..share });
        self.exchange(None, Some(origin));
        self.slide_lane(origin, &observations, own, window);
        if !is_whole {
            self.distrust();
        }
    }

    /// What decides about places: origin, when it began, how many series its definition allows, and the
    /// label values of those that are here because they have no place.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (u64, u64, u32, Option<&Arc<[String]>>)> {
        self.shares.iter().map(|(&origin, share)| {
            (origin, share.total.begun, share.record.max_series, share.labels.as_ref())
        })
    }

    /// Whether it has shares that were recorded under other label values.
    pub(crate) fn is_mixed(&self) -> bool {
        self.shares.values().any(|share| share.labels.is_some())
    }

    /// Puts what a lane has now in the place of what it had.
    fn exchange(&mut self, old: Option<&SeriesTotal>, new: Option<u64>) {
        let new = new.and_then(|origin| self.shares.get(&origin)).map(|share| &share.total);
        let has_state = [old, new].into_iter().flatten().any(|total| total.state != 0.0);
        self.tells &= self.sums.exchange(old, new);
        if !self.tells {
            self.add_up();
        }
        if has_state {
            // Floats would keep traces of what was taken out of them.
            let sum = self.shares.values().fold(0.0, |state, share| state + share.total.state);
            // Each is finite, and so is what they are shown as.
            self.state = sum.clamp(f64::MIN, f64::MAX);
        }
    }

    fn add_up(&mut self) {
        self.tells = self.sums.add_up(self.shares.values().map(|share| &share.total));
    }

    /// Adds observations of a lane that keeps `own` of them: where the window is longer, the lane has no
    /// more in it than a reader finds that sees it for the first time.
    fn slide_lane(&mut self, origin: u64, arrivals: &[Observation], own: u32, window: u32) {
        // The totals have what several lanes left.
        let own = if origin == TOTALS_ORIGIN { u32::MAX } else { own };
        let arrivals = &arrivals[arrivals.len().saturating_sub(own as usize)..];
        if own < window && !arrivals.is_empty() {
            self.sweep();
            let is_own = |one: &&Observation| one.origin == origin;
            let held = self.window.observations().iter().filter(is_own).count();
            let mut surplus = (held + arrivals.len()).saturating_sub(own as usize);
            if surplus > 0 {
                self.window = self.window.map(|one| {
                    let leaves = one.origin == origin && surplus > 0;
                    surplus -= usize::from(leaves);
                    (!leaves).then_some(*one)
                });
            }
        }
        self.slide(arrivals, window);
    }

    fn slide(&mut self, arrivals: &[Observation], window: u32) {
        self.sweep();
        let fell = self.window.slide(arrivals, window as usize, &self.timeline);
        self.fell = newer(&self.timeline, self.fell, fell.map(|one| (one.epoch, one.stamp)));
    }

    /// Orders the window by another timeline. Returns whether lanes have to be read again for it.
    pub(crate) fn retime(&mut self, timeline: &Timeline) -> bool {
        self.sweep();
        self.timeline = timeline.clone();
        self.window.retime(timeline);
        let Some((fell, _)) = self.fell else { return false };
        let is_mixed = self.window.observations().iter().any(|one| one.epoch != fell);
        // One that fell out may be newer now than one that is in it.
        if is_mixed && timeline.is_far() {
            self.distrust();
        }
        self.holed
    }

    /// Takes out of the window what is to leave it, of however many origins at once.
    fn sweep(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        self.leaving.sort_unstable();
        let leaves = |one: &Observation| self.leaving.binary_search(&one.origin).is_ok();
        if self.window.observations().iter().any(leaves) {
            self.window = self.window.map(|one| (!leaves(one)).then_some(*one));
            self.holed = true;
        }
        self.leaving.clear();
    }

    /// Keeps a window of that length from now on, instead of `before`.
    pub(crate) fn resize(&mut self, before: u32, window: u32) {
        self.holed |= window > before;
        self.slide(&[], window);
    }

    /// Whether nothing that fell out of the window would be in it now.
    pub(crate) fn is_whole(&mut self, window: u32) -> bool {
        self.sweep();
        let oldest = self.window.observations().first().map(|one| (one.epoch, one.stamp));
        let is_full = self.window.len() == window as usize;
        let is_newer = |fell| newer(&self.timeline, oldest, Some(fell)) == oldest && oldest != Some(fell);
        self.holed = self.holed && self.fell.is_some_and(|fell| !(is_full && is_newer(fell)));
        !self.holed
    }

    /// Takes the window as it is.
    pub(crate) fn accept(&mut self) {
        self.sweep();
        self.holed = false;
    }

    /// Expects all shares anew, with whatever may be in the window; gives their origins.
    pub(crate) fn expect_again(&mut self) -> Vec<u64> {
        (self.fell, self.holed) = (None, false);
        self.shares.values_mut().for_each(|share| share.again = true);
        self.shares.keys().copied().collect()
    }

    /// Gives origins other numbers, in the same order.
    pub(crate) fn renumber(&mut self, number: impl Fn(u64) -> u64) {
        self.sweep();
        self.shares = std::mem::take(&mut self.shares)
            .into_iter()
            .map(|(origin, share)| (number(origin), share))
            .collect();
        if !self.window.is_empty() {
            self.window = self.window.map(|one| Some(Observation { origin: number(one.origin), ..*one }));
        }
    }

    /// What it shows.
    pub(crate) fn value(&self, kind: Kind) -> Value {
        shown(kind, &self.sums, self.state, self.window.clone(), Arc::clone(&self.exemplars))
    }

    /// Whether its sum has reached the largest number that is kept. A counter's lane stops below [`LIMIT`].
    pub(crate) fn is_saturated(&self, kind: Kind) -> bool {
        match kind {
            Kind::Counter => self.sums.exact.to_f64() >= LIMIT.next_down(),
            Kind::Gauge => false,
            Kind::Timer => self.sums.exact.is_saturated(),
        }
    }

    /// What tells whether it was moved.
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

/// Stands behind every stamp.
const NEVER: (u32, u64) = (u32::MAX, u64::MAX);

/// The newer of two stamps with their epochs.
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
    use crate::policy::agreement::Precedence;

    fn source(origin: u64, record: &Arc<FamilyDescriptor>) -> Source<'_> {
        let precedence = Precedence { lives: true, created: 1, segment: 1 };
        Source { origin, word: 1, record, precedence }
    }

    #[test]
    fn a_lane_that_does_not_go_on_from_what_is_known_is_read_again() {
        let record = Arc::new(FamilyDescriptor::plain("a", Kind::Timer, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        let total = SeriesTotal { count: 1, sum: ExactSum::of([1.0]), ..SeriesTotal::default() };
        let made = |observations| Arrivals::Recorded { epoch: 1, observations };
        series.put(&source(1, &record), total, made(&[(1, 1.0)]), 3);
        series.advance(1, 2, ExactSum::of([1.0, 2.0]), made(&[(2, 2.0)]), 3);
        assert!(series.is_whole(3));
        let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
        assert_eq!((timing.count, timing.sum, timing.window.len()), (2, 3.0, 2));
        series.advance(1, 4, ExactSum::of([1.0, 2.0, 3.0, 4.0]), made(&[(4, 4.0)]), 3);
        assert!(!series.is_whole(3));
        assert_eq!(series.expect_again(), [1]);
    }

    #[test]
    fn summed_gauges_stay_finite() {
        let record = Arc::new(FamilyDescriptor::plain("a", Kind::Gauge, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        for (sign, expected) in [(1.0, f64::MAX), (-1.0, f64::MIN)] {
            for origin in [1, 2] {
                let total = SeriesTotal { state: sign * f64::MAX, ..SeriesTotal::default() };
                series.put(
                    &source(origin, &record),
                    total,
                    Arrivals::Recorded { epoch: 1, observations: &[] },
                    3,
                );
            }
            assert_eq!(series.value(Kind::Gauge), Value::Gauge(expected));
        }
    }

    #[test]
    fn a_count_that_is_full_stays_full() {
        let record = Arc::new(FamilyDescriptor::plain("a", Kind::Timer, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        let made = |observations| Arrivals::Recorded { epoch: 1, observations };
        let count_of = |series: &SeriesAggregate| match series.value(Kind::Timer) {
            Value::Timer(timing) => timing.count,
            other => panic!("{other:?}"),
        };
        for (origin, count) in [(1, u64::MAX - 3), (2, 1)] {
            let total = SeriesTotal { count, ..SeriesTotal::default() };
            series.put(&source(origin, &record), total, made(&[(1, 1.0)]), 3);
        }
        assert_eq!(count_of(&series), u64::MAX - 2);
        let three = [(2, 1.0), (3, 1.0), (4, 1.0)];
        series.advance(2, 4, ExactSum::of([1.0; 3]), made(&three), 3);
        assert_eq!(count_of(&series), u64::MAX);
        series.advance(2, 5, ExactSum::of([1.0; 4]), made(&[(5, 1.0)]), 3);
        assert_eq!(count_of(&series), u64::MAX);
        // With the lane that filled it goes what did not fit.
        series.remove(1);
        assert_eq!(count_of(&series), 5);
    }

    /// Of equal stamps, the one of the older origin is older; what fell out may be the newer one.
    #[test]
    fn what_fell_out_comes_back_before_one_of_the_same_stamp() {
        let record = Arc::new(FamilyDescriptor::plain("a", Kind::Timer, &[]));
        let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
        let put = |series: &mut SeriesAggregate, origin, observations: &[(u64, f64)]| {
            let count = observations.len() as u64;
            let total = SeriesTotal { count, ..SeriesTotal::default() };
            series.put(&source(origin, &record), total, Arrivals::Recorded { epoch: 1, observations }, 3);
        };
        put(&mut series, 5, &[(10, 5.0)]);
        put(&mut series, 9, &[(20, 9.0), (21, 9.0), (22, 9.0)]);
        series.remove(9);
        put(&mut series, 1, &[(10, 1.0), (30, 1.0), (31, 1.0)]);
        assert!(!series.is_whole(3), "the one of origin 5 is the third newest");
        // All lanes are read again.
        assert_eq!(series.expect_again(), [1, 5]);
        put(&mut series, 5, &[(10, 5.0)]);
        put(&mut series, 1, &[(10, 1.0), (30, 1.0), (31, 1.0)]);
        let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
        let shown: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
        assert_eq!(shown, [5.0, 1.0, 1.0]);
        // The one that fell out now has the same stamp as well: who has read all takes it as it is.
        assert!(!series.is_whole(3));
        series.accept();
        assert!(series.is_whole(3));
    }
}
