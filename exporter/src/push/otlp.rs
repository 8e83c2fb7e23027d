//! Push to an OpenTelemetry Collector, or any other server that accepts OTLP over HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::Method;
use ictus::{
    snapshot::{Distribution, QUANTILES},
    surface::{Buckets, Exposition, ShownFamily, ShownValue},
};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
        HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
        SummaryDataPoint, exponential_histogram_data_point::Buckets as Counts, metric::Data,
        number_data_point, summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
};
use prost::Message as _;

use super::{
    destination::{self, Destination},
    send::{one_line, send},
};
use crate::{error::Result, source::Source};

const PORT: u16 = 4318;
const PROTOBUF: &str = "application/x-protobuf";
const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// Pushes the metrics that the source's view shows, as OTLP over HTTP.
///
/// Counters become sums. Timers under canonical names become exponential histograms; histograms of
/// other libraries keep their own buckets. All data is cumulative, without a start time, because
/// none is recorded. `service` is the resource's `service.name`; `attributes` are its further
/// attributes.
///
/// ```no_run
/// use ictus_exporter::{Source, push::{Destination, push_otlp}};
///
/// let source = Source::open("/var/lib/ictus")?.with_view("canonical".parse()?);
/// let collector = Destination::new("http://127.0.0.1:4318");
/// push_otlp(&source, &collector, "nightly-report", &[("host.name".into(), "build-3".into())])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Read`](crate::Error::Read) if the metrics cannot be read.
/// [`Error::Push`](crate::Error::Push) if the address is invalid, or the endpoint cannot be reached
/// within ten seconds or refuses any of the data.
pub fn push_otlp(
    source: &Source,
    endpoint: &Destination,
    service: &str,
    attributes: &[(String, String)],
) -> Result<()> {
    let failed = |reason: String| endpoint.failed(reason);
    let exposition = source.snapshot_since(source.freshness())?.exposition(source.view());
    let base = endpoint.base(PORT).map_err(failed)?;
    let path = format!("{}/v1/metrics", base.path().trim_end_matches('/'));
    let target = destination::at(&base, &path).map_err(failed)?;
    let service = ("service.name".to_owned(), service.to_owned());
    let attributes = [&service].into_iter().chain(attributes).map(|(name, value)| attribute(name, value));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let body = request(&exposition, attributes.collect(), now).encode_to_vec();
    let answer = send(endpoint, Method::POST, &target, PROTOBUF, body.into())?;
    let answer = ExportMetricsServiceResponse::decode(answer).map_err(|_| {
        failed(
            "its answer is not OTLP; give the collector's port for OTLP over HTTP, usually 4318".to_owned(),
        )
    })?;
    match answer.partial_success {
        Some(part) if part.rejected_data_points > 0 => {
            let why = one_line(part.error_message.as_bytes());
            Err(failed(format!("{} points were refused: {why}", part.rejected_data_points)))
        }
        _ => Ok(()),
    }
}

fn request(exposition: &Exposition, attributes: Vec<KeyValue>, now: u64) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope {
        name: "ictus".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let metrics = exposition.families().filter_map(|family| metric(family, now)).collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    }
}

