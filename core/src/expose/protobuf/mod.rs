//! Prometheus's protobuf format, in which Prometheus accepts native histograms.

mod message;
mod native;

use std::time::Duration;

use prost::Message;

use crate::{
    snapshot::{self, QUANTILES},
    surface::{Buckets, Exposition, ShownFamily, ShownSeries, ShownType, ShownValue},
};
use message::{
    Bucket, Counter, Exemplar, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile,
    Summary, Timestamp,
};

/// The `Content-Type` of [`protobuf`].
pub const PROTOBUF_CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Returns the exposition as `io.prometheus.client.MetricFamily` messages, each preceded by its
/// length.
///
/// Names are those of [`text`](super::text()): a counter's name ends in `_total`. The classic
/// buckets of histograms have exemplars.
///
/// With `native`, histograms have exponential buckets in addition to the classic ones, as native
/// histograms of schema [`Distribution::SCHEMA`]. A Prometheus server that accepts native
/// histograms drops the classic buckets unless `always_scrape_classic_histograms` is set.
/// Exponential buckets are therefore optional.
///
/// Prometheus rejects a native histogram whose buckets do not add up to its count. With `native`,
/// the count is therefore that of the exponential buckets. Observations without an exponential
/// bucket ([`Distribution::unallocated`]) are in the classic buckets only.
///
/// ```
/// # let registry = ictus::Registry::new();
/// registry.gauge("level", "", &[])?.labels(&[])?.set(1.0);
/// let mut view = ictus::surface::View::default();
/// view.own_state = false;
/// let exposition = ictus::surface::Exposition::new(&registry.snapshot()?, &view);
/// let bytes = ictus::expose::protobuf(&exposition, false);
/// assert_eq!(bytes, b"\x18\x0a\x05level\x12\0\x18\x01\x22\x0b\x12\x09\x09\0\0\0\0\0\0\xf0\x3f");
/// # Ok::<(), ictus::Error>(())
/// ```
///
/// [`Distribution::SCHEMA`]: crate::snapshot::Distribution::SCHEMA
/// [`Distribution::unallocated`]: crate::snapshot::Distribution::unallocated
#[must_use]
pub fn protobuf(exposition: &Exposition, native: bool) -> Vec<u8> {
    let mut out = Vec::new();
    protobuf_into(&mut out, exposition, native);
    out
}

/// Appends what [`protobuf`] returns to a buffer, which repeated calls can reuse.
///
/// ```
/// use ictus::{expose::{protobuf, protobuf_into}, surface::Exposition};
///
/// let exposition = Exposition::default();
/// let mut buffer = Vec::new();
/// protobuf_into(&mut buffer, &exposition, false);
/// assert_eq!(buffer, protobuf(&exposition, false));
/// ```
pub fn protobuf_into(out: &mut Vec<u8>, exposition: &Exposition, native: bool) {
    for family in exposition.families() {
        // Fails only if the buffer is full, and a vector grows.
        _ = message(family, native).encode_length_delimited(out);
    }
}

fn message(family: &ShownFamily, native: bool) -> MetricFamily {
    let (suffix, kind) = match family.shown_type {
        ShownType::Counter => ("_total", MetricType::Counter),
        ShownType::Gauge => ("", MetricType::Gauge),
        ShownType::Summary => ("", MetricType::Summary),
        ShownType::Histogram => ("", MetricType::Histogram),
    };
    let mut metric = Vec::with_capacity(family.series.len());
    family.series.iter().for_each(|series| push(&mut metric, series, native));
    MetricFamily {
        name: format!("{}{suffix}", family.name),
        help: family.help.clone(),
        kind: kind.into(),
        metric,
        unit: family.unit().map(str::to_owned),
    }
}

/// Appends one metric per series, or one metric per quantile for quantiles in a gauge family.
fn push(metrics: &mut Vec<Metric>, series: &ShownSeries, native: bool) {
    let mut metric = Metric::default();
    match &series.value {
        &ShownValue::Counter(value) => metric.counter = Some(Counter { value }),
        &ShownValue::Gauge(value) => metric.gauge = Some(Gauge { value }),
        ShownValue::Quantiles(_) => {
            return metrics.extend(series.samples().map(|sample| Metric {
                label: labels(sample.labels()),
                gauge: Some(Gauge { value: sample.value }),
                ..Metric::default()
            }));
        }
        ShownValue::Summary { quantiles, sum, count } => {
            let values = QUANTILES.into_iter().zip(quantiles.iter().flatten());
            metric.summary = Some(Summary {
                sample_count: *count,
                sample_sum: *sum,
                quantile: values.map(|(quantile, &value)| Quantile { quantile, value }).collect(),
            });
        }
        ShownValue::Histogram(buckets) => metric.histogram = Some(histogram(buckets, native)),
    }
    metric.label = labels(series.labels.iter());
    metrics.push(metric);
}

fn labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<LabelPair> {
    labels.map(|(name, value)| LabelPair { name: name.to_owned(), value: value.to_owned() }).collect()
}

fn histogram(buckets: &Buckets, native: bool) -> Histogram {
    let distribution = &*buckets.distribution;
    let bounds = distribution.bounds.iter().copied().chain([f64::INFINITY]);
    let classic = buckets.cumulative().zip(bounds).zip(buckets.bucket_exemplars());
    let mut histogram = Histogram {
        sample_count: distribution.count(),
        sample_sum: buckets.sum,
        bucket: classic
            .map(|(((_, cumulative_count), upper_bound), exemplar_of_bucket)| Bucket {
                cumulative_count,
                upper_bound,
                exemplar: exemplar_of_bucket.map(exemplar),
            })
            .collect(),
        ..Histogram::default()
    };
    if native && buckets.native {
        native::add(&mut histogram, distribution);
    }
    histogram
}

fn exemplar(source: &snapshot::Exemplar) -> Exemplar {
    let snapshot::Exemplar { value, time, trace_id } = source;
    let seconds = Duration::from_nanos(*time);
    let timestamp =
        Timestamp { seconds: seconds.as_secs().cast_signed(), nanos: seconds.subsec_nanos().cast_signed() };
    Exemplar { label: labels([("trace_id", &**trace_id)].into_iter()), value: *value, timestamp }
}
