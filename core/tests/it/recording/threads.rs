//! Threads that record into one series while readers read it.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::timing::timing;
use ictus::{
    Reader, Registry,
    snapshot::{QUANTILES, Timing},
};

/// Encodes the thread and the index of an observation as a value.
fn encode(thread: usize, index: usize) -> f64 {
    (thread * 10_000_000 + index) as f64
}

fn decode(value: f64) -> (usize, usize) {
    (value as usize / 10_000_000, value as usize % 10_000_000)
}

#[test]
fn wrapped_window_holds_the_newest_observations() {
    let registry = Registry::new();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    let mut observed = Vec::new();
    for index in 0..5000 {
        timer.observe(encode(0, index));
        observed.push(encode(0, index));
        // Every length up to the first full chunks, then around the edges of each chunk and each
        // lap.
        if index < 200 || index % 64 < 3 || index % 64 > 61 {
            let snapshot = registry.snapshot().unwrap();
            let timing = timing(&snapshot, "work_seconds", &[]);
            let newest = &observed[observed.len().saturating_sub(1000)..];
            let seen: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
            assert_eq!(seen, newest);
            assert_eq!(timing.count, observed.len() as u64);
            assert_eq!(timing.sum, observed.iter().sum::<f64>());
        }
    }
}

#[test]
fn window_holds_the_newest_observations_of_all_threads() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let family = registry.timer("work_seconds", "", &["queue"]).unwrap();
    let timer = family.labels(&["mail"]).unwrap();
    // The threads run in turn, so that the order is known: the last two share the window.
    for thread in 0..4 {
        let timer = timer.clone();
        thread::spawn(move || (0..600).for_each(|index| timer.observe(encode(thread, index))))
            .join()
            .unwrap();
    }
    let snapshot = Reader::new(directory.path()).snapshot().unwrap();
    let timing = timing(&snapshot, "work_seconds", &["mail"]);
    let seen: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
    let expected: Vec<f64> =
        (200..600).map(|index| encode(2, index)).chain((0..600).map(|index| encode(3, index))).collect();
    assert_eq!(seen, expected);
    assert_eq!(timing.count, 2400);
    assert_eq!(timing.window.quantiles().unwrap()[0], timing.window.quantile(QUANTILES[0]).unwrap());
}

#[test]
fn readers_concurrent_with_writers_see_only_written_values() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    let done = AtomicBool::new(false);
    let ready = Barrier::new(4);
    const EACH: usize = 300_000;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|thread| {
                let (timer, ready) = (timer.clone(), &ready);
                scope.spawn(move || {
                    ready.wait();
                    (0..EACH).for_each(|index| timer.observe(encode(thread, index)));
                })
            })
            .collect();
        let done = &done;
        let reading = scope.spawn(|| {
            let mut reader = Reader::new(directory.path());
            let (mut count, mut sum, mut readings) = (0, 0.0, 0);
            ready.wait();
            while !done.load(Ordering::Acquire) || readings == 0 {
                let snapshot = reader.snapshot().unwrap();
                let Some(family) = snapshot.family("work_seconds") else { continue };
                assert_eq!(family.series.len(), 1);
                let timing = timing(&snapshot, "work_seconds", &[]);
                assert!(timing.count >= count && timing.sum >= sum, "a total fell");
                (count, sum) = (timing.count, timing.sum);
                assert_eq!(timing.window.len(), (count as usize).min(1000));
                check(&timing);
                readings += 1;
            }
            readings
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Release);
        assert!(reading.join().unwrap() > 0);
    });
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(timing(&snapshot, "work_seconds", &[]).count, 3 * EACH as u64);
}

/// Asserts that each thread's values are in the order in which the thread made them, without gaps
/// or duplicates.
fn check(timing: &Timing) {
    let mut last = [None; 3];
    let mut newest_stamp = 0;
    for observation in timing.window.observations() {
        let (thread, index) = decode(observation.value);
        assert!(
            last[thread].is_none_or(|last_index| index == last_index + 1),
            "{thread}: {last:?}, then {index}"
        );
        assert!(observation.stamp >= newest_stamp);
        (last[thread], newest_stamp) = (Some(index), observation.stamp);
    }
}

#[test]
fn invalid_values_are_not_recorded() {
    let registry = Registry::new();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-300, 1e300] {
        timer.observe(value);
    }
    timer.observe(0.0);
    timer.observe(-0.0);
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(timing(&snapshot, "work_seconds", &[]).count, 2);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn window_is_ordered_by_timestamp_across_threads(
        of in proptest::collection::vec(0..5usize, 1..4000), window in 1..1200u32,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::open(directory.path()).unwrap();
        let options = ictus::FamilyOptions::default().window(window);
        let timer = registry.timer_with("work_seconds", "", &[], &options).unwrap().labels(&[]).unwrap();
        let stamps: Vec<_> = of.iter().map(|_| ictus::Stamp::now()).collect();
        // All threads live at once, so that none adopts another's lanes.
        let ready = Barrier::new(5);
        thread::scope(|scope| {
            for thread in 0..5 {
                let (timer, ready, of, stamps) = (&timer, &ready, &of, &stamps);
                scope.spawn(move || {
                    for (index, stamp) in stamps.iter().enumerate().filter(|&(index, _)| of[index] == thread) {
                        timer.observe_at(index as f64, *stamp);
                    }
                    ready.wait();
                });
            }
        });
        let snapshot = Reader::new(directory.path()).snapshot().unwrap();
        let timing = timing(&snapshot, "work_seconds", &[]);
        let seen: Vec<_> = timing.window.observations().iter().map(|one| one.value).collect();
        // Timestamps may be equal, and then the lanes decide: compare the timestamps of the window.
        let stamp = |value: f64| stamps[value as usize];
        let oldest = of.len().saturating_sub(window as usize);
        let shown: Vec<_> = seen.iter().map(|&value| stamp(value)).collect();
        proptest::prop_assert_eq!(shown, &stamps[oldest..]);
        proptest::prop_assert_eq!(timing.count, of.len() as u64);
        let exact: f64 = (0..of.len()).map(|index| index as f64).sum();
        proptest::prop_assert_eq!(timing.sum, exact);
    }
}
