//! A series that exists and was never updated is shown at 0.

use std::time::Duration;

use ictus::{FamilyOptions, Reader, Registry, Snapshot, snapshot::Value};

/// Returns the value of a series, or a timer's count.
fn value(snapshot: &Snapshot, family: &str, labels: &[&str]) -> Option<f64> {
    match snapshot.family(family)?.get(labels)? {
        Value::Counter(value) | Value::Gauge(value) => Some(*value),
        Value::Timer(timing) => {
            assert_eq!((timing.sum, timing.window.observations().len()), (0.0, 0));
            Some(timing.count as f64)
        }
        other => panic!("{other:?}"),
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
fn request_does_not_change_recorded_values() {
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
fn registry_removes_a_series_by_its_name_and_labels() {
    let (_directory, registries) = registries();
    for registry in registries {
        let jobs = registry.counter("jobs_total", "", &["tenant", "queue"]).unwrap();
        let others = registry.counter("jobs", "", &["tenant"]).unwrap();
        registry.gauge("active_total", "", &[]).unwrap();
        for name in ["jobs", "jobs_total"] {
            jobs.labels(&["acme", "mail"]).unwrap().inc();
            others.labels(&["acme"]).unwrap().inc();
            // Only the set of label names and values decides, not their order.
            for labels in [&[("tenant", "acme"), ("queue", "sms")][..], &[("queue", "mail")], &[]] {
                assert!(!registry.remove(name, labels).unwrap(), "{labels:?}");
            }
            assert!(registry.remove(name, &[("tenant", "acme"), ("queue", "mail")]).unwrap());
            assert!(!registry.remove(name, &[("queue", "mail"), ("tenant", "acme")]).unwrap());
            assert!(registry.snapshot().unwrap().get("jobs", &[("tenant", "acme")]).is_some());
            assert!(registry.remove(name, &[("tenant", "acme")]).unwrap());
        }
        // A gauge whose name ends with `_total` does not hide a counter.
        registry.gauge("done_total", "", &["queue"]).unwrap();
        registry.counter("done", "", &["queue"]).unwrap().labels(&["mail"]).unwrap();
        assert!(registry.remove("done_total", &[("queue", "mail")]).unwrap());
        assert!(!registry.remove("active", &[]).unwrap(), "only counters have two spellings");
        assert!(registry.remove("active_total", &[]).unwrap());
        assert!(!registry.remove("unregistered", &[]).unwrap());
        assert_eq!(registry.snapshot().unwrap().families, []);
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
fn racing_threads_fill_the_series_limit_exactly() {
    const LIMIT: usize = 50;
    const THREADS: usize = 8;
    const NAMES: usize = 60;
    for round in 0..50 {
        let registry = Registry::with_options(FamilyOptions::default().max_series(LIMIT as u32));
        let jobs = registry.counter("jobs", "", &["job"]).unwrap();
        let start = std::sync::Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (jobs, start) = (&jobs, &start);
                scope.spawn(move || {
                    start.wait();
                    for job in 0..NAMES {
                        // Threads request the same names, some in another order.
                        let job = if thread % 4 == 3 { NAMES - 1 - job } else { job };
                        jobs.labels(&[&job.to_string()]).unwrap().inc();
                    }
                });
            }
        });
        let (named, over) = shown(&registry);
        assert_eq!(named.len(), LIMIT, "round {round}");
        // A name that has a series has all its events there, whichever thread was first.
        assert!(named.iter().all(|&(_, count)| count == THREADS as f64), "round {round}: {named:?}");
        assert_eq!(over, (THREADS * (NAMES - LIMIT)) as f64, "round {round}");
        assert!(jobs.remove(&[&named[0].0]).unwrap());
        jobs.labels(&["another"]).unwrap();
        assert_eq!(value(&registry.snapshot().unwrap(), "jobs", &["another"]), Some(0.0));
        assert_eq!(shown(&registry).0.len(), LIMIT);
    }
}

#[test]
fn series_limit_is_exact_after_threads_race_to_remove_and_expire() {
    const LIMIT: usize = 10;
    let registry = Registry::with_options(FamilyOptions::default().max_series(LIMIT as u32));
    let jobs = registry.counter("jobs", "", &["job"]).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (jobs, registry) = (&jobs, &registry);
            scope.spawn(move || {
                for turn in 0..300 {
                    let name = ((turn * 7 + thread) % 13).to_string();
                    match thread {
                        0 => _ = jobs.remove(&[&name]).unwrap(),
                        1 if turn % 10 == 0 => _ = registry.remove_idle(Duration::ZERO).unwrap(),
                        _ => jobs.labels(&[&name]).unwrap().inc(),
                    }
                }
            });
        }
    });
    // Now the family has as many places as at the beginning: not one fewer, and not one more.
    (0..13).for_each(|job| _ = jobs.remove(&[&job.to_string()]).unwrap());
    let overflowed = || registry.snapshot().unwrap().health.counts.overflowed;
    let previous = overflowed();
    (0..2 * LIMIT).for_each(|job| jobs.labels(&[&format!("late {job}")]).unwrap().inc());
    assert_eq!(overflowed() - previous, LIMIT as u64);
    let (named, _) = shown(&registry);
    assert_eq!(named.len(), LIMIT);
    assert!(named.iter().all(|(name, _)| name.starts_with("late")), "{named:?}");
}

/// Returns the name and count of each series but the overflow series, and the count of that one.
fn shown(registry: &Registry) -> (Vec<(String, f64)>, f64) {
    let snapshot = registry.snapshot().unwrap();
    let Some(jobs) = snapshot.family("jobs") else { return (Vec::new(), 0.0) };
    let (mut named, mut over) = (Vec::new(), 0.0);
    for series in &jobs.series {
        // Equal to no count, if it is another kind.
        let count = if let Value::Counter(count) = series.value { count } else { f64::NAN };
        if series.labels[0] == "ictus_overflow" {
            over = count;
        } else {
            named.push((series.labels[0].to_string(), count));
        }
    }
    (named, over)
}
