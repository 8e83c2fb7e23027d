//! Maps a family's series to the shown labels, and brings together those that became equal.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::snapshot::{Distribution, Family, Observation, QUANTILES, Series, Timing, Value, Window};

/// How many of the newest observations remain where windows are merged.
const WINDOW: usize = 1_000;

/// A shown label, and where in the recorded label values its value stands.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) at: usize,
    /// Where a `"1"` says that there is no value, and what is shown then.
    pub(super) absent: Option<(usize, &'static str)>,
}

/// The series of one family under their shown labels.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    columns: Vec<Column<'a>>,
    /// By shown label values in the order of the columns: the values of all series that have them.
    series: BTreeMap<Vec<&'a str>, Vec<&'a Value>>,
}

/// What the timers of one shown series come to.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) count: f64,
    pub(super) sum: f64,
    /// In the order of [`QUANTILES`]; none where no observation is left to take them from.
    pub(super) quantiles: Option<[f64; QUANTILES.len()]>,
}

impl<'a> Shown<'a> {
    /// The family's series under those columns, which must be sorted by name.
    pub(super) fn new(family: &'a Family, columns: Vec<Column<'a>>) -> Shown<'a> {
        let mut series: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for recorded in &family.series {
            let labels: Option<Vec<_>> = columns.iter().map(|column| column.value(recorded)).collect();
            if let Some(labels) = labels {
                series.entry(labels).or_default().push(&recorded.value);
            }
        }
        Shown { columns, series }
    }

    /// Label names and values of each shown series, with the recorded values behind it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Vec<(&str, &str)>, &[&'a Value])> {
        self.series.iter().map(|(labels, values)| {
            let names = self.columns.iter().map(|column| column.name);
            (names.zip(labels.iter().copied()).collect(), values.as_slice())
        })
    }
}

impl<'a> Column<'_> {
    fn value(&self, series: &'a Series) -> Option<&'a str> {
        match self.absent {
            Some((flag, instead)) if series.labels.get(flag)? == "1" => Some(instead),
            _ => series.labels.get(self.at).map(String::as_str),
        }
    }
}

/// The sum of counters or gauges.
pub(super) fn total(values: &[&Value]) -> f64 {
    let numbers = values.iter().filter_map(|value| match value {
        Value::Counter(number) | Value::Gauge(number) => Some(number),
        Value::Timer(_) => None,
    });
    // An empty float sum is -0.0.
    numbers.fold(0.0, |sum, number| sum + number)
}

/// The newest observation of all timers.
pub(super) fn newest(values: &[&Value]) -> Option<f64> {
    let lasts = timings(values).filter_map(|timing| timing.window.observations().last());
    lasts.max_by(|a, b| age(a, b)).map(|observation| observation.value)
}

/// The order in which observations were made.
fn age(a: &Observation, b: &Observation) -> Ordering {
    (a.epoch, a.stamp, a.origin).cmp(&(b.epoch, b.stamp, b.origin))
}

/// Counts and sums added, windows merged.
pub(super) fn merged(values: &[&Value]) -> Merged {
    let count = timings(values).fold(0_u64, |count, timing| count.saturating_add(timing.count));
    let sum = sum(values);
    let quantiles = match values {
        [Value::Timer(only)] => only.window.quantiles(),
        _ => Window::merge(timings(values).map(|timing| &timing.window), WINDOW).quantiles(),
    };
    Merged { count: count as f64, sum, quantiles }
}

/// The sums of all timers added.
pub(super) fn sum(values: &[&Value]) -> f64 {
    timings(values).fold(0.0, |sum, timing| sum + timing.sum)
}

/// The distributions of all timers as one.
pub(super) fn distribution(values: &[&Value]) -> Distribution {
    let mut merged = Distribution::default();
    timings(values).for_each(|timing| merged.merge(&timing.distribution));
    merged
}

fn timings<'a>(values: &[&'a Value]) -> impl Iterator<Item = &'a Timing> {
    values.iter().filter_map(|value| match value {
        Value::Timer(timing) => Some(timing),
        Value::Counter(_) | Value::Gauge(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{merged, newest, total};
    use crate::snapshot::{Observation, Timing, Value, Window};

    /// Observations at `stamp, stamp + 1, …`.
    fn timer(origin: u64, stamp: u64, values: &[f64]) -> Value {
        let observation = |(stamp, &value)| Observation { epoch: 1, origin, stamp, value };
        let window = Window::newest((stamp..).zip(values).map(observation).collect(), 1_000);
        Value::Timer(Timing {
            count: values.len() as u64,
            sum: values.iter().sum(),
            window,
            ..Timing::default()
        })
    }

    #[test]
    fn totals_add_and_never_show_minus_zero() {
        assert_eq!(total(&[&Value::Counter(1.5), &Value::Counter(2.0)]), 3.5);
        assert!(total(&[]).is_sign_positive());
    }

    #[test]
    fn the_newest_is_so_by_stamp_not_by_place() {
        let (older, newer) = (timer(7, 100, &[0.1, 0.2]), timer(3, 500, &[0.3, 0.4]));
        assert_eq!(newest(&[&older, &newer]), Some(0.4));
        assert_eq!(newest(&[&newer, &older]), Some(0.4));
        assert_eq!(newest(&[&timer(1, 0, &[])]), None);
    }

    #[test]
    fn merged_windows_keep_the_newest_thousand() {
        let (older, newer) = (timer(1, 0, &[9.0; 1_000]), timer(2, 5_000, &[1.0; 989]));
        let merged = merged(&[&newer, &older]);
        assert_eq!((merged.count, merged.sum), (1_989.0, 9_989.0));
        // Eleven old ones are left: index 949.05 is new, 989.01 is old.
        assert_eq!(merged.quantiles.unwrap()[3..], [1.0, 9.0]);
    }

    #[test]
    fn a_timer_that_never_observed_has_no_quantiles() {
        let merged = merged(&[&timer(1, 0, &[])]);
        assert_eq!((merged.count, merged.sum, merged.quantiles), (0.0, 0.0, None));
    }
}
