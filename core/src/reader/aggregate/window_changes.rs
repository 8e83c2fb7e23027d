//! Changes of a window, collected so that the window slides once for all lanes of a series, and not
//! once for each.

use std::collections::HashMap;

use super::{LaneOrigin, arrivals::Arrivals};
use crate::{
    reader::stored_observations::StoredObservations,
    snapshot::{Observation, Window, timeline::Timeline},
};

/// Observations that a window does not contain yet, and origins whose observations leave it.
#[derive(Debug, Default)]
pub(crate) struct WindowChanges {
    /// In the order of their arrival, so those of one lane are sorted.
    arrivals: StoredObservations,
    /// Origins, each with the number of arrivals when it left. Later arrivals of the same origin
    /// stay.
    pending_removals: Vec<(LaneOrigin, usize)>,
}

impl WindowChanges {
    /// Adds the observations from index `first` on.
    pub(crate) fn add(&mut self, newest: Arrivals<'_>, first: usize, origin: LaneOrigin) {
        match newest {
            Arrivals::Recorded { epoch, observations } => {
                let origin = origin.bits();
                let observation = |&(stamp, value): &(u64, f64)| Observation { epoch, origin, stamp, value };
                self.arrivals.extend(observations[first..].iter().map(observation));
            }
            Arrivals::Stored(observations) => self.arrivals.extend(observations[first..].iter().copied()),
        }
    }

    /// Returns whether no origin left since the window was changed.
    pub(crate) fn only_add(&self) -> bool {
        self.pending_removals.is_empty()
    }

    /// Removes the observations that an origin has until now, in the window and here.
    pub(crate) fn remove(&mut self, origin: LaneOrigin) {
        self.pending_removals.push((origin, self.arrivals.len()));
    }

    /// Drops arrivals that are older than the newest `length` of them. Returns epoch and timestamp of
    /// the newest that it dropped, and of the oldest that it kept.
    pub(crate) fn drop_surplus(&mut self, length: usize) -> Option<[(u32, u64); 2]> {
        let (epoch, oldest) = (self.arrivals.epoch()?, self.arrivals.oldest_of_newest(length)?);
        let dropped = self.arrivals.drop_before(oldest)?;
        Some([dropped, oldest].map(|stamp| (epoch, stamp)))
    }

    /// Returns the observations that are not in the window yet.
    pub(crate) fn arrivals(&self) -> &StoredObservations {
        &self.arrivals
    }

    /// Returns the observations that are not in the window yet, for adding them.
    pub(crate) fn take_arrivals(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.arrivals).to_vec()
    }

    /// Replaces the numbers of origins.
    pub(crate) fn renumber(&mut self, number: impl Fn(LaneOrigin) -> LaneOrigin) {
        self.arrivals.map_origins(|origin| number(LaneOrigin::from_bits(origin)).bits());
        self.pending_removals.iter_mut().for_each(|(origin, _)| *origin = number(*origin));
    }

    /// Removes the observations of the origins that left. Returns whether the window had any.
    pub(crate) fn apply_removals(&mut self, window: &mut Window) -> bool {
        if self.pending_removals.is_empty() {
            return false;
        }
        let mut leaving = std::mem::take(&mut self.pending_removals);
        leaving.sort_unstable();
        // The last of several entries of one origin covers the most arrivals.
        let left = |one: &Observation| {
            let origin = LaneOrigin::from_bits(one.origin);
            let end = leaving.partition_point(|&(other, _)| other <= origin);
            leaving[..end].last().filter(|&&(other, _)| other == origin).map(|&(_, arrivals)| arrivals)
        };
        if !self.arrivals.is_empty() {
            let stays = |&(at, one): &(usize, Observation)| left(&one).is_none_or(|arrivals| at >= arrivals);
            self.arrivals = self.arrivals.iter().enumerate().filter(stays).map(|(_, one)| one).collect();
        }
        let leaves = |one: &Observation| left(one).is_some();
        let has_any = window.iter().any(|one| leaves(&one));
        if has_any {
            *window = window.map(|one| (!leaves(&one)).then_some(one));
        }
        has_any
    }
}

/// Returns an observation with the number that replaces the one of its origin.
pub(crate) fn renumbered(one: &Observation, number: impl Fn(LaneOrigin) -> LaneOrigin) -> Observation {
    Observation { origin: number(LaneOrigin::from_bits(one.origin)).bits(), ..*one }
}

/// Drops the oldest observations of each origin of which `window` and `arrivals` together have more
/// than `most`.
pub(crate) fn limit(
    window: &mut Window,
    arrivals: &mut Vec<Observation>,
    most: impl Fn(LaneOrigin) -> usize,
) {
    let mut surplus: HashMap<u64, usize> = HashMap::new();
    for one in arrivals.iter() {
        *surplus.entry(one.origin).or_default() += 1;
    }
    for one in window.iter() {
        if let Some(count) = surplus.get_mut(&one.origin) {
            *count += 1;
        }
    }
    surplus.retain(|origin, count| {
        *count = count.saturating_sub(most(LaneOrigin::from_bits(*origin)));
        *count > 0
    });
    if surplus.is_empty() {
        return;
    }
    let mut leaves = |one: &Observation| match surplus.get_mut(&one.origin) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    // Those of the window are older than the arrivals of the same lane.
    *window = window.map(|one| (!leaves(&one)).then_some(one));
    arrivals.retain(|one| !leaves(one));
}

/// Returns epoch and timestamp of the oldest observation of a full window, or none if the window is
/// not full.
pub(crate) fn oldest_kept(window: &Window, length: usize) -> Option<(u32, u64)> {
    oldest_of(window, length).map(|one| (one.epoch, one.stamp))
}

