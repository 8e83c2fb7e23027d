//! The text of a scrape, written by several encoders.

use std::hint::black_box;

use ictus::{
    Registry, Snapshot, expose,
    surface::{Exposition, Renderer, View},
};
use prometheus::Encoder as _;

use super::observe::SERIES;
use crate::{
    candidate::{Candidate, Group, Workload},
    data::Random,
    recorder::{Prometheus, PrometheusClient, Recorder, Series, timers},
};

/// Lines of a summary: five quantiles, sum and count.
pub(crate) const LINES: usize = 7;
/// Observations of each series.
pub(crate) const OBSERVATIONS: usize = 1000;

/// The text of 300 series; each client shows its own data of them.
#[must_use]
pub fn text() -> Group {
    let candidates = vec![
        Candidate::new(PrometheusClient::NAME, prometheus_client),
        Candidate::new("ictus", ictus),
        Candidate::new("ictus from a snapshot", from_a_snapshot),
        Candidate::new(Prometheus::NAME, prometheus),
        Candidate::new("memcpy of ours", memcpy),
    ];
    Group::new("text", "one sample of the text of 300 series", candidates)
}

/// Creates a registry of 300 timers with full windows.
fn registry() -> Registry {
    let (registry, mut random) = (Registry::new(), Random::new(4));
    for timer in timers(&registry, Series::Buckets, SERIES) {
        (0..OBSERVATIONS).for_each(|_| timer.observe(random.duration()));
    }
    registry
}

/// Writes an exposition: the call that all benchmarks measure.
fn write(out: &mut String, exposition: &Exposition) {
    out.clear();
    expose::text_into(out, exposition);
}

/// Renders and writes a snapshot, as a scrape does.
pub(crate) fn write_snapshot(out: &mut String, snapshot: &Snapshot, renderer: &mut Renderer) {
    write(out, renderer.show(snapshot));
}

/// Creates the renderer that a scraper keeps from one snapshot to the next.
pub(crate) fn renderer() -> Renderer {
    Renderer::new(&view())
}

fn exposition() -> Exposition {
    let snapshot = registry().snapshot().expect("memory of this process");
    Exposition::new(&snapshot, &view())
}

/// Returns a view without the metrics of Ictus itself.
fn view() -> View {
    let mut view = View::default();
    view.own_state = false;
    view
}

/// Returns the number of samples in a text.
pub(crate) fn samples(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

/// Creates work that takes microseconds.
fn writing(parts: usize, mut write: impl FnMut() + 'static) -> Workload {
    let run = move |(): &mut (), times| (0..times).for_each(|_| write());
    Workload::prepared(128, || (), run).with_parts(parts)
}

fn ictus() -> Workload {
    let (exposition, mut out) = (exposition(), String::new());
    write(&mut out, &exposition);
    assert_eq!(samples(&out), SERIES * LINES);
    writing(SERIES * LINES, move || {
        write(&mut out, black_box(&exposition));
        black_box(&out);
    })
}

/// The same from a snapshot whose quantiles were computed before.
fn from_a_snapshot() -> Workload {
    let snapshot = registry().snapshot().expect("memory of this process");
    let (mut renderer, mut out) = (renderer(), String::new());
    write_snapshot(&mut out, &snapshot, &mut renderer);
    assert_eq!(samples(&out), SERIES * LINES);
    writing(SERIES * LINES, move || {
        write_snapshot(&mut out, black_box(&snapshot), &mut renderer);
        black_box(&out);
    })
}

fn memcpy() -> Workload {
    let (source, mut out) = (expose::text(&exposition()), String::new());
    assert_eq!(samples(&source), SERIES * LINES);
    writing(SERIES * LINES, move || {
        out.clear();
        out.push_str(black_box(&source));
        black_box(&out);
    })
}

fn observed<R: Recorder<Value = f64>>() -> R::SharedState {
    let ((mut series, state), mut random) = (R::series(SERIES), Random::new(4));
    for one in &mut series {
        (0..OBSERVATIONS).for_each(|_| one.observe(random.duration()));
    }
    assert_eq!(R::count(&state, &series), (SERIES * OBSERVATIONS) as u64);
    state
}

fn prometheus_client() -> Workload {
    let (registry, mut out) = (observed::<PrometheusClient>(), String::new());
    prometheus_client::encoding::text::encode(&mut out, &registry).expect("memory");
    let samples = samples(&out);
    assert_eq!(samples % SERIES, 0);
    writing(samples, move || {
        out.clear();
        prometheus_client::encoding::text::encode(&mut out, black_box(&registry)).expect("memory");
        black_box(&out);
    })
}

fn prometheus() -> Workload {
    let (registry, mut out) = (observed::<Prometheus>(), Vec::new());
    let encoder = prometheus::TextEncoder::new();
    encoder.encode(&registry.gather(), &mut out).expect("memory");
    let samples = samples(std::str::from_utf8(&out).expect("text"));
    assert_eq!(samples % SERIES, 0);
    writing(samples, move || {
        out.clear();
        encoder.encode(&black_box(&registry).gather(), &mut out).expect("memory");
        black_box(&out);
    })
}
