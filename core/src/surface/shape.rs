//! Spells shown series out as families of samples.

use super::{
    Sample, ShownFamily, ShownType,
    series::{self, Shown},
};
use crate::{
    expose::number,
    snapshot::{QUANTILES, Value},
};

/// The label that tells a timer's quantiles apart.
pub(super) const QUANTILE: &str = "quantile";

/// The label that tells a histogram's buckets apart.
const BOUND: &str = "le";

/// One counter.
pub(super) fn counter(name: &str, help: &str, shown: &Shown<'_>) -> ShownFamily {
    single(name, help, shown, ShownType::Counter, "_total", |values| Some(series::total(values)))
}

/// One gauge: a state.
pub(super) fn gauge(name: &str, help: &str, shown: &Shown<'_>) -> ShownFamily {
    single(name, help, shown, ShownType::Gauge, "", |values| Some(series::total(values)))
}

/// One gauge: a timer's newest observation. Without an observation there is no sample.
pub(super) fn newest(name: &str, help: &str, shown: &Shown<'_>) -> ShownFamily {
    single(name, help, shown, ShownType::Gauge, "", series::newest)
}

/// A timer as the SDK shows it: the gauges `x` (a sample a quantile), `x_count` and `x_sum`.
pub(super) fn quantile_gauges(name: &str, help: &str, shown: &Shown<'_>) -> [ShownFamily; 3] {
    let gauge = |suffix: &str, note: &str| {
        family(format!("{name}{suffix}"), format!("{help}{note}"), ShownType::Gauge)
    };
    let (mut quantiles, mut count, mut sum) =
        (gauge("", ""), gauge("_count", " - count"), gauge("_sum", " - sum"));
    for (labels, values) in shown.iter() {
        let merged = series::merged(values);
        quantiles.samples.extend(quantile_samples(&labels, merged.quantiles));
        count.samples.push(sample("", &labels, merged.count));
        sum.samples.push(sample("", &labels, merged.sum));
    }
    [quantiles, count, sum]
}

/// A timer as one summary: for each series a sample a quantile, then `_sum` and `_count`.
pub(super) fn summary(name: &str, help: &str, shown: &Shown<'_>) -> ShownFamily {
    let mut summary = family(name.to_owned(), help.to_owned(), ShownType::Summary);
    for (labels, values) in shown.iter() {
        let merged = series::merged(values);
        summary.samples.extend(quantile_samples(&labels, merged.quantiles));
        summary.samples.push(sample("_sum", &labels, merged.sum));
        summary.samples.push(sample("_count", &labels, merged.count));
    }
    summary
}

/// A timer as a histogram with the recorded classic buckets. Its count is that of the buckets,
/// so that the two always agree.
pub(super) fn histogram(name: &str, help: &str, shown: &Shown<'_>) -> ShownFamily {
    let mut histogram = family(name.to_owned(), help.to_owned(), ShownType::Histogram);
    for (labels, values) in shown.iter() {
        let distribution = series::distribution(values);
        let place = labels.partition_point(|&(name, _)| name < BOUND);
        let bounds = distribution.bounds.iter().copied().chain([f64::INFINITY]);
        let mut count = 0_u64;
        for (bound, &own) in bounds.zip(&distribution.classic) {
            count = count.saturating_add(own);
            let mut spelled = String::new();
            number::push(&mut spelled, bound);
            let mut bucket = sample("_bucket", &labels, count as f64);
            bucket.labels.insert(place, (BOUND.to_owned(), spelled));
            histogram.samples.push(bucket);
        }
        histogram.samples.push(sample("_count", &labels, count as f64));
        histogram.samples.push(sample("_sum", &labels, series::sum(values)));
    }
    histogram
}

fn single(
    name: &str,
    help: &str,
    shown: &Shown<'_>,
    shown_type: ShownType,
    suffix: &'static str,
    value: impl Fn(&[&Value]) -> Option<f64>,
) -> ShownFamily {
    let mut family = family(name.to_owned(), help.to_owned(), shown_type);
    family.samples =
        shown.iter().filter_map(|(labels, values)| Some(sample(suffix, &labels, value(values)?))).collect();
    family
}

fn family(name: String, help: String, shown_type: ShownType) -> ShownFamily {
    ShownFamily { name, help, shown_type, samples: Vec::new() }
}

fn sample(suffix: &'static str, labels: &[(&str, &str)], value: f64) -> Sample {
    let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Sample { suffix, labels, value }
}

fn quantile_samples(
    labels: &[(&str, &str)],
    values: Option<[f64; QUANTILES.len()]>,
) -> impl Iterator<Item = Sample> {
    // Labels are sorted by name, this one among them.
    let place = labels.partition_point(|&(name, _)| name < QUANTILE);
    QUANTILES.into_iter().zip(values.into_iter().flatten()).map(move |(quantile, value)| {
        let mut sample = sample("", labels, value);
        sample.labels.insert(place, (QUANTILE.to_owned(), quantile.to_string()));
        sample
    })
}
