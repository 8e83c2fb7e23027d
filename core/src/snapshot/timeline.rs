//! One order for timestamps of several clocks.
//!
//! Timestamps of one epoch can be compared directly. Timestamps of different epochs are ordered by
//! the wall clock, as accurately as their anchors allow: each epoch has a function that maps its
//! timestamps to time. The function never decreases, so the mapping changes no order within an
//! epoch. The triple (time, epoch, stamp) is then a total order of all observations.
//!
//! A function is kept as long as newer anchors agree with it, so that windows stay sorted from one
//! snapshot to the next.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::Observation;
use crate::clock::{self, Anchor, epoch_clocks::Clocks};

/// The position of an observation among those of all epochs: time, epoch, stamp.
pub(crate) type Instant = (u64, u32, u64);

/// The order of timestamps of several epochs. Clones are cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline(Option<Arc<Functions>>);

#[derive(Debug)]
struct Functions {
    /// Increases with every timeline that this process creates.
    version: u64,
    by_epoch: BTreeMap<u32, Function>,
    /// The maximum difference between the times of stamps in this timeline and in the previous one,
    /// in nanoseconds.
    shift: u64,
}

/// The maximum difference between a newer anchor and a function that is kept, in nanoseconds.
const TOLERANCE: u64 = 250_000;
/// If the times of a new timeline differ by more than this, in nanoseconds, windows search for
/// evicted observations that are now newer than retained ones.
const FAR: u64 = 10_000_000;
/// An anchor whose uncertainty is more than this many times that of the best anchor of its epoch is
/// ignored.
const MAX_UNCERTAINTY: u64 = 16;
/// The uncertainty, in stamps of a nanosecond or less, up to which an anchor is never ignored.
const CERTAIN: u64 = 100_000;
/// The minimum time between two anchors from which a rate is derived, in nanoseconds.
const LONG: u64 = 1_000_000_000;
/// The nanoseconds per stamp if no plausible rate is known.
const DEFAULT_RATE: f64 = 1.0;
const PLAUSIBLE_RATES: std::ops::Range<f64> = 0.01..1_000.0;
/// The number of fractional bits of a rate.
const RATE_DIGITS: u32 = 40;

impl Timeline {
    /// Returns a timeline for these clocks, or this one if it agrees with them.
    pub(crate) fn follow(&self, clocks: &Clocks) -> Timeline {
        static VERSIONS: AtomicU64 = AtomicU64::new(1);
        let functions =
            clocks.iter().filter_map(|(epoch, _, anchors)| Some((epoch, Function::new(anchors)?)));
        let by_epoch: BTreeMap<u32, Function> = functions.collect();
        if by_epoch.is_empty() || self.agrees(&by_epoch) {
            return self.clone();
        }
        let shift = self.shift(&by_epoch);
        Timeline(Some(Arc::new(Functions { version: VERSIONS.fetch_add(1, Relaxed), by_epoch, shift })))
    }

    fn shift(&self, newer: &BTreeMap<u32, Function>) -> u64 {
        let Some(functions) = &self.0 else { return 0 };
        let pairs = newer.iter().filter_map(|(epoch, newer)| Some((newer, functions.by_epoch.get(epoch)?)));
        pairs.map(|(one, other)| one.shift(other).max(other.shift(one))).max().unwrap_or(0)
    }

    /// Returns whether times differ from those of the previous timeline by more than the
    /// uncertainty of anchors.
    pub(crate) fn is_far(&self) -> bool {
        self.0.as_ref().is_some_and(|functions| functions.shift > FAR)
    }

    fn agrees(&self, newer: &BTreeMap<u32, Function>) -> bool {
        let Some(functions) = &self.0 else { return false };
        newer.iter().all(|(epoch, newer)| {
            functions.by_epoch.get(epoch).is_some_and(|function| function.shift(newer) <= TOLERANCE)
        })
    }

    /// Returns whether both are the same timeline.
    pub(crate) fn is(&self, other: &Timeline) -> bool {
        self.version() == other.version()
    }

    /// Returns the newer of two timelines of this process.
    pub(crate) fn newer<'a>(&'a self, other: &'a Timeline) -> &'a Timeline {
        if other.version() > self.version() { other } else { self }
    }

    fn version(&self) -> u64 {
        self.0.as_ref().map_or(0, |functions| functions.version)
    }

    /// Returns the wall-clock time of a stamp, in nanoseconds since 1970, or none for an epoch
    /// without anchors.
    pub(crate) fn time(&self, epoch: u32, stamp: u64) -> Option<u64> {
        Some(self.0.as_ref()?.by_epoch.get(&epoch)?.time(stamp))
    }

