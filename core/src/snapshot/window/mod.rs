//! The newest observations of a series, oldest first.

mod kway_select;
mod sorted_values;

use std::sync::{Arc, OnceLock};

use super::{
    Observation,
    quantile::{self, QUANTILES},
    timeline::Timeline,
};
use sorted_values::SortedValues;

/// The newest observations of a series over all threads and processes, oldest first. Clones are
/// cheap and share computed quantiles.
///
/// ```
/// use ictus::snapshot::{Observation, Window};
///
/// let observations = (1..=5).map(|stamp| Observation::new(stamp, stamp as f64 / 10.0));
/// let window = Window::newest(observations.collect(), 3);
/// assert_eq!(window.len(), 3);
/// assert_eq!((window.last(), window.quantile(0.5)), (Some(0.5), Some(0.4)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Window(Arc<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    observations: Observations,
    /// The timeline that orders the observations.
    timeline: Timeline,
    quantiles: OnceLock<Option<[f64; QUANTILES.len()]>>,
    /// The observations in their order, if they were requested.
    listed: OnceLock<Vec<Observation>>,
}

#[derive(Clone, Debug)]
enum Observations {
    Sorted(SortedValues),
    Merged(MergeIter),
}

/// The suffixes of other windows. Their observations are sorted only if they are requested, because
/// quantiles do not need the order.
#[derive(Clone, Debug)]
struct MergeIter {
    values: Vec<f64>,
    /// Sorted windows, each with the index at which its suffix begins.
    ends: Vec<(Window, usize)>,
}

impl Default for Observations {
    fn default() -> Observations {
        Observations::Sorted(SortedValues::default())
    }
}

impl PartialEq for Window {
    fn eq(&self, other: &Window) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.iter().eq(other.iter())
    }
}

impl Window {
    /// Creates a window with the newest `length` of the observations of some lanes. The
    /// observations of each lane must be in the order in which they were made. An epoch with a
    /// greater number is newer. Negative values and NaN, which cannot be observed, count as 0.
    ///
    /// ```
    /// # use ictus::snapshot::{Observation, Window};
    /// let at = |stamp| Observation::new(stamp, stamp as f64);
    /// let window = Window::newest(vec![at(3), at(5), at(1), at(4)], 3);
    /// assert_eq!(window.observations(), [at(3), at(4), at(5)]);
    /// ```
    #[must_use]
    pub fn newest(observations: Vec<Observation>, length: usize) -> Window {
        Window::ordered(observations, length, &Timeline::default())
    }

    /// Creates a window with the newest `length` observations in the order of a timeline.
    fn ordered(mut observations: Vec<Observation>, length: usize, timeline: &Timeline) -> Window {
        timeline.sort(&mut observations);
        observations.drain(..observations.len().saturating_sub(length));
        Window::of(Observations::Sorted(SortedValues::from_sorted(&observations)), timeline)
    }

