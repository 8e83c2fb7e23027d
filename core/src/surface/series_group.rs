//! Merges the values of the recorded series behind one shown series.

use std::sync::Arc;

use crate::{
    exemplar,
    snapshot::{Distribution, Exemplar, Family, QUANTILES, Timing, Value, Window, timeline::Timeline},
};

/// The number of newest observations kept when windows are merged.
const WINDOW: usize = 1_000;

/// The position of a recorded series: the index of its family among the families of the name, and
/// its index in the family.
pub(crate) type SeriesPosition = (usize, usize);

/// The recorded series with one set of shown labels; usually only one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesGroup<'a> {
    /// All families of the name.
    families: &'a [Family],
    /// The positions of the group's series in these families.
    places: &'a [SeriesPosition],
}

impl<'a> SeriesGroup<'a> {
    pub(crate) fn new(families: &'a [Family], places: &'a [SeriesPosition]) -> SeriesGroup<'a> {
        SeriesGroup { families, places }
    }

    /// Returns the sum of the counters or gauges.
    pub(crate) fn total(self) -> f64 {
        let numbers = self.values().filter_map(|value| match value {
            Value::Counter(number) | Value::Gauge(number) => Some(number),
            Value::Timer(_) => None,
        });
        // An empty float sum is -0.0.
        numbers.fold(0.0, |sum, number| sum + number).clamp(f64::MIN, f64::MAX)
    }

    /// Returns the newest observation of all timers.
    pub(crate) fn newest(self) -> Option<f64> {
        let windows = || self.timings().map(|timing| &timing.window);
        let lasts = windows().filter_map(|window| window.iter().next_back());
        let timeline = windows().map(Window::timeline).reduce(Timeline::newer)?;
        lasts.max_by(|a, b| timeline.order(a, b)).map(|observation| observation.value)
    }

    /// Returns the number of observations of all timers since they began.
    pub(crate) fn count(self) -> u64 {
        self.timings().fold(0, |count, timing| count.saturating_add(timing.count))
    }

    /// Returns the sum of the sums of all timers.
    pub(crate) fn sum(self) -> f64 {
        self.timings().fold(0.0, |sum, timing| sum + timing.sum)
    }

    /// Returns the quantiles of the merged windows, in the order of [`QUANTILES`], or none if all
    /// windows are empty.
    pub(crate) fn quantiles(self) -> Option<[f64; QUANTILES.len()]> {
        match self.single_timing() {
            Some(timing) => timing.window.quantiles(),
            None => Window::merge(self.timings().map(|timing| &timing.window), WINDOW).quantiles(),
        }
    }

    /// Returns the merged distributions of all timers.
    pub(crate) fn distribution(self) -> Arc<Distribution> {
        if let Some(timing) = self.single_timing() {
            return timing.distribution.clone();
        }
        let mut merged = Distribution::default();
        self.timings().for_each(|timing| merged.merge(&timing.distribution));
        Arc::new(merged)
    }

    /// Returns the newest exemplar in each bucket of `distribution`.
    pub(crate) fn exemplars(self, distribution: &Distribution) -> Arc<[Exemplar]> {
        if let Some(timing) = self.single_timing() {
            return Arc::clone(&timing.exemplars);
        }
        let mut all: Vec<Exemplar> = self.timings().flat_map(|timing| &*timing.exemplars).cloned().collect();
        exemplar::keep_newest(&mut all, &distribution.bounds);
        all.into()
    }

    fn single_timing(self) -> Option<&'a Timing> {
        let mut timings = self.timings();
        timings.next().filter(|_| timings.next().is_none())
    }

    fn timings(self) -> impl Iterator<Item = &'a Timing> {
        self.values().filter_map(|value| match value {
            Value::Timer(timing) => Some(timing),
            Value::Counter(_) | Value::Gauge(_) => None,
        })
    }

    fn values(self) -> impl Iterator<Item = &'a Value> {
        let value =
            |&(family, series): &SeriesPosition| Some(&self.families.get(family)?.series.get(series)?.value);
        self.places.iter().filter_map(value)
    }
}

#[cfg(test)]
mod tests {
    use super::SeriesGroup;
    use crate::{
        catalog::{Kind, Unit},
        snapshot::{Distribution, Family, Observation, Series, Timing, Value, Window},
    };

    /// Creates a timer with observations at `stamp, stamp + 1, …`.
    fn timer(origin: u64, stamp: u64, values: &[f64]) -> Series {
        let observation = |(stamp, &value)| Observation { epoch: 1, origin, stamp, value };
        let window = Window::newest((stamp..).zip(values).map(observation).collect(), 1_000);
        let (count, sum) = (values.len() as u64, values.iter().sum());
        let distribution = Distribution { classic: vec![count], ..Distribution::default() }.into();
        series(Value::Timer(Timing { count, sum, window, distribution, ..Timing::default() }))
    }

    fn series(value: Value) -> Series {
        Series { labels: Vec::new().into(), value }
    }

    fn family(series: &[Series]) -> [Family; 1] {
        let (name, help, label_names) = Default::default();
        let (kind, unit, series) = (Kind::Timer, Unit::None, series.to_vec());
        [Family { name, help, kind, unit, label_names, series }]
    }

    #[test]
    fn totals_add_and_never_show_minus_zero() {
        let counters =
            family(&[series(Value::Counter(1.5)), series(Value::Counter(2.0)), series(Value::Counter(9.0))]);
        assert_eq!(SeriesGroup::new(&counters, &[(0, 0), (0, 1)]).total(), 3.5);
        assert!(SeriesGroup::new(&counters, &[]).total().is_sign_positive());
    }

    #[test]
    fn newest_value_is_decided_by_its_timestamp() {
        let timers = family(&[timer(7, 100, &[0.1, 0.2]), timer(3, 500, &[0.3, 0.4]), timer(1, 0, &[])]);
        assert_eq!(SeriesGroup::new(&timers, &[(0, 0), (0, 1)]).newest(), Some(0.4));
        assert_eq!(SeriesGroup::new(&timers, &[(0, 1), (0, 0)]).newest(), Some(0.4));
        assert_eq!(SeriesGroup::new(&timers, &[(0, 2)]).newest(), None);
    }

    #[test]
    fn merged_windows_keep_the_newest_thousand() {
        let timers = family(&[timer(1, 0, &[9.0; 1_000]), timer(2, 5_000, &[1.0; 989])]);
        let merged = SeriesGroup::new(&timers, &[(0, 1), (0, 0)]);
        assert_eq!((merged.count(), merged.sum()), (1_989, 9_989.0));
        assert_eq!(merged.distribution().classic, [1_989]);
        // Eleven old observations remain: index 949.05 is new, 989.01 is old.
        assert_eq!(merged.quantiles().unwrap()[3..], [1.0, 9.0]);
    }

    #[test]
    fn a_timer_that_never_observed_has_no_quantiles() {
        let timers = family(&[timer(1, 0, &[])]);
        let idle = SeriesGroup::new(&timers, &[(0, 0)]);
        assert_eq!((idle.count(), idle.sum(), idle.quantiles()), (0, 0.0, None));
    }
}
