//! Families with their own windows, ages, buckets and limits of series.
//!
//! The tests run in a separate process, because some measure time, which other tests would take from
//! them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{
    thread,
    time::{Duration, Instant},
};

use ictus::{
    Error, FamilyOptions, OVERFLOW, Reader, Registry, RegistryOptions, Snapshot,
    snapshot::Value,
    surface::{Exposition, View},
};
use timing::timing;

mod timing;

#[test]
fn timers_options_replace_those_of_the_registry() {
    let families = FamilyOptions::default().window(3);
    let options = RegistryOptions::default().families(families.clone()).utf8_names(true);
    for registry in [Registry::with_options(families.clone()), Registry::with_options(options)] {
        let usual = registry.timer("usual_seconds", "", &[]).unwrap();
        let longer = registry.timer_with("longer_seconds", "", &[], &families.clone().window(5)).unwrap();
        for timers in [usual, longer] {
            let timer = timers.labels(&[]).unwrap();
            (0..10).for_each(|_| timer.observe(1.0));
        }
        let snapshot = registry.snapshot().unwrap();
        let window = |name| timing(&snapshot, name, &[]).window.observations().len();
        assert_eq!((window("usual_seconds"), window("longer_seconds")), (3, 5));
    }
}

#[test]
fn names_of_any_characters_are_an_option_of_the_registry() {
    let registry = Registry::with_options(RegistryOptions::default().utf8_names(true));
    registry.timer_with("job.duration", "", &[], &FamilyOptions::default()).unwrap();
    let plain = Registry::with_options(FamilyOptions::default());
    let error = plain.timer_with("job.duration", "", &[], &FamilyOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Name { .. }), "{error:?}");
}

#[test]
fn windows_of_any_length_hold_the_newest_observations() {
    for window in [1, 2, 39, 40, 41, 64, 100, 1000, 5000] {
        let registry = Registry::new();
        let options = FamilyOptions::default().window(window);
        let timer = registry.timer_with("work_seconds", "", &[], &options).unwrap().labels(&[]).unwrap();
        for length in [1, window / 2, window, window + 1, 3 * window + 77] {
            let count = timing_count(&registry);
            (count..u64::from(length)).for_each(|number| timer.observe(number as f64));
            let count = timing_count(&registry);
            let timing = timing(&registry.snapshot().unwrap(), "work_seconds", &[]);
            let seen: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
            let first = count.saturating_sub(u64::from(window));
            assert_eq!(seen, (first..count).map(|number| number as f64).collect::<Vec<_>>(), "{window}");
        }
    }
}

fn timing_count(registry: &Registry) -> u64 {
    match registry.snapshot().unwrap().family("work_seconds").and_then(|family| family.get(&[])) {
        Some(Value::Timer(timing)) => timing.count,
        _ => 0,
    }
}

#[test]
fn old_observations_leave_the_window_and_stay_in_the_totals() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let options = FamilyOptions::default().max_age(Duration::from_millis(300));
    let family = registry.timer_with("work_seconds", "", &["queue"], &options).unwrap();
    let (idle, busy) = (family.labels(&["idle"]).unwrap(), family.labels(&["busy"]).unwrap());
    (0..10).for_each(|_| idle.observe(1.0));
    busy.observe(1.0);
    let mut reader = Reader::new(directory.path());
    assert_eq!(timing(&reader.snapshot().unwrap(), "work_seconds", &["idle"]).window.len(), 10);
    thread::sleep(Duration::from_millis(400));
    busy.observe(2.0);
    let snapshot = reader.snapshot().unwrap();
    let (idle, busy) =
        (timing(&snapshot, "work_seconds", &["idle"]), timing(&snapshot, "work_seconds", &["busy"]));
    assert_eq!((idle.count, idle.sum, idle.window.quantiles()), (10, 10.0, None));
    assert_eq!((busy.count, busy.window.last(), busy.window.len()), (2, Some(2.0), 1));
}

/// The wall clock decides the age of observations whose timestamps come from another clock.
#[test]
fn observations_of_an_earlier_boot_age() {
    for (age, shown) in [(3600.0, 2), (0.2, 1)] {
        let directory = tempfile::tempdir().unwrap();
        let options = FamilyOptions::default().max_age(Duration::from_secs_f64(age));
        let record = |value| {
            let registry = Registry::open(directory.path()).unwrap();
            let family = registry.timer_with("work_seconds", "", &[], &options).unwrap();
            family.labels(&[]).unwrap().observe(value);
        };
        record(1.0);
        std::fs::write(directory.path().join("ictus/epoch"), "1\nanother boot\n").unwrap();
        thread::sleep(Duration::from_millis(300));
        let mut reader = Reader::new(directory.path());
        assert_eq!(timing(&reader.snapshot().unwrap(), "work_seconds", &[]).window.len(), shown - 1);
        record(2.0);
        let timing = timing(&reader.snapshot().unwrap(), "work_seconds", &[]);
        assert_eq!((timing.count, timing.window.len(), timing.window.last()), (2, shown, Some(2.0)));
    }
}

