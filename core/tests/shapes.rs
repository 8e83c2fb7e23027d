//! Processes that define one name differently: the older definition is shown. A process of its own: the
//! log is global.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod ear;

use ictus::{Reader, Registry, Snapshot, catalog::Kind, snapshot::Value};

/// Kind and number of labels of the one family, and its one value.
fn shown(snapshot: &Snapshot) -> (Kind, usize, Value) {
    assert_eq!(snapshot.families.len(), 1);
    let family = &snapshot.families[0];
    assert_eq!(family.series.len(), 1);
    (family.kind, family.label_names.len(), family.series[0].value.clone())
}

#[test]
fn the_oldest_of_several_shapes_is_shown_until_it_is_gone() {
    ear::listen(log::LevelFilter::Warn);
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open(directory.path()).unwrap();
    let (oldest, older, young) = (open(), open(), open());
    let mut reader = Reader::new(directory.path());
    // A segment is made when something is recorded.
    oldest.gauge("jobs", "", &["queue"]).unwrap().labels(&["a"]).unwrap().set(7.0);
    older.gauge("jobs", "", &[]).unwrap().labels(&[]).unwrap().set(8.0);
    young.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().add(9.0);
    for _ in 0..3 {
        assert_eq!(shown(&reader.snapshot().unwrap()), (Kind::Gauge, 1, Value::Gauge(7.0)));
    }
    let said = ear::said();
    assert_eq!(said.len(), 1, "once: {said:?}");
    assert!(said[0].contains("\"jobs\" is not shown: a later definition differs"), "{said:?}");
    // A reader that knows nothing yet decides the same.
    assert_eq!(shown(&Reader::new(directory.path()).snapshot().unwrap()).0, Kind::Gauge);
    // A gauge goes with its process.
    drop(oldest);
    assert_eq!(shown(&reader.snapshot().unwrap()), (Kind::Gauge, 0, Value::Gauge(8.0)));
    drop(older);
    assert_eq!(shown(&reader.snapshot().unwrap()), (Kind::Counter, 0, Value::Counter(9.0)));
    // What is recorded later is younger, whatever was there before.
    let youngest = open();
    youngest.gauge("jobs", "", &["queue"]).unwrap().labels(&["b"]).unwrap().set(1.0);
    assert_eq!(shown(&reader.snapshot().unwrap()), (Kind::Counter, 0, Value::Counter(9.0)));
    assert_eq!(reader.snapshot().unwrap().health.live_segments, 2);
    // Nor is it older when its process is dead, and it is in the totals.
    drop(youngest);
    let dead = open();
    dead.counter("jobs", "", &["queue"]).unwrap().labels(&["b"]).unwrap().add(1.0);
    drop(dead);
    for mut reader in [reader, Reader::new(directory.path())] {
        for _ in 0..3 {
            assert_eq!(shown(&reader.snapshot().unwrap()), (Kind::Counter, 0, Value::Counter(9.0)));
        }
    }
    assert_eq!(Reader::new(directory.path()).snapshot().unwrap().health.dead_segments, 0);
}
