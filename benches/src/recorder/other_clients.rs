//! Other libraries as recorders.

use std::{
    collections::VecDeque,
    fmt,
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Key, Label, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::{Recorder, nanoseconds};
use crate::data::labels;

/// The classic buckets of the clients that have them: as many as a Conductor metric has.
pub(crate) const BOUNDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// An uncontended read-modify-write: the minimum cost of a counter that threads share.
#[derive(Clone, Debug, Default)]
pub struct FetchAdd(Arc<AtomicU64>);

impl Recorder for FetchAdd {
    const NAME: &'static str = "fetch_add";
    type Value = u64;
    type SharedState = ();

    fn value(_: f64) -> u64 {
        1
    }

    fn series(series: usize) -> (Vec<Self>, ()) {
        ((0..series).map(|_| FetchAdd::default()).collect(), ())
    }

    #[inline(always)]
    fn observe(&mut self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn count((): &(), series: &[Self]) -> u64 {
        series.iter().map(|one| one.0.load(Ordering::Relaxed)).sum()
    }

    fn read((): &(), series: &[Self]) {
        series.iter().for_each(|one| _ = black_box(one.0.load(Ordering::Relaxed)));
    }
}

/// `hdrhistogram` as one thread uses it: three digits, 1 ns to a minute.
#[derive(Clone, Debug)]
pub struct HdrHistogram(hdrhistogram::Histogram<u64>);

impl Recorder for HdrHistogram {
    const NAME: &'static str = "hdrhistogram, one thread's";
    type Value = u64;
    type SharedState = ();

    fn value(seconds: f64) -> u64 {
        nanoseconds(seconds)
    }

    fn series(series: usize) -> (Vec<Self>, ()) {
        let new = || hdrhistogram::Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        ((0..series).map(|_| HdrHistogram(new())).collect(), ())
    }

    #[inline(always)]
    fn observe(&mut self, value: u64) {
        let _ = self.0.record(value);
    }

    fn count((): &(), series: &[Self]) -> u64 {
        series.iter().map(|one| one.0.len()).sum()
    }

    fn read((): &(), series: &[Self]) {
        series.iter().for_each(|one| _ = black_box(one.0.value_at_quantile(0.99)));
    }
}

/// The `histogram` crate as one thread uses it: no sum, no window.
#[derive(Clone, Debug)]
pub struct PlainHistogram(histogram::Histogram);

impl Recorder for PlainHistogram {
    const NAME: &'static str = "histogram, one thread's, no sum";
    type Value = u64;
    type SharedState = ();

    fn value(seconds: f64) -> u64 {
        nanoseconds(seconds)
    }

    fn series(series: usize) -> (Vec<Self>, ()) {
        let new = || histogram::Histogram::new(7, 40).expect("powers");
        ((0..series).map(|_| PlainHistogram(new())).collect(), ())
    }

    #[inline(always)]
    fn observe(&mut self, value: u64) {
        let _ = self.0.increment(value);
    }

    fn count((): &(), series: &[Self]) -> u64 {
        series.iter().flat_map(|one| one.0.as_slice()).sum()
    }

    fn read((): &(), series: &[Self]) {
        series.iter().for_each(|one| _ = black_box(one.0.quantile(0.99)));
    }
}

/// The shared histogram of the `histogram` crate: no sum, no window.
#[derive(Clone, Debug)]
pub struct AtomicHistogram(Arc<histogram::AtomicHistogram>);

impl Recorder for AtomicHistogram {
    const NAME: &'static str = "histogram, atomic, no sum";
    type Value = u64;
    type SharedState = ();

    fn value(seconds: f64) -> u64 {
        nanoseconds(seconds)
    }

    fn series(series: usize) -> (Vec<Self>, ()) {
        let new = || Arc::new(histogram::AtomicHistogram::new(7, 40).expect("powers"));
        ((0..series).map(|_| AtomicHistogram(new())).collect(), ())
    }

    #[inline(always)]
    fn observe(&mut self, value: u64) {
        let _ = self.0.increment(value);
    }

    fn count((): &(), series: &[Self]) -> u64 {
        series.iter().map(|one| one.0.load().as_slice().iter().sum::<u64>()).sum()
    }

    fn read((): &(), series: &[Self]) {
        series.iter().for_each(|one| _ = black_box(one.0.load()));
    }
}

/// The simplest window: the newest thousand observations behind a lock.
#[derive(Clone, Debug, Default)]
pub struct Deque(Arc<Mutex<(u64, VecDeque<f64>)>>);

impl Deque {
    /// Returns a copy of the window.
    fn window(&self) -> Vec<f64> {
        self.0.lock().expect("no panic under it").1.iter().copied().collect()
    }
}

impl Recorder for Deque {
    const NAME: &'static str = "VecDeque in a Mutex";
    type Value = f64;
    type SharedState = ();

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Self>, ()) {
        ((0..series).map(|_| Deque::default()).collect(), ())
    }

    #[inline(always)]
    fn observe(&mut self, value: f64) {
        let mut window = self.0.lock().expect("no panic under it");
        if window.1.len() == 1000 {
            window.1.pop_front();
        }
        window.1.push_back(value);
        window.0 += 1;
    }

    fn count((): &(), series: &[Self]) -> u64 {
        series.iter().map(|one| one.0.lock().expect("no panic under it").0).sum()
    }

    fn read((): &(), series: &[Self]) {
        series.iter().for_each(|one| _ = black_box(one.window()));
    }
}

/// A child of `prometheus`'s `HistogramVec`.
#[derive(Clone, Debug)]
pub struct Prometheus(prometheus::Histogram);

impl Recorder for Prometheus {
    const NAME: &'static str = "prometheus";
    type Value = f64;
    type SharedState = prometheus::Registry;

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Self>, prometheus::Registry) {
        let options = prometheus::HistogramOpts::new("task_seconds", "How long tasks take.");
        let options = options.buckets(BOUNDS.to_vec());
        let family = prometheus::HistogramVec::new(options, &["task_type", "status"]).expect("options");
        let registry = prometheus::Registry::new();
        registry.register(Box::new(family.clone())).expect("a new family");
        let child = |[task, status]: [String; 2]| Prometheus(family.with_label_values(&[&task, &status]));
        (labels(series).map(child).collect(), registry)
    }

    #[inline(always)]
    fn observe(&mut self, value: f64) {
        self.0.observe(value);
    }

    fn count(_: &prometheus::Registry, series: &[Self]) -> u64 {
        series.iter().map(|one| one.0.get_sample_count()).sum()
    }

    fn read(registry: &prometheus::Registry, _: &[Self]) {
        _ = black_box(registry.gather());
    }
}

