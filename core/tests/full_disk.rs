//! A disk that fills up: totals stay exact and visible, and no process ends.
//!
//! The tests run in a separate process, because they mount file systems.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod timing;
mod tmpfs;

use ictus::{Reader, Registry, Snapshot, snapshot::Value};
use timing::timing;
use tmpfs::Tmpfs;

#[test]
fn full_disk_wraps_lanes_and_puts_new_ones_in_memory() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "600k") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let family = registry.timer("work_seconds", "", &["queue"]).unwrap();
    // Each series takes a whole ring, far more than fits on the disk. The first one goes on
    // recording when the disk is full.
    let names: Vec<String> = (0..200).map(|queue| queue.to_string()).collect();
    let observe = |name: &String, values: std::ops::RangeInclusive<u32>| {
        let timer = family.labels(&[name]).unwrap();
        values.for_each(|number| timer.observe(f64::from(number)));
    };
    observe(&names[0], 1..=1);
    names[1..].iter().for_each(|name| observe(name, 1..=3000));
    observe(&names[0], 2..=3000);
    let own = registry.snapshot().unwrap();
    for name in &names {
        let timing = timing(&own, "work_seconds", &[name]);
        assert_eq!((timing.count, timing.sum), (3000, 4_501_500.0), "{name}");
        assert_eq!(timing.distribution.count(), 3000, "{name}");
        // The rest of the window has no gaps, up to the newest observation.
        let window: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
        let expected: Vec<f64> = (3001 - window.len()..=3000).map(|number| number as f64).collect();
        assert_eq!(window, expected, "{name}");
        assert!(!window.is_empty(), "{name}");
    }
    assert_eq!(timing(&own, "work_seconds", &["1"]).window.len(), 1000);
    assert!(timing(&own, "work_seconds", &["0"]).window.len() < 1000);
    assert!(
        own.health.counts.truncated_windows > 0 && own.health.counts.process_local_lanes > 0,
        "{:?}",
        own.health
    );
    assert_eq!(own.health.counts.no_memory, 0);

    // Other processes see the series that are in the file, with exact totals.
    let seen = Reader::new(parent.path()).without_retiring().snapshot().unwrap();
    let shared = &seen.family("work_seconds").unwrap().series;
    assert!((10..200).contains(&shared.len()), "{} series", shared.len());
    for series in shared {
        let Value::Timer(timing) = &series.value else { panic!() };
        assert_eq!((timing.count, timing.sum), (3000, 4_501_500.0));
    }
}

#[test]
fn segment_is_in_memory_if_its_file_cannot_be_created() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "100k") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    (0..10_000).for_each(|_| timer.observe(1.0));
    let timing = timing(&registry.snapshot().unwrap(), "work_seconds", &[]);
    assert_eq!((timing.count, timing.sum, timing.window.len()), (10_000, 10_000.0, 1000));
    let left: Vec<_> = std::fs::read_dir(parent.path().join("ictus")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".new-")), "{left:?}");
}

#[test]
fn ring_grows_again_when_the_disk_has_space() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "2m") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    timer.observe(0.0);
    let filler = parent.path().join("filler");
    let full = std::fs::write(&filler, vec![0; 4 << 20]);
    assert!(full.is_err(), "the disk is not full");
    // Other series use up the committed rest of the segment.
    let family = registry.timer("other_seconds", "", &["queue"]).unwrap();
    for queue in 0..200 {
        family.labels(&[&queue.to_string()]).unwrap().observe(1.0);
    }
    (1..2000).for_each(|number| timer.observe(f64::from(number)));
    let window = |snapshot: &Snapshot| timing(snapshot, "work_seconds", &[]).window.len();
    assert!(window(&registry.snapshot().unwrap()) < 1000);
    std::fs::remove_file(&filler).unwrap();
    // A failed growth is tried again after a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    (2000..4000).for_each(|number| timer.observe(f64::from(number)));
    let snapshot = Reader::new(parent.path()).snapshot().unwrap();
    assert_eq!(window(&snapshot), 1000);
    let timing = timing(&snapshot, "work_seconds", &[]);
    assert_eq!((timing.count, timing.sum), (4000, 3999.0 * 2000.0));
}

/// The last writer fills the window, whether its lane is in memory or in the file.
#[test]
fn lanes_in_memory_and_in_files_are_in_one_order() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "600k") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    (0..1000).for_each(|_| timer.observe(1.0));
    let family = registry.timer("other_seconds", "", &["queue"]).unwrap();
    for queue in 0..900 {
        family.labels(&[&queue.to_string()]).unwrap().observe(1.0);
    }
    let check = |value: f64| {
        for snapshot in [registry.snapshot().unwrap(), registry.local_snapshot().unwrap()] {
            let window = timing(&snapshot, "work_seconds", &[]).window;
            assert_eq!((window.quantile(0.0), window.last()), (Some(value), Some(value)));
        }
    };
    // The thread's lane does not fit into the file.
    std::thread::scope(|scope| {
        scope.spawn(|| (0..1000).for_each(|_| timer.observe(2.0)));
    });
    assert!(registry.snapshot().unwrap().health.counts.process_local_lanes > 0);
    check(2.0);
    (0..1000).for_each(|_| timer.observe(3.0));
    check(3.0);
}