fn oldest_of(window: &Window, length: usize) -> Option<Observation> {
    window.iter().nth(window.len().checked_sub(length)?)
}

/// Drops the observations that are older than all of a full window. Returns the newest of them.
pub(crate) fn drop_older(
    arrivals: &mut Vec<Observation>,
    window: &Window,
    length: usize,
    timeline: &Timeline,
) -> Option<Observation> {
    let oldest = oldest_of(window, length)?;
    let mut newest: Option<Observation> = None;
    arrivals.retain(|one| {
        let stays = timeline.order(one, &oldest).is_ge();
        if !stays && newest.is_none_or(|other| timeline.order(&other, one).is_lt()) {
            newest = Some(*one);
        }
        stays
    });
    newest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::{LaneOrigin, Source, arrivals::Arrivals, series::SeriesAggregate};
    use crate::{
        catalog::Kind,
        format::{descriptor::FamilyDescriptor, line_index::LineIndex, series_word::SeriesWord},
        policy::agreement::Precedence,
        reader::totals::SeriesTotal,
        snapshot::{Observation, Value, Window, timeline::Timeline},
        sum::ExactSum,
    };

    /// The observations of a lane: timestamp and value.
    type Lane = Vec<(u64, f64)>;

    const WORD: SeriesWord = SeriesWord::new(1, LineIndex::new(1));
    const WINDOW: u32 = 6;
    fn origin(lane: usize) -> LaneOrigin {
        LaneOrigin::new(1, LineIndex::new(lane as u32))
    }

    /// The lengths of windows by the lanes' definitions.
    const OWN: [u32; 4] = [3, 6, 8, 6];

    #[derive(Clone, Debug)]
    enum Step {
        /// The lane gets observations, each that much newer than the previous one.
        Observe(usize, Vec<u64>),
        End(usize),
        Settle,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let observe = (0..OWN.len(), prop::collection::vec(0_u64..4, 1..12));
        let step = prop_oneof![
            6 => observe.prop_map(|(lane, newer)| Step::Observe(lane, newer)),
            1 => (0..OWN.len()).prop_map(Step::End),
            2 => Just(Step::Settle),
        ];
        prop::collection::vec(step, 1..40)
    }

    /// Adds a lane as it is read whole: with as many observations as its definition keeps.
    fn apply(series: &mut SeriesAggregate, at: usize, lane: &Lane) {
        let record = Arc::new(FamilyDescriptor {
            window: OWN[at],
            ..FamilyDescriptor::test_fixture("a", Kind::Timer, &[])
        });
        let precedence = Precedence { lives: true, created: 1, segment: 1 };
        let source = Source { origin: origin(at), word: WORD, record: &record, precedence };
        let sum = ExactSum::from_values(lane.iter().map(|&(_, value)| value));
        let total = SeriesTotal { count: lane.len() as u64, sum, ..SeriesTotal::default() };
        let observations = &lane[lane.len().saturating_sub(OWN[at] as usize)..];
        series.apply(&source, total, Arrivals::Recorded { epoch: 1, observations }, WINDOW);
    }

    /// Settles a series as a snapshot does.
    fn finish_update(series: &mut SeriesAggregate, lanes: &[Option<Lane>]) {
        series.finish_update(WINDOW);
        if !series.is_complete(WINDOW) {
            for origin in series.request_reread() {
                let at = origin.line().get() as usize;
                apply(series, at, lanes[at].as_ref().unwrap());
            }
            series.finish_update(WINDOW);
            series.accept_as_is();
        }
    }

    /// Returns the window that a new reader would find.
    fn expected(lanes: &[Option<Lane>]) -> Window {
        let kept = |(at, lane): (usize, &Option<Lane>)| {
            let lane = lane.clone().unwrap_or_default();
            let own = lane.len().saturating_sub(OWN[at] as usize);
            let observation =
                move |(stamp, value)| Observation { epoch: 1, origin: origin(at).bits(), stamp, value };
            lane.into_iter().skip(own).map(observation).collect::<Vec<_>>()
        };
        Window::newest(lanes.iter().enumerate().flat_map(kept).collect(), WINDOW as usize)
    }

    proptest! {
        /// Lanes grow in any order, with equal timestamps, and end.
        #[test]
        fn window_equals_that_of_a_new_reader(steps in steps()) {
            let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
            let mut lanes: [Option<Lane>; OWN.len()] = Default::default();
            let mut number = 0.0;
            for step in steps.into_iter().chain([Step::Settle]) {
                match step {
                    Step::Observe(at, newer) => {
                        let mut stamp = lanes[at].as_ref().and_then(|lane| lane.last()).map_or(0, |last| last.0);
                        let new: Lane = newer.into_iter().map(|newer| {
                            (stamp, number) = (stamp + newer, number + 1.0);
                            (stamp, number)
                        }).collect();
                        if let Some(lane) = &mut lanes[at] {
                            lane.extend(&new);
                            let newest = Arrivals::Recorded { epoch: 1, observations: &new };
                            series.advance(origin(at), WORD, lane.len() as u64, newest, WINDOW);
                        } else {
                            apply(&mut series, at, &new);
                            lanes[at] = Some(new);
                        }
                    }
                    Step::End(at) => {
                        series.remove(origin(at));
                        lanes[at] = None;
                    }
                    Step::Settle => {
                        finish_update(&mut series, &lanes);
                        let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
                        prop_assert_eq!(timing.window, expected(&lanes));
                        let all = || lanes.iter().flatten().flatten().map(|&(_, value)| value);
                        prop_assert_eq!(timing.count, all().count() as u64);
                        prop_assert_eq!(timing.sum, all().sum::<f64>());
                    }
                }
            }
        }
    }
}