#[test]
fn windows_stay_ordered_over_a_reboot() {
    let directory = tempfile::tempdir().unwrap();
    let record = |value| {
        let registry = Registry::open(directory.path()).unwrap();
        registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(value);
    };
    // The epoch file is that of another boot, so each process begins a new epoch.
    for boot in 0..3 {
        record(f64::from(boot));
        let epoch = directory.path().join("ictus/epoch");
        let text = std::fs::read_to_string(&epoch).unwrap();
        let number = text.lines().next().unwrap();
        assert_eq!(number, (boot + 1).to_string());
        std::fs::write(&epoch, format!("{number}\nboot {boot}\n")).unwrap();
    }
    let mut reader = Reader::new(directory.path());
    for _ in 0..3 {
        let timing = timing(&reader.snapshot().unwrap(), "work_seconds", &[]);
        let seen: Vec<_> = timing.window.observations().iter().map(|one| (one.epoch, one.value)).collect();
        assert_eq!(seen, [(1, 0.0), (2, 1.0), (3, 2.0)]);
    }
}

#[test]
fn scrape_of_families_with_a_maximum_age_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let hour = Duration::from_secs(3600);
    let options = FamilyOptions::default().max_age(hour).expire_after(hour);
    let registry = Registry::open_with(directory.path(), options).unwrap();
    for number in 0..50 {
        registry.timer(&format!("work_{number}"), "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
    }
    let mut reader = Reader::new(directory.path());
    reader.snapshot().unwrap();
    let scrape = || {
        let start = Instant::now();
        reader.snapshot().unwrap();
        start.elapsed()
    };
    // Take the fastest of several scrapes: another process may use the processor.
    let quickest = std::iter::repeat_with(scrape).take(10).min().unwrap();
    assert!(quickest < Duration::from_millis(20), "{quickest:?}");
}

#[test]
fn series_beyond_the_limit_are_one_series() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open_with(directory.path(), FamilyOptions::default().max_series(10)).unwrap();
    let family = registry.counter("jobs", "", &["queue", "kind"]).unwrap();
    for queue in 0..100 {
        family.labels(&[&queue.to_string(), "x"]).unwrap().inc();
    }
    let snapshot = registry.snapshot().unwrap();
    let jobs = snapshot.family("jobs").unwrap();
    assert_eq!(jobs.series.len(), 11);
    assert_eq!(jobs.get(&["x", "3"]), Some(&Value::Counter(1.0)));
    assert_eq!(jobs.get(&[OVERFLOW, OVERFLOW]), Some(&Value::Counter(90.0)));
    assert_eq!(snapshot.health.counts.overflowed, 90);
}

#[test]
fn series_limit_holds_across_processes_and_retirement() {
    let directory = tempfile::tempdir().unwrap();
    let total = |snapshot: &Snapshot| {
        let counts = snapshot.family("jobs").unwrap().series.iter().map(|series| match series.value {
            Value::Counter(count) => count,
            _ => panic!(),
        });
        counts.sum::<f64>()
    };
    for process in 0..6 {
        let registry =
            Registry::open_with(directory.path(), FamilyOptions::default().max_series(10)).unwrap();
        let family = registry.counter("jobs", "", &["queue"]).unwrap();
        (0..8).for_each(|queue| family.labels(&[&format!("{process}/{queue}")]).unwrap().inc());
        let snapshot = registry.snapshot().unwrap();
        assert!(snapshot.family("jobs").unwrap().series.len() <= 11);
        assert_eq!(total(&snapshot), f64::from(8 * (process + 1)));
    }
    let mut reader = Reader::new(directory.path());
    reader.snapshot().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let jobs = snapshot.family("jobs").unwrap();
    assert_eq!((jobs.series.len(), total(&snapshot)), (11, 48.0));
    assert_eq!(jobs.get(&["0/0"]), Some(&Value::Counter(1.0)), "what is in the totals goes first");
}

