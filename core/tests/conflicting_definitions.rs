//! Processes that define one name differently.
//!
//! The newest definition of the living processes decides the type, and families of that type with
//! different labels are shown together. The test runs in a separate process, because the logger is
//! global.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod log_capture;

use std::{thread, time::Duration};

use ictus::{
    FamilyOptions, Reader, Registry, Snapshot,
    catalog::Kind,
    snapshot::{Family, Value},
};

/// Returns kind, number of labels and the one value of each family.
fn shown(snapshot: &Snapshot) -> Vec<(Kind, usize, Value)> {
    let one = |family: &Family| {
        assert_eq!((family.name.as_str(), family.series.len()), ("jobs", 1));
        (family.kind, family.label_names.len(), family.series[0].value.clone())
    };
    snapshot.families.iter().map(one).collect()
}

#[test]
fn newest_live_definition_decides_the_type() {
    log_capture::install(log::LevelFilter::Warn);
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open(directory.path()).unwrap();
    let (oldest, older, young) = (open(), open(), open());
    let mut reader = Reader::new(directory.path());
    // A process creates its segment at the first observation.
    oldest.gauge("jobs", "", &["queue"]).unwrap().labels(&["a"]).unwrap().set(7.0);
    older.gauge("jobs", "", &[]).unwrap().labels(&[]).unwrap().set(8.0);
    let gauges = [(Kind::Gauge, 0, Value::Gauge(8.0)), (Kind::Gauge, 1, Value::Gauge(7.0))];
    assert_eq!(shown(&reader.snapshot().unwrap()), gauges, "two sets of labels are shown together");
    assert_eq!(log_capture::take(), Vec::<String>::new());
    young.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().add(9.0);
    let counter = [(Kind::Counter, 0, Value::Counter(9.0))];
    for reader in [&mut reader, &mut Reader::new(directory.path())] {
        let snapshot = reader.snapshot().unwrap();
        assert_eq!((shown(&snapshot).as_slice(), snapshot.health.hidden_families), (&counter[..], 2));
    }
    let said = log_capture::take();
    assert_eq!(said.len(), 2, "each once: {said:?}");
    assert!(said.iter().all(|said| said.contains("\"jobs\" is not shown: another definition")), "{said:?}");
    // Living processes win over dead ones, whose families stay counted as hidden.
    drop(young);
    for mut reader in [reader, Reader::new(directory.path())] {
        for _ in 0..3 {
            let snapshot = reader.snapshot().unwrap();
            assert_eq!((shown(&snapshot).as_slice(), snapshot.health.hidden_families), (&gauges[..], 1));
        }
    }
    // A gauge disappears with its process; the data of ended processes is shown again.
    drop((oldest, older));
    let mut reader = Reader::new(directory.path());
    for _ in 0..3 {
        let snapshot = reader.snapshot().unwrap();
        assert_eq!((shown(&snapshot).as_slice(), snapshot.health.hidden_families), (&counter[..], 0));
    }
    // Both types of ended processes are in the totals: the newest is shown, and the other one is
    // not lost.
    let timers = open();
    timers.timer("jobs", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
    drop(timers);
    for _ in 0..3 {
        assert_eq!(shown(&reader.snapshot().unwrap())[0].0, Kind::Timer);
    }
    let again = open();
    again.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().add(1.0);
    assert_eq!(shown(&reader.snapshot().unwrap()), [(Kind::Counter, 0, Value::Counter(10.0))]);
}

/// Removal of an idle counter does not affect a timer of the same name.
#[test]
fn removal_and_expiry_apply_to_a_family_and_not_to_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let by_route = registry.counter("hits", "", &["route"]).unwrap();
    let by_both = registry.counter("hits", "", &["route", "method"]).unwrap();
    by_route.labels(&["/"]).unwrap().inc();
    by_both.labels(&["/", "GET"]).unwrap().add(5.0);
    assert!(by_route.remove(&["/"]).unwrap());
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(snapshot.families_named("hits").len(), 1);
    assert_eq!(snapshot.get("hits", &[("route", "/"), ("method", "GET")]), Some(&Value::Counter(5.0)));
    // Expiry of a series that an ended process left under another type.
    let record = |options: FamilyOptions| {
        let registry = Registry::open_with(directory.path(), options).unwrap();
        (0..1000)
            .for_each(|_| registry.timer("work", "", &["x"]).unwrap().labels(&["a"]).unwrap().observe(1.0));
        registry
    };
    drop(record(FamilyOptions::default()));
    let expiring = FamilyOptions::default().expire_after(Duration::from_millis(50));
    let counters = Registry::open_with(directory.path(), expiring).unwrap();
    counters.counter("work", "", &["x"]).unwrap().labels(&["a"]).unwrap().inc();
    let mut reader = Reader::new(directory.path());
    reader.snapshot().unwrap();
    thread::sleep(Duration::from_millis(200));
    reader.snapshot().unwrap();
    drop(counters);
    let _living = record(FamilyOptions::default());
    let snapshot = Reader::new(directory.path()).snapshot().unwrap();
    let Some(Value::Timer(timing)) = snapshot.get("work", &[("x", "a")]) else { panic!("{snapshot:?}") };
    assert_eq!(timing.count, 2000);
}