    /// Returns a window with the newest `length` observations of several windows.
    ///
    /// ```
    /// # use ictus::snapshot::{Observation, Window};
    /// let at = |stamp| Observation::new(stamp, stamp as f64);
    /// let windows = [[at(1), at(4)], [at(2), at(3)]].map(|lane| Window::newest(lane.to_vec(), 1_000));
    /// assert_eq!(Window::merge(&windows, 3).observations(), [at(2), at(3), at(4)]);
    /// ```
    #[must_use]
    pub fn merge<'a>(windows: impl IntoIterator<Item = &'a Window>, length: usize) -> Window {
        let windows = windows.into_iter().filter(|window| !window.is_empty()).map(Window::sorted);
        let mut windows: Vec<Window> = windows.collect();
        if let [only] = &windows[..]
            && only.len() <= length
        {
            return only.clone();
        }
        // Among the windows of one snapshot, the most recently changed ones have the newest
        // timeline, which has the clocks of all.
        let timelines = windows.iter().map(|window| &window.0.timeline);
        let timeline = timelines.reduce(Timeline::newer).cloned().unwrap_or_default();
        for window in &mut windows {
            window.retime(&timeline);
        }
        let lengths: Vec<usize> = windows.iter().map(Window::len).collect();
        // All of them: `sorted` and `retime` leave no merged window.
        let runs: Vec<&SortedValues> = windows.iter().filter_map(Window::sorted_values).collect();
        // A separate branch: nearly all windows have only one clock, and a merge compares thousands
        // of keys.
        let cuts = if timeline.has_times() {
            kway_select::newest(&lengths, length, |run, at| timeline.key(&runs[run].get(at)))
        } else {
            kway_select::newest(&lengths, length, |run, at| runs[run].age(at))
        };
        let ends: Vec<(Window, usize)> = windows.into_iter().zip(cuts).collect();
        let mut values = Vec::with_capacity(length.min(lengths.iter().sum()));
        ends.iter().for_each(|(window, cut)| values.extend_from_slice(&window.values()[*cut..]));
        Window::of(Observations::Merged(MergeIter { values, ends }), &timeline)
    }

    /// Returns the arrays of a window that is not merged.
    fn sorted_values(&self) -> Option<&SortedValues> {
        match &self.0.observations {
            Observations::Sorted(sorted) => Some(sorted),
            Observations::Merged(_) => None,
        }
    }

    fn of(observations: Observations, timeline: &Timeline) -> Window {
        let (timeline, quantiles, listed) = (timeline.clone(), OnceLock::new(), OnceLock::new());
        Window(Arc::new(Inner { observations, timeline, quantiles, listed }))
    }

    /// Returns the timeline that orders the observations.
    pub(crate) fn timeline(&self) -> &Timeline {
        &self.0.timeline
    }

    /// Sorts the observations by another timeline.
    pub(crate) fn retime(&mut self, timeline: &Timeline) {
        if !self.0.timeline.is(timeline) && !timeline.is_sorted(self.iter()) {
            *self = Window::ordered(self.iter().collect(), usize::MAX, timeline);
        }
    }

    /// Returns an equal window whose values are in the order of its observations.
    fn sorted(&self) -> Window {
        match &self.0.observations {
            Observations::Sorted(_) => self.clone(),
            Observations::Merged(_) => Window::ordered(self.iter().collect(), self.len(), &self.0.timeline),
        }
    }

    /// Adds observations, which must be sorted by `timeline` as those of the window are, and keeps
    /// the newest `length` of all. Returns the newest evicted observation. Clones of the window do
    /// not change.
    pub(crate) fn slide(
        &mut self,
        arrivals: &[Observation],
        length: usize,
        timeline: &Timeline,
    ) -> Option<Observation> {
        if arrivals.is_empty() && self.len() <= length {
            return None;
        }
        if matches!(self.0.observations, Observations::Merged(_)) {
            *self = self.sorted();
        }
        let inner = Arc::make_mut(&mut self.0);
        (inner.quantiles, inner.listed) = (OnceLock::new(), OnceLock::new());
        inner.timeline = timeline.clone();
        match &mut inner.observations {
            Observations::Sorted(sorted) => sorted.slide(arrivals, length, timeline),
            Observations::Merged(_) => None,
        }
    }

    /// Returns a window with the observations that `change` returns for those of this window, in the
    /// same order.
    pub(crate) fn map(&self, change: impl FnMut(Observation) -> Option<Observation>) -> Window {
        let observations: Vec<Observation> = self.iter().filter_map(change).collect();
        Window::ordered(observations, usize::MAX, &self.0.timeline)
    }

    /// Returns the observations, oldest first. They stay in memory with the window; a caller that
    /// needs them once uses [`iter`](Window::iter).
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        self.0.listed.get_or_init(|| match &self.0.observations {
            Observations::Sorted(sorted) => (0..sorted.len()).map(|at| sorted.get(at)).collect(),
            Observations::Merged(merged) => {
                let ends = merged.ends.iter();
                let mut all: Vec<Observation> =
                    ends.flat_map(|(window, cut)| window.iter().skip(*cut)).collect();
                self.0.timeline.sort(&mut all);
                all
            }
        })
    }

    /// Returns an iterator over the observations, oldest first.
    ///
    /// ```
    /// # use ictus::snapshot::{Observation, Window};
    /// let at = |stamp| Observation::new(stamp, stamp as f64);
    /// let window = Window::newest(vec![at(3), at(5), at(1), at(4)], 3);
    /// assert!(window.iter().map(|observation| observation.value).eq([3.0, 4.0, 5.0]));
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Observation> + DoubleEndedIterator {
        (0..self.len()).map(|index| self.get(index))
    }

    fn get(&self, index: usize) -> Observation {
        match &self.0.observations {
            Observations::Sorted(sorted) => sorted.get(index),
            Observations::Merged(_) => self.observations()[index],
        }
    }

    /// Returns the number of observations in the window.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// Returns whether the window has no observations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values().is_empty()
    }

    /// Returns the value of the newest observation.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.iter().next_back().map(|observation| observation.value)
    }

    /// Returns the quantile at `q` in `0.0..=1.0`: linear interpolation at index `q * (n - 1)` of
    /// the sorted window, as the Conductor SDK defines it. Returns `None` if the window is empty or
    /// `q` is outside the range.
    ///
    /// ```
    /// # use ictus::{Registry, snapshot::Value};
    /// # let registry = Registry::new();
    /// let polls = registry.timer("poll_seconds", "How long polls take.", &[])?.labels(&[])?;
    /// [0.1, 0.2, 0.3, 0.4].map(|seconds| polls.observe(seconds));
    /// let snapshot = registry.snapshot()?;
    /// let series = snapshot.family("poll_seconds").and_then(|family| family.get(&[]));
    /// let Some(Value::Timer(polls)) = series else { unreachable!("it was observed") };
    /// assert_eq!(polls.window.quantile(0.5), Some(0.25));
    /// assert_eq!(polls.window.quantile(1.5), None);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        quantile::select(self.values(), &[q]).map(|[value]| value)
    }

    /// Returns the five quantiles that every surface shows, in the order of [`QUANTILES`].
    #[must_use]
    pub fn quantiles(&self) -> Option<[f64; QUANTILES.len()]> {
        *self.0.quantiles.get_or_init(|| quantile::select(self.values(), &QUANTILES))
    }

    /// Returns the values of the observations; those of a merged window are in no particular order.
    fn values(&self) -> &[f64] {
        match &self.0.observations {
            Observations::Sorted(sorted) => sorted.values(),
            Observations::Merged(merged) => &merged.values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Observation, Timeline, Window};
    use proptest::prelude::*;

    fn lanes() -> impl Strategy<Value = Vec<Vec<Observation>>> {
        let stamps = prop::collection::vec((0_u32..2, 0_u64..200, 0.0..1e3_f64), 0..300);
        prop::collection::vec(stamps, 0..8).prop_map(|lanes| {
            let lanes = lanes.into_iter().enumerate().map(|(origin, lane)| {
                let observation =
                    |(epoch, stamp, value)| Observation { epoch, origin: origin as u64, stamp, value };
                let mut lane: Vec<Observation> = lane.into_iter().map(observation).collect();
                Timeline::default().sort(&mut lane);
                lane
            });
            lanes.collect()
        })
    }

    proptest! {
        #[test]
        fn merge_equals_sorting_and_truncating(lanes in lanes(), length in 0_usize..500) {
            let expected = Window::newest(lanes.concat(), length);
            let windows: Vec<Window> =
                lanes.iter().map(|lane| Window::newest(lane.clone(), usize::MAX)).collect();
            let merged = Window::merge(&windows, length);
            prop_assert_eq!((merged.len(), merged.quantiles()), (expected.len(), expected.quantiles()));
            prop_assert_eq!(merged.last(), expected.last());
            prop_assert_eq!(merged.observations(), expected.observations());
            // Merged windows can be merged again, and slide, as if they had been sorted at once.
            let (one, other) = windows.split_at(windows.len() / 2);
            let halves = [Window::merge(one, length), Window::merge(other, length)];
            prop_assert_eq!(&Window::merge(&halves, length), &expected);
            let mut slid = halves[0].clone();
            slid.slide(halves[1].observations(), length, &Timeline::default());
            prop_assert_eq!(&slid, &expected);
            prop_assert_eq!(slid.quantiles(), expected.quantiles());
        }
    }

    #[test]
    fn windows_with_equal_observations_are_equal() {
        let at = |stamp| Observation { epoch: 1, origin: 1, stamp, value: stamp as f64 };
        let window = Window::newest(vec![at(1), at(2)], 2);
        assert_eq!(window, window.clone());
        assert_eq!(window, Window::merge([&Window::newest(vec![at(1), at(2)], 9)], 2));
        assert_ne!(window, Window::newest(vec![at(1), at(3)], 2));
        assert_ne!(window, Window::default());
        assert!(Window::default().is_empty() && !window.is_empty());
    }

    #[test]
    fn invalid_observations_are_dropped() {
        let at = |value| Observation { epoch: 1, origin: 1, stamp: 1, value };
        let window = Window::newest([-0.0, -1.0, f64::NAN, 1.0, 2.0].map(at).to_vec(), 9);
        let quantiles = [0.0, 0.5, 0.75, 1.0].map(|q| window.quantile(q).unwrap().to_bits());
        assert_eq!(quantiles, [0.0_f64, 0.0, 1.0, 2.0].map(f64::to_bits));
    }

    #[test]
    fn shared_window_is_copied_on_write() {
        let at = |stamp| Observation { epoch: 1, origin: 1, stamp, value: stamp as f64 };
        let mut window = Window::newest((0..10).map(at).collect(), 10);
        let (copy, median) = (window.clone(), window.quantile(0.5));
        assert_eq!(copy.quantiles().unwrap()[0], 4.5);
        window.slide(&[at(10), at(11)], 10, &Timeline::default());
        assert_eq!((copy.len(), copy.quantile(0.5), copy.quantiles().unwrap()[0]), (10, median, 4.5));
        assert_eq!(
            (window.len(), window.quantile(0.5), window.quantiles().unwrap()[0]),
            (10, Some(6.5), 6.5)
        );
    }
}