/// A histogram of a `prometheus-client` family.
#[derive(Clone, Debug)]
pub struct PrometheusClient(prometheus_client::metrics::histogram::Histogram);

impl Recorder for PrometheusClient {
    const NAME: &'static str = "prometheus-client";
    type Value = f64;
    type SharedState = prometheus_client::registry::Registry;

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Self>, prometheus_client::registry::Registry) {
        use prometheus_client::metrics::{family::Family, histogram::Histogram};
        type Labels = Vec<(&'static str, String)>;
        let family = Family::<Labels, Histogram, _>::new_with_constructor(|| Histogram::new(BOUNDS));
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("task_seconds", "How long tasks take", family.clone());
        let child = |[task, status]: [String; 2]| {
            let labels = vec![("task_type", task), ("status", status)];
            PrometheusClient(family.get_or_create(&labels).clone())
        };
        (labels(series).map(child).collect(), registry)
    }

    #[inline(always)]
    fn observe(&mut self, value: f64) {
        self.0.observe(value);
    }

    fn count(_: &prometheus_client::registry::Registry, series: &[Self]) -> u64 {
        series.iter().map(|one| one.0.count()).sum()
    }

    fn read(registry: &prometheus_client::registry::Registry, _: &[Self]) {
        let mut out = String::new();
        let _ = prometheus_client::encoding::text::encode(&mut out, registry);
        black_box(&out);
    }
}

/// A handle of `metrics`, recorded by `metrics-exporter-prometheus` as a summary.
#[derive(Clone, Debug)]
pub struct MetricsHandle(metrics::Histogram);

/// The exporter that shows the observations of [`MetricsHandle`].
pub struct MetricsExporter {
    _recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl fmt::Debug for MetricsExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsExporter")
    }
}

impl MetricsExporter {
    /// Returns the text of a scrape.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

impl Recorder for MetricsHandle {
    const NAME: &'static str = "metrics, its exporter's handle";
    // The exporter empties its buckets while writers use them: 4 of 1,002,000 observations were
    // seen to be lost.
    const IS_LOSSLESS: bool = false;
    type Value = f64;
    type SharedState = MetricsExporter;

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Self>, MetricsExporter) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let child = |[task, status]: [String; 2]| {
            let labels = vec![Label::new("task_type", task), Label::new("status", status)];
            let key = Key::from_parts("task_seconds", labels);
            MetricsHandle(recorder.register_histogram(&key, &metadata()))
        };
        let children = labels(series).map(child).collect();
        let handle = recorder.handle();
        (children, MetricsExporter { _recorder: recorder, handle })
    }

    #[inline(always)]
    fn observe(&mut self, value: f64) {
        self.0.record(value);
    }

    fn count(exporter: &MetricsExporter, _: &[Self]) -> u64 {
        let text = exporter.render();
        let counts = text.lines().filter(|line| line.starts_with("task_seconds_count"));
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().expect("a count")).sum()
    }

    fn housekeeping(exporter: &MetricsExporter) {
        exporter.handle.run_upkeep();
    }

    fn read(exporter: &MetricsExporter, _: &[Self]) {
        _ = black_box(exporter.render());
    }
}

fn metadata() -> Metadata<'static> {
    Metadata::new(module_path!(), metrics::Level::INFO, Some(module_path!()))
}
