//! What one observation costs on one thread, beside what it is made of and a peer.
//!
//! Every bench first does its work a known number of times and checks what came of it: a recorder
//! that drops everything would be the fastest.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a program that may stop at the first surprise"
)]

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use criterion::Criterion;
use hdrhistogram::Histogram;
use ictus::{Registry, snapshot::Value};

const CHECKED: u64 = 10_000;
/// What is observed: a poll of 12.5 ms.
const SECONDS: f64 = 0.0125;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("observe");
    group.bench_function("ictus", |bencher| {
        let registry = Registry::new();
        let timer =
            registry.timer("polls_seconds", "", &["queue"]).and_then(|family| family.labels(&["mail"]));
        let timer = timer.expect("a name and a label that are taken");
        checked(|| timer.observe(black_box(SECONDS)), || count(&registry));
        bencher.iter(|| timer.observe(black_box(SECONDS)));
    });
    group.bench_function("hdrhistogram", |bencher| {
        // A microsecond to an hour, to three digits: nanoseconds as they come from a clock.
        let mut histogram = Histogram::<u64>::new_with_bounds(1_000, 3_600_000_000_000, 3).expect("bounds");
        let nanoseconds = (SECONDS * 1e9) as u64;
        for _ in 0..CHECKED {
            histogram.record(black_box(nanoseconds)).expect("within the bounds");
        }
        assert_eq!(histogram.len(), CHECKED);
        bencher.iter(|| histogram.record(black_box(nanoseconds)));
    });
    // An uncontended read-modify-write: the least that a shared counter costs.
    group.bench_function("fetch_add", |bencher| {
        let total = AtomicU64::new(0);
        let add = || total.fetch_add(black_box(1), Ordering::Relaxed);
        checked(|| _ = add(), || total.load(Ordering::Relaxed));
        bencher.iter(add);
    });
    // One look at the clock, which an observation that stamps itself cannot do without.
    group.bench_function("Instant::now", |bencher| {
        let before = Instant::now();
        assert!((0..CHECKED).map(|_| Instant::now()).is_sorted() && before.elapsed().as_nanos() > 0);
        bencher.iter(Instant::now);
    });
    group.finish();
    criterion.final_summary();
}

fn checked(mut work: impl FnMut(), count: impl Fn() -> u64) {
    for _ in 0..CHECKED {
        work();
    }
    assert_eq!(count(), CHECKED);
}

fn count(registry: &Registry) -> u64 {
    let snapshot = registry.snapshot().expect("memory of this process");
    match snapshot.family("polls_seconds").and_then(|family| family.get(&["mail"])) {
        Some(Value::Timer(timing)) => timing.count,
        other => panic!("a timer, not {other:?}"),
    }
}