    /// Returns the position of a stamp of an epoch.
    pub(crate) fn instant(&self, (epoch, stamp): (u32, u64)) -> Instant {
        (self.time(epoch, stamp).unwrap_or(0), epoch, stamp)
    }

    /// Returns whether times order observations of different epochs. Otherwise the epochs' numbers
    /// do.
    pub(crate) fn has_times(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the position of an observation; among equal stamps, the origins decide.
    pub(crate) fn key(&self, one: &Observation) -> (Instant, u64) {
        (self.instant((one.epoch, one.stamp)), one.origin)
    }

    /// Compares two observations by age.
    pub(crate) fn order(&self, one: &Observation, other: &Observation) -> Ordering {
        if one.epoch == other.epoch {
            return (one.stamp, one.origin).cmp(&(other.stamp, other.origin));
        }
        self.key(one).cmp(&self.key(other))
    }

    /// Sorts observations; those of one lane keep their order.
    pub(crate) fn sort(&self, observations: &mut [Observation]) {
        if !self.is_sorted(observations.iter().copied()) {
            observations.sort_by(|one, other| self.order(one, other));
        }
    }

    /// Sorts observations and keeps the newest `window` of them.
    pub(crate) fn keep_newest(&self, observations: &mut Vec<Observation>, window: u32) {
        self.sort(observations);
        let surplus = observations.len().saturating_sub(window as usize);
        observations.drain(..surplus);
    }

    pub(crate) fn is_sorted(&self, observations: impl Iterator<Item = Observation>) -> bool {
        observations.is_sorted_by(|one, other| self.order(one, other).is_le())
    }
}

/// Maps the stamps of an epoch to time: linear between anchors, and by the clock's rate outside of
/// them.
#[derive(Clone, Debug)]
struct Function {
    /// Pairs of (stamp, time), both ascending; at least one.
    knots: Vec<(u64, u64)>,
    /// The nanoseconds per stamp, as a fixed-point number with [`RATE_DIGITS`] fractional bits.
    rate: u64,
}

impl Function {
    fn new(anchors: &[Anchor]) -> Option<Function> {
        let best = anchors.iter().map(|anchor| anchor.uncertainty).min()?;
        let bound = best.saturating_mul(MAX_UNCERTAINTY).max(CERTAIN);
        let certain = anchors.iter().filter(|anchor| anchor.uncertainty <= bound);
        let mut knots: Vec<(u64, u64)> = certain.map(|anchor| (anchor.stamp, anchor.wall)).collect();
        knots.sort_unstable();
        // If the wall clock was set back, time stands still until the clock reaches the earlier
        // value again.
        let mut latest = 0;
        for (_, time) in &mut knots {
            latest = latest.max(*time);
            *time = latest;
        }
        // Of two anchors at the same stamp, the later time is kept.
        knots.reverse();
        knots.dedup_by_key(|(stamp, _)| *stamp);
        knots.reverse();
        let rate = rate(anchors, &knots);
        Some(Function { knots, rate })
    }

    fn time(&self, stamp: u64) -> u64 {
        let lasts = |stamps: u64| {
            let nanoseconds = (u128::from(stamps) * u128::from(self.rate)) >> RATE_DIGITS;
            u64::try_from(nanoseconds).unwrap_or(u64::MAX)
        };
        let after = self.knots.partition_point(|&(knot, _)| knot <= stamp);
        match (after.checked_sub(1).map(|index| self.knots[index]), self.knots.get(after)) {
            (Some((from, start)), Some(&(to, end))) => {
                let part = u128::from(end - start) * u128::from(stamp - from) / u128::from(to - from);
                start + part as u64
            }
            (Some((from, start)), None) => start.saturating_add(lasts(stamp - from)),
            (None, Some(&(to, end))) => end.saturating_sub(lasts(to - stamp)),
            (None, None) => 0,
        }
    }

    /// Returns the maximum difference between this function and the knots of another one.
    fn shift(&self, other: &Function) -> u64 {
        other.knots.iter().map(|&(stamp, time)| self.time(stamp).abs_diff(time)).max().unwrap_or(0)
    }
}

/// Returns the duration of a stamp: from the newest anchor with a plausible rate, otherwise from
/// anchors that are far enough apart, otherwise from this process's clock.
fn rate(anchors: &[Anchor], knots: &[(u64, u64)]) -> u64 {
    let is_plausible = |nanoseconds: &f64| PLAUSIBLE_RATES.contains(nanoseconds);
    let plausible = anchors.iter().filter(|anchor| is_plausible(&(anchor.rate * 1e9)));
    let newest = plausible.max_by_key(|anchor| anchor.stamp).map(|anchor| anchor.rate * 1e9);
    let slope = || match knots {
        [(from, start), .., (to, end)] if end - start >= LONG => {
            Some((end - start) as f64 / (to - from) as f64)
        }
        _ => None,
    };
    let measured = newest.or_else(|| slope().filter(is_plausible));
    let nanoseconds = measured.unwrap_or_else(|| clock::seconds_a_stamp() * 1e9);
    let plausible = if is_plausible(&nanoseconds) { nanoseconds } else { DEFAULT_RATE };
    (plausible * (1_u64 << RATE_DIGITS) as f64) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Anchor, Clocks, Function, Observation, TOLERANCE, Timeline};

