use ictus::{
    Registry, catalog,
    surface::{Exposition, ShownFamily, ShownType, Surface, View},
};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};

use super::request;
use crate::source::Source;

fn metrics(registry: &Registry, surface: Surface) -> Vec<Metric> {
    let view = View::new(&[surface]).unwrap();
    let sent = request(&Exposition::new(&registry.snapshot().unwrap(), &view), Vec::new(), 7);
    sent.resource_metrics[0].scope_metrics[0].metrics.clone()
}

fn registry() -> Registry {
    let registry = Registry::new();
    let timer = registry.catalog_timer(&catalog::TASK_EXECUTE_TIME).unwrap();
    let timer = timer.labels(&["resize", "SUCCESS"]).unwrap();
    // Twice on a bound, just above it, zero, and below it.
    [1.0, 1.0, 1.01, 0.0, 0.25].iter().for_each(|value| timer.observe(*value));
    registry.catalog_counter(&catalog::TASK_POLL).unwrap().labels(&["resize"]).unwrap().add(3.0);
    registry
}

fn found(metrics: &[Metric], name: &str) -> Data {
    let metric = metrics.iter().find(|metric| metric.name == name);
    metric.unwrap_or_else(|| panic!("no {name} in {metrics:?}")).data.clone().unwrap()
}

#[test]
fn buckets_match_their_bounds() {
    let metrics = metrics(&registry(), Surface::Canonical);
    let Data::ExponentialHistogram(histogram) = found(&metrics, "task_execute_time_seconds") else {
        panic!()
    };
    let [point] = histogram.data_points.as_slice() else { panic!("{histogram:?}") };
    assert_eq!((point.count, point.sum, point.zero_count, point.scale), (5, Some(3.26), 1, 3));
    let positive = point.positive.clone().unwrap();
    // Bucket i holds values above 2^(i/8), up to 2^((i+1)/8).
    let holds = |value: f64| {
        let bucket = (value.log2() * 8.0).ceil() as i32 - 1;
        positive.bucket_counts[usize::try_from(bucket - positive.offset).unwrap()]
    };
    assert_eq!([0.25, 1.0, 1.01].map(holds), [1, 2, 1]);
    assert_eq!(positive.bucket_counts.iter().sum::<u64>(), 4);
}

#[test]
fn external_histograms_keep_their_buckets() {
    let sample = |name: &str, bound: Option<&str>, value| {
        let labels = bound.map(|bound| ("le".to_owned(), bound.to_owned()));
        (name.to_owned(), labels.into_iter().collect::<Vec<_>>(), value)
    };
    let samples = [
        sample("card_seconds_bucket", Some("1.0"), 2.0),
        sample("card_seconds_bucket", Some("+Inf"), 3.0),
        sample("card_seconds_count", None, 3.0),
        sample("card_seconds_sum", None, 7.0),
    ];
    let family = ShownFamily::external("card_seconds", "", ShownType::Histogram, samples).unwrap();
    let sent = request(&Exposition::default().with_families(&[family]), Vec::new(), 7);
    let metrics = &sent.resource_metrics[0].scope_metrics[0].metrics;
    let Data::Histogram(histogram) = found(metrics, "card_seconds") else { panic!("{metrics:?}") };
    let [point] = histogram.data_points.as_slice() else { panic!("{histogram:?}") };
    assert_eq!((point.count, point.sum), (3, Some(7.0)));
    assert_eq!((&point.explicit_bounds[..], &point.bucket_counts[..]), (&[1.0][..], &[2, 1][..]));
}

#[test]
fn a_counter_is_a_monotonic_sum_and_a_quantile_a_gauge() {
    let registry = registry();
    let Data::Sum(sum) = found(&metrics(&registry, Surface::Canonical), "task_poll") else { panic!() };
    assert!(sum.is_monotonic && sum.aggregation_temporality == super::CUMULATIVE);
    let Data::Gauge(gauge) = found(&metrics(&registry, Surface::Documented), "task_execute_time_seconds")
    else {
        panic!()
    };
    assert_eq!(gauge.data_points.len(), 5);
    assert_eq!(gauge.data_points[0].attributes.last().unwrap().key, "quantile");
}

/// OTLP allows any characters in names.
#[test]
fn names_are_sent_unchanged() {
    let registry = Registry::with_options(ictus::RegistryOptions::default().utf8_names(true));
    registry.counter("http.requests", "", &["url.path"]).unwrap().labels(&["/"]).unwrap().inc();
    let source = Source::from_registry(registry);
    let exposition = source.snapshot_since(source.freshness()).unwrap().exposition(source.view());
    let sent = request(&exposition, Vec::new(), 7);
    let Data::Sum(sum) = found(&sent.resource_metrics[0].scope_metrics[0].metrics, "http.requests") else {
        panic!()
    };
    assert_eq!(sum.data_points[0].attributes[0].key, "url.path");
}