/// If living processes ask for different options, the newest definition applies, and the conflict
/// is counted.
#[test]
fn newest_definition_applies_to_all_processes() {
    // Long enough for a machine that is busy with other tests.
    let (age, idle) = (Duration::from_secs(1), Duration::from_secs(3));
    let short = FamilyOptions::default().window(3).max_age(age).expire_after(idle);
    let orders = [[FamilyOptions::default(), short.clone()], [short, FamilyOptions::default()]];
    let mut opened: Vec<_> = orders
        .into_iter()
        .map(|options| {
            let directory = tempfile::tempdir().unwrap();
            let registries = options.map(|options| Registry::open_with(directory.path(), options).unwrap());
            for registry in &registries {
                let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
                (0..5).for_each(|_| timer.observe(1.0));
            }
            let reader = Reader::new(directory.path());
            (directory, registries, reader)
        })
        .collect();
    let mut seen = |short: Option<(u64, usize)>| {
        for ((_, _, reader), expected) in opened.iter_mut().zip([short, Some((10, 8))]) {
            let snapshot = reader.snapshot().unwrap();
            assert_eq!(snapshot.health.conflicting_definitions, u64::from(expected.is_some()));
            let shown = snapshot.family("work_seconds").map(|_| timing(&snapshot, "work_seconds", &[]));
            assert_eq!(shown.map(|timing| (timing.count, timing.window.len())), expected);
        }
    };
    // The window has only the three observations that the older process keeps.
    seen(Some((10, 3)));
    thread::sleep(age);
    seen(Some((10, 0)));
    thread::sleep(idle - age);
    seen(None);
}