    const MICROSECOND: u64 = 1_000;
    const SECOND: u64 = 1_000_000_000;

    fn anchor(stamp: u64, wall: u64) -> Anchor {
        Anchor { stamp, wall, uncertainty: 1, rate: 1e-9 }
    }

    fn clocks(epochs: &[(u32, &[Anchor])]) -> Clocks {
        let mut clocks = Clocks::default();
        epochs.iter().for_each(|(epoch, anchors)| clocks.add(*epoch, 0, anchors.iter().copied()));
        clocks
    }

    #[test]
    fn time_is_computed_between_and_beyond_anchors() {
        let function = Function::new(&[anchor(1_000, 50_000), anchor(2_000, 60_000)]).unwrap();
        let times = [900, 1_000, 1_500, 2_000, 2_100].map(|stamp| function.time(stamp));
        assert_eq!(times, [49_900, 50_000, 55_000, 60_000, 60_100]);
        assert_eq!((function.time(0), function.time(u64::MAX)), (49_000, u64::MAX));
    }

    #[test]
    fn uncertain_anchor_is_ignored_if_others_exist() {
        let paused = Anchor { uncertainty: 45_000_000, ..anchor(2_000, 45_000_000) };
        assert_eq!(Function::new(&[anchor(1_000, 50_000), paused]).unwrap().time(2_000), 51_000);
        assert_eq!(Function::new(&[paused]).unwrap().time(2_000), 45_000_000);
        assert!(Function::new(&[]).is_none());
    }

