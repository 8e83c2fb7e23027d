//! A series that exists and was never updated is shown at 0.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use ictus::{Options, Reader, Registry, Snapshot, snapshot::Value};

/// Returns the value of a series, or a timer's count.
fn value(snapshot: &Snapshot, family: &str, labels: &[&str]) -> Option<f64> {
    match snapshot.family(family)?.get(labels)? {
        Value::Counter(value) | Value::Gauge(value) => Some(*value),
        Value::Timer(timing) => {
            assert_eq!((timing.sum, timing.window.observations().len()), (0.0, 0));
            Some(timing.count as f64)
        }
    }
}

fn registries() -> (tempfile::TempDir, [Registry; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let shared = Registry::open(directory.path()).unwrap();
    (directory, [Registry::new(), shared])
}

#[test]
fn family_without_labels_is_shown_at_zero() {
    let (_directory, registries) = registries();
    for registry in registries {
        registry.counter("jobs", "", &[]).unwrap();
        registry.gauge("depth", "", &[]).unwrap();
        registry.timer("work_seconds", "", &[]).unwrap();
        let snapshot = registry.snapshot().unwrap();
        for family in ["jobs", "depth", "work_seconds"] {
            assert_eq!(value(&snapshot, family, &[]), Some(0.0), "{family}");
        }
    }
}

#[test]
fn requested_label_set_is_shown_at_zero() {
    let (directory, registries) = registries();
    for registry in &registries {
        let jobs = registry.counter("jobs", "", &["queue"]).unwrap();
        let depth = registry.gauge("depth", "", &["queue"]).unwrap();
        let work = registry.timer("work_seconds", "", &["queue"]).unwrap();
        assert_eq!(registry.snapshot().unwrap().families, []);
        jobs.labels(&["mail"]).unwrap();
        depth.labels(&["mail"]).unwrap();
        work.labels(&["mail"]).unwrap();
        let snapshot = registry.snapshot().unwrap();
        for family in ["jobs", "depth", "work_seconds"] {
            assert_eq!(value(&snapshot, family, &["mail"]), Some(0.0), "{family}");
        }
    }
    let snapshot = Reader::new(directory.path()).snapshot().unwrap();
    assert_eq!(value(&snapshot, "jobs", &["mail"]), Some(0.0), "other processes see it");
}

#[test]
fn request_does_not_change_what_was_recorded() {
    let registry = Registry::new();
    let jobs = registry.counter("jobs", "", &["queue"]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| jobs.labels(&["mail"]).unwrap().inc()));
        }
    });
    jobs.labels(&["mail"]).unwrap();
    assert_eq!(value(&registry.snapshot().unwrap(), "jobs", &["mail"]), Some(400.0));
}

#[test]
fn removed_series_is_absent_until_it_is_requested_again() {
    let (_directory, registries) = registries();
    for registry in registries {
        let jobs = registry.counter("jobs", "", &["queue"]).unwrap();
        jobs.labels(&["mail"]).unwrap();
        assert!(jobs.remove(&["mail"]).unwrap());
        assert_eq!(registry.snapshot().unwrap().families, []);
        jobs.labels(&["mail"]).unwrap();
        assert_eq!(value(&registry.snapshot().unwrap(), "jobs", &["mail"]), Some(0.0));
    }
}

#[test]
fn expired_series_is_shown_again_when_it_is_requested() {
    let registry = Registry::new();
    let jobs = registry.counter("jobs", "", &["queue"]).unwrap();
    let mail = jobs.labels(&["mail"]).unwrap();
    assert_eq!(registry.remove_idle(Duration::from_millis(10)).unwrap(), 0);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(registry.remove_idle(Duration::from_millis(10)).unwrap(), 1);
    assert_eq!(registry.snapshot().unwrap().families, []);
    jobs.labels(&["mail"]).unwrap();
    assert_eq!(value(&registry.snapshot().unwrap(), "jobs", &["mail"]), Some(0.0));
    mail.inc();
    assert_eq!(value(&registry.snapshot().unwrap(), "jobs", &["mail"]), Some(1.0));
}

#[test]
fn racing_threads_never_exceed_the_series_limit() {
    const LIMIT: usize = 50;
    for _ in 0..20 {
        let registry = Registry::with_options(Options::default().max_series(LIMIT as u32));
        let jobs = registry.counter("jobs", "", &["job"]).unwrap();
        let series = || registry.snapshot().unwrap().family("jobs").unwrap().series.clone();
        let is_overflow = |one: &ictus::snapshot::Series| one.labels[0] == "ictus_overflow";
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let jobs = &jobs;
                scope.spawn(move || {
                    for job in 0..25 {
                        // Two threads request each name.
                        jobs.labels(&[&format!("{}", thread / 2 * 25 + job)]).unwrap().inc();
                    }
                });
            }
        });
        let shown = series();
        assert!(shown.len() <= LIMIT + 1, "{}", shown.len());
        let count = |one: &ictus::snapshot::Series| match one.value {
            Value::Counter(count) => count,
            _ => panic!("{one:?}"),
        };
        assert_eq!(shown.iter().map(count).sum::<f64>(), 200.0);
        // A place that two threads claimed for one name, and that was refused to another name
        // meanwhile, is free again.
        (0..LIMIT).for_each(|job| jobs.labels(&[&format!("late {job}")]).unwrap().inc());
        assert_eq!(series().iter().filter(|one| !is_overflow(one)).count(), LIMIT);
        let removed = shown.iter().find(|one| !is_overflow(one)).unwrap();
        assert!(jobs.remove(&[&removed.labels[0]]).unwrap());
        jobs.labels(&["another"]).unwrap();
        assert_eq!(value(&registry.snapshot().unwrap(), "jobs", &["another"]), Some(0.0));
        assert_eq!(series().iter().filter(|one| !is_overflow(one)).count(), LIMIT);
    }
}
