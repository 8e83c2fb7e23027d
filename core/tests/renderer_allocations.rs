//! The cache of a `Renderer`: rendering the same series again allocates nothing.
//!
//! The tests run in a separate process, because they replace the allocator.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::sync::Arc;

use ictus::{
    Registry, expose,
    snapshot::{Snapshot, Value},
    surface::{Renderer, View},
};

mod common;
mod counting_allocator;

/// Returns the number of allocations of this thread while it renders.
fn allocations(plan: &mut Renderer, snapshot: &Snapshot, text: &mut String) -> u64 {
    let start = counting_allocator::allocations();
    text.clear();
    expose::text_into(text, plan.show(snapshot));
    counting_allocator::allocations() - start
}

/// Returns the same series with other numbers.
fn moved(snapshot: &Snapshot) -> Snapshot {
    let mut moved = snapshot.clone();
    for series in moved.families.iter_mut().flat_map(|family| &mut family.series) {
        match &mut series.value {
            Value::Counter(number) | Value::Gauge(number) => *number += 1e6,
            Value::Timer(timing) => (timing.count, timing.sum) = (timing.count + 1, timing.sum + 0.1),
            other => panic!("{other:?}"),
        }
    }
    moved
}

#[test]
fn rendering_the_same_series_again_allocates_nothing() {
    for surfaces in ["legacy,documented", "canonical"] {
        let (mut plan, mut text) = (Renderer::new(&surfaces.parse::<View>().unwrap()), String::new());
        let mut snapshot = common::snapshot();
        // Sizes of two versions are one series where versions are not shown, and merging their
        // windows allocates.
        snapshot.families.retain(|family| family.name != "conductor/workflow_input_size");
        assert!(allocations(&mut plan, &snapshot, &mut text) > 100);
        let first = text.clone();
        // Longer numbers need a longer text.
        text.reserve(first.len());
        let moved = moved(&snapshot);
        assert_eq!(allocations(&mut plan, &snapshot, &mut text), 0, "{surfaces}");
        assert_eq!(text, first);
        assert_eq!(allocations(&mut plan, &moved, &mut text), 0, "{surfaces}");
        assert_ne!(text, first);
    }
}

#[test]
fn series_absent_from_a_snapshot_leave_the_cache() {
    for surfaces in ["legacy,documented", "canonical"] {
        let mut plan = Renderer::new(&surfaces.parse::<View>().unwrap());
        let mut snapshot = common::snapshot();
        let all = snapshot.families.iter().flat_map(|family| &family.series);
        let all: Vec<Arc<[String]>> = all.map(|series| series.labels.clone()).collect();
        plan.show(&snapshot);
        // First the last series of each family disappears, then every second family, then all.
        let forgotten = |snapshot: &Snapshot| {
            let series: usize = snapshot.families.iter().map(|family| family.series.len()).sum();
            assert_eq!(all.iter().filter(|labels| Arc::strong_count(labels) > 1).count(), series);
        };
        snapshot.families.iter_mut().for_each(|family| drop(family.series.pop()));
        plan.show(&snapshot);
        forgotten(&snapshot);
        let mut position = 0;
        snapshot.families.retain(|_| {
            position += 1;
            position % 2 == 0
        });
        plan.show(&snapshot);
        forgotten(&snapshot);
        plan.show(&Snapshot::default());
        snapshot.families.clear();
        forgotten(&snapshot);
    }
}

#[test]
fn rendering_the_next_snapshot_allocates_nothing() {
    let registry = Registry::new();
    let family = registry.timer("job_seconds", "", &["queue"]).unwrap();
    let timers: Vec<_> = (0..50).map(|queue| family.labels(&[&queue.to_string()]).unwrap()).collect();
    let mut plan = Renderer::new(&View::default());
    let mut text = String::with_capacity(100_000);
    for round in 0..4 {
        timers.iter().for_each(|timer| timer.observe(f64::from(round)));
        let snapshot = registry.snapshot().unwrap();
        // Quantiles are selected on first use, in their own memory.
        for series in snapshot.families.iter().flat_map(|family| &family.series) {
            let Value::Timer(timing) = &series.value else { unreachable!("only timers") };
            assert!(timing.window.quantiles().is_some());
        }
        let allocations = allocations(&mut plan, &snapshot, &mut text);
        assert!(round == 0 || allocations == 0, "{allocations} in round {round}");
        assert_eq!(text.matches("\njob_seconds_count{").count(), 50);
    }
}