    #[test]
    fn missing_rate_is_derived_from_anchors() {
        let unknown = |stamp, wall| Anchor { rate: 0.0, ..anchor(stamp, wall) };
        let far = 10 * SECOND;
        let counter = Function::new(&[unknown(0, 0), unknown(2 * far, far)]).unwrap();
        assert_eq!(counter.time(2 * far + 1_000), far + 500);
        for implausible in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0] {
            let strange = Anchor { rate: implausible, ..anchor(1_000, 50_000) };
            let function = Function::new(&[strange, anchor(2_000, 51_000)]).unwrap();
            assert_eq!(function.time(3_000), 52_000, "{implausible}");
        }
    }

    #[test]
    fn clock_set_back_changes_no_order() {
        // The clock is set back by an hour while the process runs.
        let hour = 3_600 * SECOND;
        let set = [anchor(0, 9 * hour), anchor(hour, 10 * hour), anchor(hour + SECOND, 9 * hour + SECOND)];
        let timeline = Timeline::default().follow(&clocks(&[(1, &set), (2, &[anchor(0, 9 * hour)])]));
        let stamps = [0, hour, hour + SECOND, hour + 2 * SECOND, 3 * hour];
        assert!(stamps.is_sorted_by_key(|&stamp| timeline.instant((1, stamp))));
        // Observations of the other clock from before the change are older than all of these.
        assert!(timeline.instant((2, 0)) < timeline.instant((1, hour)));
    }

    #[test]
    fn a_timeline_stays_as_long_as_anchors_agree() {
        let of = |wall| clocks(&[(1, &[anchor(0, SECOND), anchor(SECOND, 2 * SECOND + wall)][..])]);
        let first = Timeline::default().follow(&of(0));
        assert!(first.follow(&of(TOLERANCE)).is(&first) && !first.is(&Timeline::default()));
        let second = first.follow(&of(2 * TOLERANCE));
        assert!(!second.is(&first) && second.newer(&first).is(&second) && first.newer(&second).is(&second));
        assert!(!second.is_far() && second.follow(&of(SECOND)).is_far());
        // Epochs that disappear are not forgotten, and new epochs are added.
        assert!(first.follow(&Clocks::default()).is(&first));
        let both = first.follow(&clocks(&[(1, &[anchor(0, SECOND)]), (2, &[anchor(0, 9)])]));
        assert_eq!((both.time(2, 0), both.time(1, 0), first.time(2, 0)), (Some(9), Some(SECOND), None));
    }

    #[test]
    fn without_anchors_epochs_order_by_number() {
        let timeline = Timeline::default();
        assert!(timeline.instant((1, 500)) < timeline.instant((2, 1)));
        assert!(timeline.instant((2, 1)) < timeline.instant((2, 2)));
        assert_eq!(timeline.time(1, 500), None);
    }

    /// A true clock, and the anchors that its processes took.
    #[derive(Clone, Debug)]
    struct Model {
        /// The true time at stamp 0, in nanoseconds.
        start: u64,
        /// Stamps per nanosecond.
        stamps: f64,
        /// The time of each anchor, the error of its wall-clock reading, and its uncertainty.
        anchors: Vec<(u64, i64, u64)>,
        knows_rate: bool,
    }

    /// The maximum error of a wall-clock reading.
    const OFF: u64 = 50 * MICROSECOND;
    const HORIZON: u64 = 20 * SECOND;

    impl Model {
        fn stamp(&self, time: u64) -> u64 {
            ((time - self.start) as f64 * self.stamps) as u64 + 1_000
        }

        fn anchors(&self) -> Vec<Anchor> {
            let anchor = |&(time, off, uncertainty): &(u64, i64, u64)| Anchor {
                stamp: self.stamp(time.max(self.start)),
                wall: time.max(self.start).saturating_add_signed(off),
                uncertainty,
                rate: if self.knows_rate { 1e-9 / self.stamps } else { 0.0 },
            };
            self.anchors.iter().map(anchor).collect()
        }
    }

    fn model() -> impl Strategy<Value = Model> {
        let off = OFF as i64;
        let readings = prop::collection::vec((0..HORIZON, -off..off, 1..100_000_u64), 1..6);
        (SECOND..3 * SECOND, 0.4..4.0_f64, readings, any::<bool>()).prop_map(
            |(start, stamps, mut anchors, knows)| {
                // A rate must be known: two anchors at both ends of the time determine it.
                anchors.extend([(start, 0, 1), (HORIZON, 0, 1)]);
                Model { start, stamps, anchors, knows_rate: knows }
            },
        )
    }

    /// Observations as (clock, lane, true time).
    fn observations(clocks: usize) -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
        let near = (0..clocks, 0..3_u64, 5 * SECOND..5 * SECOND + 1_000 * MICROSECOND);
        let any = (0..clocks, 0..3_u64, 4 * SECOND..HORIZON);
        prop::collection::vec(prop_oneof![near, any], 0..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Sorted observations are in the true order: exactly within an epoch, and within the
        /// anchors' error across epochs.
        #[test]
        fn observations_are_ordered_by_time(
            (models, observed) in (2..5_usize).prop_flat_map(|count| {
                (prop::collection::vec(model(), count), observations(count))
            }),
            shuffle in prop::collection::vec(any::<prop::sample::Index>(), 120),
        ) {
            let mut all = Clocks::default();
            for (number, model) in models.iter().enumerate() {
                all.add(number as u32 + 1, 0, model.anchors());
            }
            let timeline = Timeline::default().follow(&all);
            let observation = |&(clock, origin, time): &(usize, u64, u64)| Observation {
                epoch: clock as u32 + 1,
                origin,
                stamp: models[clock].stamp(time),
                value: time as f64,
            };
            let mut sorted: Vec<Observation> = observed.iter().map(observation).collect();
            let last = sorted.len();
            for (at, index) in shuffle.iter().enumerate().take(last) {
                sorted.swap(at, index.index(last));
            }
            let mut again = sorted.clone();
            again.reverse();
            timeline.sort(&mut sorted);
            timeline.sort(&mut again);
            let keys = |all: &[Observation]| -> Vec<_> { all.iter().map(|one| timeline.key(one)).collect() };
            prop_assert_eq!(keys(&sorted), keys(&again), "one total order");
            for (at, older) in sorted.iter().enumerate() {
                for newer in &sorted[at + 1..] {
                    if older.epoch == newer.epoch {
                        prop_assert!((older.stamp, older.origin) <= (newer.stamp, newer.origin));
                    } else {
                        // Each of the two clocks has at most this error.
                        prop_assert!(older.value <= newer.value + 2.0 * OFF as f64 + 10.0);
                    }
                }
            }
        }

        /// No sequence of anchors changes an order within an epoch, even if some anchors are wrong.
        #[test]
        fn stamps_never_go_back_in_time(
            said in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<f64>()), 1..20),
            mut stamps in prop::collection::vec(any::<u64>(), 2..50),
        ) {
            let anchor = |(stamp, wall, uncertainty, rate)| Anchor { stamp, wall, uncertainty, rate };
            let anchors: Vec<Anchor> = said.into_iter().map(anchor).collect();
            let function = Function::new(&anchors).unwrap();
            stamps.extend(anchors.iter().map(|anchor| anchor.stamp));
            stamps.sort_unstable();
            prop_assert!(stamps.is_sorted_by_key(|&stamp| function.time(stamp)));
        }
    }
}
