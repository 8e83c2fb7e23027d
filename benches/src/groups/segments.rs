//! A scrape of many processes, few of which changed, compared with the SDK's provider.

use std::{hint::black_box, time::Duration};

use ictus::{Reader, Registry, Timer};

use super::text::{LINES, renderer, samples, write_snapshot};
use crate::{
    candidate::{Candidate, Group, Workload},
    data::Random,
    python::{self, Program},
    recorder::{Series, timers},
};

/// Observations of each process in each of its series: a chunk of a ring.
const OBSERVATIONS: usize = 64;
/// The candidate that is the SDK.
pub const SDK: &str = "the SDK's provider";

/// Scrapes of a number of segments with a number of timers each, of which 1 % or all have changed
/// since the last scrape. The SDK's provider has the same data, seven values per timer, where
/// `make venv` has installed it.
#[must_use]
pub fn segments(name: &'static str, segments: usize, timers: usize) -> Group {
    let ictus = |name, share| Candidate::new(name, move || scrape(segments, timers, share));
    let mut candidates = vec![ictus("ictus, 1 % changed", 0.01), ictus("ictus, all changed", 1.0)];
    if is_sdk_installed() {
        let sdk = Candidate::new(SDK, move || provider(segments, timers));
        candidates.insert(0, sdk);
    }
    let about = format!("a scrape of {segments} segments of {timers} timers");
    Group { rounds: 5, ..Group::new(name, &about, candidates) }
}

fn scrape(segments: usize, series: usize, share: f64) -> Workload {
    let directory = tempfile::tempdir().expect("a directory");
    let mut random = Random::new(6);
    let mut all_timers = Vec::new();
    for _ in 0..segments {
        let registry = Registry::open(directory.path()).expect("a directory of our own");
        all_timers.extend(timers(&registry, Series::Buckets, series));
    }
    for _ in 0..OBSERVATIONS {
        all_timers.iter().for_each(|timer| timer.observe(random.duration()));
    }
    let (mut renderer, mut out) = (renderer(), String::new());
    let mut reader = Reader::new(directory.path());
    let mut scrape = move |out: &mut String| {
        write_snapshot(out, &reader.snapshot().expect("a directory of our own"), &mut renderer);
    };
    scrape(&mut out);
    assert_eq!(samples(&out), series * LINES);
    let count = format!("\"}} {}.0\n", segments * OBSERVATIONS);
    assert_eq!(out.matches(&count).count(), series);
    let mut change = changing(all_timers, share);
    let prepare = move || {
        // Kept, because its files are deleted when it is dropped.
        let _ = &directory;
        change(random.duration());
    };
    Workload::prepared(1, prepare, move |(), times| (0..times).for_each(|_| scrape(black_box(&mut out))))
}

/// Observes once with a share of the timers, other timers each time.
fn changing(timers: Vec<Timer>, share: f64) -> impl FnMut(f64) {
    // Of few timers, one observes.
    let step = ((1.0 / share).round() as usize).min(timers.len());
    let mut times = 0;
    move |seconds| {
        times += 1;
        timers.iter().skip(times % step).step_by(step).for_each(|timer| timer.observe(seconds));
    }
}

/// Whether the SDK is installed.
#[must_use]
pub fn is_sdk_installed() -> bool {
    python::is_installed()
}

/// Prints a note if the SDK is not installed.
pub fn print_if_sdk_is_missing() {
    if !is_sdk_installed() {
        println!("{SDK} is left out: there is no .venv (`make venv` makes it).\n");
    }
}

/// Runs the provider in a separate process.
fn provider(segments: usize, timers: usize) -> Workload {
    let arguments = [segments.to_string(), timers.to_string(), "0.01".to_owned()];
    let mut provider = Program::start("sdk_provider.py", &arguments);
    // Each line is the processor time of the scrape that was requested last.
    let duration = |line: String| Duration::from_nanos(line.parse().expect("nanoseconds"));
    assert!(duration(provider.read_line()) > Duration::ZERO);
    Workload::external(move || duration(provider.request()))
}
