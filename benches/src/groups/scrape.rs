//! A whole scrape of one process: from all changes since the last scrape to text.

use std::hint::black_box;

use ictus::{Registry, surface::Renderer};

use super::{
    observe::SERIES,
    text::{LINES, OBSERVATIONS, renderer, samples, write_snapshot},
};
use crate::{
    candidate::{Candidate, Group, Workload},
    data::Random,
    recorder::{MetricsHandle, Recorder, Series, timers},
};

/// A scrape of 300 series, each with one observation more than at the last scrape.
#[must_use]
pub fn scrape() -> Group {
    let candidates =
        vec![Candidate::new("metrics-exporter-prometheus", metrics_exporter), Candidate::new("ictus", ictus)];
    Group::new("scrape", "a scrape of 300 series, all changed", candidates)
}

/// Reads, renders and writes the data of a registry.
fn render(registry: &Registry, renderer: &mut Renderer, out: &mut String) {
    write_snapshot(out, &registry.snapshot().expect("memory of this process"), renderer);
}

fn ictus() -> Workload {
    let registry = Registry::new();
    let timers = timers(&registry, Series::Buckets, SERIES);
    let mut random = Random::new(5);
    let mut observe = move || timers.iter().for_each(|timer| timer.observe(random.duration()));
    (0..OBSERVATIONS).for_each(|_| observe());
    let (mut renderer, mut out) = (renderer(), String::new());
    render(&registry, &mut renderer, &mut out);
    assert_eq!(samples(&out), SERIES * LINES);
    assert_eq!(out.matches("\"} 1000.0\n").count(), SERIES);
    Workload::prepared(1, observe, move |(), times| {
        for _ in 0..times {
            render(&registry, &mut renderer, &mut out);
            black_box(&out);
        }
    })
}

fn metrics_exporter() -> Workload {
    let (mut series, exporter) = MetricsHandle::series(SERIES);
    let mut random = Random::new(5);
    let mut observe = move || series.iter_mut().for_each(|one| one.observe(random.duration()));
    (0..OBSERVATIONS).for_each(|_| observe());
    // The exporter also shows the minimum and the maximum, as quantiles of 0 and 1.
    let text = exporter.render();
    assert_eq!(text.matches("task_seconds_count{").count(), SERIES);
    assert_eq!(text.matches("quantile=\"0.99\"").count(), SERIES);
    Workload::prepared(1, observe, move |(), times| {
        (0..times).for_each(|_| _ = black_box(exporter.render()));
    })
}
