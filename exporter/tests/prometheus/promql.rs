//! The results of queries on known values, by the rules of Prometheus 2.42.
//!
//! Only the times of the scrapes come from the server. `rate()` extrapolates from the first and the
//! last sample to the bounds of its range, for each series separately.

use std::collections::BTreeMap;

use super::{
    native::Native,
    server::Stored,
    text::{Labels, Samples, Series},
};

/// The range of every `rate` and `increase` of the page.
pub(crate) const RANGE: f64 = 300.0;

/// A value for each set of labels, without names.
pub(crate) type Vector = BTreeMap<Labels, f64>;
pub(crate) type Histograms = BTreeMap<Labels, Native>;

/// The samples that a job has scraped: the first ones, and the last ones.
pub(crate) struct Facts<'a> {
    pub(crate) job: &'a str,
    pub(crate) shown: &'a [Samples; 2],
    pub(crate) native: &'a [BTreeMap<Series, Native>; 2],
    pub(crate) stored: &'a Stored,
}

/// Whether two values are equal but for the last digits, which depend on the order of additions.
pub(crate) fn close(left: f64, right: f64) -> bool {
    left == right || (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

impl Facts<'_> {
    /// `name{label="value"}`
    pub(crate) fn now(&self, name: &str, selected: &[(&str, &str)]) -> Vector {
        only(&of_name(&self.shown[1], name), |labels| {
            selected.iter().all(|&(label, value)| labels.get(label).is_some_and(|given| given == value))
        })
    }

    /// `increase(name[5m])`
    pub(crate) fn increase(&self, name: &str) -> Vector {
        let first = of_name(&self.shown[0], name);
        let increases = of_name(&self.shown[1], name).into_iter().map(|(labels, last)| {
            let (first, increase) = (first[&labels], last - first[&labels]);
            let factor = self.extrapolation(name, &labels, Some((first, increase)));
            (labels, increase * factor)
        });
        increases.collect()
    }

    /// `rate(name[5m])`
    pub(crate) fn rate(&self, name: &str) -> Vector {
        self.increase(name).into_iter().map(|(labels, increase)| (labels, increase / RANGE)).collect()
    }

    /// `name`, of native histograms.
    pub(crate) fn histograms(&self, name: &str) -> Histograms {
        let named = self.native[1].iter().filter(|(series, _)| series.name == name);
        named.map(|(series, histogram)| (series.labels.clone(), histogram.clone())).collect()
    }

    /// `rate(name[5m])`, of native histograms.
    pub(crate) fn histogram_rate(&self, name: &str) -> Histograms {
        let rates = self.histograms(name).into_iter().map(|(labels, last)| {
            let first = &self.native[0][&Series { name: name.to_owned(), labels: labels.clone() }];
            let factor = self.extrapolation(name, &labels, None) / RANGE;
            let rate = (&last - first).times(factor);
            (labels, rate)
        });
        rates.collect()
    }

    /// Returns the factor between the growth in the whole range and the growth between the first
    /// and the last sample. For a counter, `counter` is its first value and its increase: a counter
    /// did not start below zero.
    fn extrapolation(&self, name: &str, labels: &Labels, counter: Option<(f64, f64)>) -> f64 {
        let times = self.stored.times(self.job, &Series { name: name.to_owned(), labels: labels.clone() });
        let (first, last) = (times[0], times[times.len() - 1]);
        let sampled = last - first;
        let between = sampled / (times.len() - 1) as f64;
        let mut to_start = first + RANGE;
        if let Some((first, increase)) = counter.filter(|(_, increase)| *increase > 0.0) {
            to_start = to_start.min(sampled * first / increase);
        }
        // A series extends to a bound if its next sample could be there, else by half of an
        // interval.
        let reach = |distance: f64| if distance < 1.1 * between { distance } else { between / 2.0 };
        (sampled + reach(to_start) + reach(-last)) / sampled
    }
}

fn of_name(samples: &Samples, name: &str) -> Vector {
    let named = samples.iter().filter(|(series, _)| series.name == name);
    let named: Vector = named.map(|(series, value)| (series.labels.clone(), *value)).collect();
    assert!(!named.is_empty(), "nothing is recorded as {name}");
    named
}

pub(crate) fn only(vector: &Vector, keep: impl Fn(&Labels) -> bool) -> Vector {
    vector.iter().filter(|(labels, _)| keep(labels)).map(|(labels, value)| (labels.clone(), *value)).collect()
}

/// `vector > 0`
pub(crate) fn positive(vector: Vector) -> Vector {
    vector.into_iter().filter(|(_, value)| *value > 0.0).collect()
}

fn grouped<T: Default>(
    all: impl IntoIterator<Item = (Labels, T)>,
    by: &[&str],
    add: impl Fn(&mut T, &T),
) -> BTreeMap<Labels, T> {
    let mut groups: BTreeMap<Labels, T> = BTreeMap::new();
    for (mut labels, value) in all {
        labels.retain(|label, _| by.contains(&label.as_str()));
        add(groups.entry(labels).or_default(), &value);
    }
    groups
}

/// `sum by (…) (vector)`
pub(crate) fn sum_by(by: &[&str], vector: Vector) -> Vector {
    grouped(vector, by, |sum, value| *sum += value)
}

/// `max by (…) (vector)`, of values above zero.
pub(crate) fn max_by(by: &[&str], vector: Vector) -> Vector {
    grouped(vector, by, |max, value| *max = max.max(*value))
}

/// `sum by (…) (histograms)`
pub(crate) fn sum_histograms_by(by: &[&str], histograms: Histograms) -> Histograms {
    grouped(histograms, by, Native::add)
}

/// Returns a number of each histogram.
pub(crate) fn each(histograms: &Histograms, number: impl Fn(&Native) -> f64) -> Vector {
    histograms.iter().map(|(labels, histogram)| (labels.clone(), number(histogram))).collect()
}

/// `left / right`, of the same labels.
pub(crate) fn ratio(left: &Vector, right: &Vector) -> Vector {
    left.iter().map(|(labels, value)| (labels.clone(), value / right[labels])).collect()
}

/// `topk(most, vector)`
pub(crate) fn top(limit: usize, vector: Vector) -> Vector {
    let mut sorted: Vec<_> = vector.into_iter().collect();
    sorted.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    sorted.into_iter().take(limit).collect()
}

/// `histogram_quantile(quantile, vector)`, of classic buckets: linear between two bounds.
pub(crate) fn histogram_quantile(quantile: f64, vector: Vector) -> Vector {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, count) in vector {
        let bound = labels.remove("le").unwrap().replace("Inf", "inf").parse().unwrap();
        histograms.entry(labels).or_default().push((bound, count));
    }
    let quantiles = histograms.into_iter().map(|(labels, mut buckets)| {
        buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        // Each bucket is extrapolated separately, but must not have less than the bucket below.
        (1..buckets.len()).for_each(|at| buckets[at].1 = buckets[at].1.max(buckets[at - 1].1));
        let highest = buckets.len() - 1;
        let rank = quantile * buckets[highest].1;
        let at = buckets.iter().position(|(_, count)| *count >= rank).unwrap();
        let (lower, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
        let (upper, up_to) = buckets[at];
        let value =
            if at == highest { lower } else { lower + (upper - lower) * (rank - below) / (up_to - below) };
        (labels, value)
    });
    quantiles.collect()
}