/// The options of ended processes no longer apply, whether their segments are retired or not.
#[test]
fn options_of_ended_processes_do_not_apply() {
    let old = FamilyOptions::default()
        .window(3)
        .max_age(Duration::from_millis(1))
        .expire_after(Duration::from_millis(1));
    for retires in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let record = |options: FamilyOptions| {
            let registry = Registry::open_with(directory.path(), options).unwrap();
            let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
            (0..10).for_each(|_| timer.observe(1.0));
            registry
        };
        drop(record(old.clone()));
        // Before the retirement: a reader of ended processes alone obeys their options.
        let _living = record(FamilyOptions::default());
        if retires {
            let totals = directory.path().join("ictus/totals");
            drop(Reader::new(directory.path()).snapshot());
            assert!(totals.exists());
        }
        let mut reader = Reader::new(directory.path()).without_retiring();
        for _ in 0..2 {
            let snapshot = reader.snapshot().unwrap();
            let timing = timing(&snapshot, "work_seconds", &[]);
            assert_eq!((timing.count, timing.window.len()), (20, 13));
            assert_eq!(snapshot.health.conflicting_definitions, 0, "the dead do not conflict");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Further label sets of several processes share one overflow series.
#[test]
fn overflow_series_is_the_sum_over_all_processes() {
    let directory = tempfile::tempdir().unwrap();
    let options = FamilyOptions::default().max_series(1).window(4);
    let registries = [(); 4].map(|()| Registry::open_with(directory.path(), options.clone()).unwrap());
    for (process, registry) in registries.iter().enumerate() {
        // The values are not in the order of the processes.
        let (queue, part) = ((9 - process).to_string(), (1 << process) as f64);
        registry.gauge("busy", "", &["queue"]).unwrap().labels(&[&queue]).unwrap().set(part);
        let timers = registry.timer("work_seconds", "", &["queue"]).unwrap();
        let timer = timers.labels(&[&queue]).unwrap();
        (0..3).for_each(|_| timer.observe(part));
    }
    let mut reader = Reader::new(directory.path());
    let snapshot = reader.snapshot().unwrap();
    let busy = snapshot.family("busy").unwrap();
    assert_eq!(busy.get(&["9"]), Some(&Value::Gauge(1.0)), "the oldest process's stays");
    assert_eq!(busy.get(&[OVERFLOW]), Some(&Value::Gauge(14.0)));
    let over = timing(&snapshot, "work_seconds", &[OVERFLOW]);
    assert_eq!((over.count, over.sum, over.distribution.count()), (9, 42.0, 9));
    let newest: Vec<f64> = over.window.observations().iter().map(|one| one.value).collect();
    assert_eq!(newest, [4.0, 8.0, 8.0, 8.0]);
}

/// The overflow series does not expire, because no caller created it.
#[test]
fn overflow_series_does_not_expire() {
    // Long enough that no series expires before the first snapshot, also on a busy machine.
    const IDLE: Duration = Duration::from_millis(500);
    let options = FamilyOptions::default().max_series(2).expire_after(IDLE);
    for processes in [1, 3] {
        let directory = tempfile::tempdir().unwrap();
        let registries: Vec<_> =
            (0..processes).map(|_| Registry::open_with(directory.path(), options.clone()).unwrap()).collect();
        for (process, registry) in registries.iter().enumerate() {
            let family = registry.counter("jobs", "", &["queue"]).unwrap();
            // Label values that sort after the name of the overflow series.
            (0..5).for_each(|queue| family.labels(&[&format!("z{process}/{queue}")]).unwrap().inc());
        }
        let mut reader = Reader::new(directory.path());
        assert_eq!(reader.snapshot().unwrap().family("jobs").unwrap().series.len(), 3);
        thread::sleep(IDLE + IDLE / 4);
        let snapshot = reader.snapshot().unwrap();
        let jobs = snapshot.family("jobs").unwrap();
        let over = (5 * processes - 2) as f64;
        assert_eq!((jobs.series.len(), jobs.get(&[OVERFLOW])), (1, Some(&Value::Counter(over))));
    }
}

#[test]
fn bounds_of_custom_buckets_are_inclusive() {
    let registry = Registry::new();
    let options = FamilyOptions::default().buckets(&[1.0, 2.0]);
    let timer = registry.timer_with("work_seconds", "", &[], &options).unwrap().labels(&[]).unwrap();
    [0.0, 1.0, 1.5, 2.0, 2.0f64.next_up(), 1e9].into_iter().for_each(|value| timer.observe(value));
    let distribution = timing(&registry.snapshot().unwrap(), "work_seconds", &[]).distribution;
    assert_eq!(
        (distribution.bounds.as_slice(), distribution.classic.as_slice()),
        (&[1.0, 2.0][..], &[2, 2, 2][..])
    );
    assert_eq!(distribution.zero, 1);
    assert_eq!(distribution.exponential.values().sum::<u64>(), 5);
    assert_eq!(distribution.exponential.get(0), 1, "1.0 is the upper bound of bucket 0");
}

#[test]
fn timer_without_a_distribution_has_window_and_totals() {
    let directory = tempfile::tempdir().unwrap();
    let bare = FamilyOptions::default().without_distribution();
    let expect = |count: u32, buckets: u64| {
        for snapshot in
            [Reader::new(directory.path()).snapshot(), Registry::open(directory.path()).unwrap().snapshot()]
        {
            let timing = timing(&snapshot.unwrap(), "work_seconds", &[]);
            assert_eq!((timing.count, timing.window.len()), (u64::from(count), (count as usize).min(1000)));
            assert_eq!(
                timing.sum,
                (1..=count % 2000).map(f64::from).sum::<f64>() + f64::from(count / 2000) * 2_001_000.0
            );
            let all: u64 = timing.distribution.exponential.values().sum();
            assert_eq!((timing.distribution.count(), all), (buckets, buckets));
        }
    };
    let observe = |registry: &Registry| {
        let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
        (1..=2000).for_each(|number| timer.observe(f64::from(number)));
    };
    let registry = Registry::open_with(directory.path(), bare).unwrap();
    observe(&registry);
    expect(2000, 0);
    // Another process has buckets: its own ones are shown, and folding loses neither part.
    let other = Registry::open(directory.path()).unwrap();
    observe(&other);
    expect(4000, 2000);
    drop((registry, other));
    expect(4000, 2000);
}

#[test]
fn counter_is_found_with_and_without_total() {
    let registry = Registry::new();
    registry.counter("jobs_total", "", &[]).unwrap().labels(&[]).unwrap().inc();
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    registry.gauge("queue", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
    let snapshot = registry.snapshot().unwrap();
    for name in ["jobs", "jobs_total"] {
        assert_eq!(snapshot.family(name).unwrap().get(&[]), Some(&Value::Counter(2.0)), "{name}");
    }
    // Only counters have the suffix.
    assert!(snapshot.family("queue_total").is_none());
    let text = ictus::expose::text(&Exposition::new(&snapshot, &View::default()));
    assert!(text.contains("\njobs_total 2.0\n"), "{text}");
}

#[test]
fn error_describes_the_difference_of_definitions() {
    let registry = Registry::new();
    registry.timer("jobs", "", &["queue", "host"]).unwrap();
    let refused = registry.counter("jobs", "", &[]).unwrap_err().to_string();
    assert!(refused.contains("exists as a timer in seconds with the labels queue, host"), "{refused}");
    assert!(refused.contains("was requested as a counter without labels"), "{refused}");
}