/// Converts a family, whose series are all of one kind. Returns `None` if the family has no series, or
/// values of a kind that this version cannot convert.
fn metric(family: &ShownFamily, now: u64) -> Option<Metric> {
    let series = || family.series.iter().map(|series| (&series.value, series.labels.iter()));
    let labels = |labels: &mut dyn Iterator<Item = (&str, &str)>| {
        labels.map(|(name, value)| attribute(name, value)).collect::<Vec<_>>()
    };
    let data = match &family.series.first()?.value {
        ShownValue::Counter(_) => Data::Sum(Sum {
            data_points: series()
                .filter_map(|(value, mut of)| match value {
                    ShownValue::Counter(value) => Some(number(*value, labels(&mut of), now)),
                    _ => None,
                })
                .collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        ShownValue::Gauge(_) | ShownValue::Quantiles(_) => Data::Gauge(Gauge {
            data_points: series()
                .flat_map(|(value, mut of)| {
                    let of = labels(&mut of);
                    match value {
                        ShownValue::Gauge(value) => vec![number(*value, of, now)],
                        ShownValue::Quantiles(values) => {
                            let quantile = |(q, value): (&f64, &f64)| {
                                let of = [of.clone(), vec![attribute("quantile", &q.to_string())]].concat();
                                number(*value, of, now)
                            };
                            QUANTILES.iter().zip(values).map(quantile).collect()
                        }
                        _ => Vec::new(),
                    }
                })
                .collect(),
        }),
        ShownValue::Summary { .. } => Data::Summary(Summary {
            data_points: series()
                .filter_map(|(value, mut of)| match value {
                    ShownValue::Summary { quantiles, sum, count, .. } => Some(SummaryDataPoint {
                        attributes: labels(&mut of),
                        time_unix_nano: now,
                        count: *count,
                        sum: *sum,
                        quantile_values: QUANTILES
                            .iter()
                            .zip(quantiles.iter().flatten())
                            .map(|(&quantile, &value)| ValueAtQuantile { quantile, value })
                            .collect(),
                        ..SummaryDataPoint::default()
                    }),
                    _ => None,
                })
                .collect(),
        }),
        ShownValue::Histogram(_) => {
            let all = || {
                series().filter_map(|(value, mut of)| match value {
                    ShownValue::Histogram(buckets) => Some((buckets, labels(&mut of))),
                    _ => None,
                })
            };
            if all().all(|(buckets, _)| is_exponential(&buckets.distribution)) {
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: all().map(|(buckets, of)| exponential(buckets, of, now)).collect(),
                    aggregation_temporality: CUMULATIVE,
                })
            } else {
                Data::Histogram(Histogram {
                    data_points: all().map(|(buckets, of)| classic(buckets, of, now)).collect(),
                    aggregation_temporality: CUMULATIVE,
                })
            }
        }
        _ => return None,
    };
    let unit = match () {
        () if family.name.ends_with("_seconds") => "s",
        () if family.name.ends_with("_bytes") => "By",
        () => "",
    };
    Some(Metric {
        name: family.name.clone(),
        description: family.help.clone(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

fn number(value: f64, attributes: Vec<KeyValue>, now: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

/// Returns whether the exponential buckets hold all observations.
fn is_exponential(distribution: &Distribution) -> bool {
    distribution.zero + distribution.exponential.values().sum::<u64>() >= distribution.count()
}

fn classic(buckets: &Buckets, attributes: Vec<KeyValue>, now: u64) -> HistogramDataPoint {
    let Distribution { bounds, classic, .. } = &*buckets.distribution;
    HistogramDataPoint {
        attributes,
        time_unix_nano: now,
        count: buckets.distribution.count(),
        sum: Some(buckets.sum),
        bucket_counts: classic.clone(),
        explicit_bounds: bounds.clone(),
        ..HistogramDataPoint::default()
    }
}

/// Converts exponential buckets. The index is one lower, because OTLP numbers buckets by their lower
/// bounds, Prometheus by their upper ones. The count must be the sum of the buckets.
fn exponential(buckets: &Buckets, attributes: Vec<KeyValue>, now: u64) -> ExponentialHistogramDataPoint {
    let Distribution { zero, exponential, .. } = &*buckets.distribution;
    let positive = exponential.iter().next().map(|(first, _)| {
        let last = exponential.iter().last().map_or(first, |(last, _)| last);
        let bucket_counts = (first..=last).map(|bucket| exponential.get(bucket)).collect();
        Counts { offset: first - 1, bucket_counts }
    });
    ExponentialHistogramDataPoint {
        attributes,
        time_unix_nano: now,
        count: zero + exponential.values().sum::<u64>(),
        sum: Some(buckets.sum),
        scale: Distribution::SCHEMA,
        zero_count: *zero,
        zero_threshold: Distribution::ZERO_THRESHOLD,
        positive,
        ..ExponentialHistogramDataPoint::default()
    }
}

fn attribute(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests;
