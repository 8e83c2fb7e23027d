//! Removal of series: the shown series, the memory that becomes free, and threads that use a series
//! meanwhile.
//!
//! The tests run in a separate process, because one of them measures its memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use ictus::{
    FamilyOptions, Reader, Registry, Snapshot, Timer,
    snapshot::{Timing, Value},
};
use proptest::prelude::*;

/// Returns all shown series of a family, by their one label.
fn shown(snapshot: &Snapshot, family: &str) -> BTreeMap<String, Value> {
    let family = snapshot.families.iter().find(|shown| shown.name == family);
    let series = family.into_iter().flat_map(|family| &family.series);
    series.map(|series| (series.labels[0].clone(), series.value.clone())).collect()
}

fn timing(value: &Value) -> &Timing {
    match value {
        Value::Timer(timing) => timing,
        other => panic!("no timer but {other:?}"),
    }
}

fn values(timing: &Timing) -> Vec<f64> {
    timing.window.observations().iter().map(|one| one.value).collect()
}

#[test]
fn removed_series_is_absent_and_restarts_at_zero() {
    let directory = tempfile::tempdir().unwrap();
    for registry in [Registry::new(), Registry::open(directory.path()).unwrap()] {
        let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
        let counters = registry.counter("jobs", "", &["x"]).unwrap();
        let gauges = registry.gauge("active", "", &["x"]).unwrap();
        for round in 1..5 {
            let (timer, counter, gauge) = (
                timers.labels(&["a"]).unwrap(),
                counters.labels(&["a"]).unwrap(),
                gauges.labels(&["a"]).unwrap(),
            );
            (0..round * 500).for_each(|value| timer.observe(f64::from(value)));
            counter.add(f64::from(round));
            gauge.set(f64::from(round));
            let snapshot = registry.snapshot().unwrap();
            let shown_timer = shown(&snapshot, "work_seconds");
            let timing = timing(&shown_timer["a"]);
            assert_eq!(timing.count, (round * 500) as u64);
            assert_eq!(timing.sum, (0..round * 500).map(f64::from).sum::<f64>());
            assert_eq!(
                values(timing),
                ((round * 500 - 1000).max(0)..round * 500).map(f64::from).collect::<Vec<_>>()
            );
            assert_eq!(timing.distribution.count(), timing.count);
            let all: u64 = timing.distribution.exponential.values().sum();
            assert_eq!(all + timing.distribution.zero, timing.count);
            assert_eq!(shown(&snapshot, "jobs")["a"], Value::Counter(f64::from(round)));
            assert_eq!(shown(&snapshot, "active")["a"], Value::Gauge(f64::from(round)));
            assert!(timers.remove(&["a"]).unwrap() && counters.remove(&["a"]).unwrap());
            assert!(gauges.remove(&["a"]).unwrap() && !gauges.remove(&["a"]).unwrap());
            assert_eq!(registry.snapshot().unwrap().families, []);
            // Handles of removed series record nothing, and the health counter counts the rejected
            // calls.
            let rejected = registry.snapshot().unwrap().health.counts.removed;
            timer.observe(1.0);
            counter.inc();
            gauge.set(7.0);
            gauge.add(7.0);
            let snapshot = registry.snapshot().unwrap();
            assert_eq!((snapshot.families.len(), snapshot.health.counts.removed), (0, rejected + 4));
        }
    }
}

#[test]
fn removal_frees_a_slot_and_keeps_the_overflow_series() {
    let registry = Registry::with_options(FamilyOptions::default().max_series(2));
    let jobs = registry.counter("jobs", "", &["x"]).unwrap();
    ["a", "b", "c"].iter().for_each(|x| jobs.labels(&[x]).unwrap().inc());
    assert!(!jobs.remove(&[ictus::OVERFLOW]).unwrap());
    assert!(!jobs.remove(&["c"]).unwrap());
    jobs.remove(&["a", "b"]).unwrap_err();
    assert!(jobs.remove(&["a"]).unwrap());
    jobs.labels(&["d"]).unwrap().inc();
    jobs.labels(&["e"]).unwrap().inc();
    let shown = shown(&registry.snapshot().unwrap(), "jobs");
    let expected = [("b", 1.0), ("d", 1.0), (ictus::OVERFLOW, 2.0)];
    assert_eq!(shown, expected.map(|(x, count)| (x.to_owned(), Value::Counter(count))).into());
}

fn live_and_die(directory: &Path, value: f64) {
    let registry = Registry::open(directory).unwrap();
    let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
    ["a", "b"].iter().for_each(|x| timers.labels(&[x]).unwrap().observe(value));
}

#[test]
fn removal_covers_ended_processes_and_no_other_live_ones() {
    let directory = tempfile::tempdir().unwrap();
    live_and_die(directory.path(), 1.0);
    let mut reader = Reader::new(directory.path());
    reader.snapshot().unwrap();
    // The series is in the totals, in a segment not yet retired, in this process, and in another
    // one.
    live_and_die(directory.path(), 2.0);
    let (own, other) = (Registry::open(directory.path()).unwrap(), Registry::open(directory.path()).unwrap());
    for (registry, value) in [(&own, 4.0), (&other, 8.0)] {
        let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
        ["a", "b"].iter().for_each(|x| timers.labels(&[x]).unwrap().observe(value));
    }
    let sums = |reader: &mut Reader| {
        let shown = shown(&reader.snapshot().unwrap(), "work_seconds");
        shown.iter().map(|(x, value)| (x.clone(), timing(value).sum)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(sums(&mut reader), [("a".to_owned(), 15.0), ("b".to_owned(), 15.0)].into());
    assert!(own.timer("work_seconds", "", &["x"]).unwrap().remove(&["a"]).unwrap());
    assert_eq!(sums(&mut reader), [("a".to_owned(), 8.0), ("b".to_owned(), 15.0)].into());
    drop((own, other));
    for _ in 0..3 {
        assert_eq!(sums(&mut reader), [("a".to_owned(), 8.0), ("b".to_owned(), 15.0)].into());
    }
    let after = Registry::open(directory.path()).unwrap();
    assert!(after.timer("work_seconds", "", &["x"]).unwrap().remove(&["a"]).unwrap());
    assert_eq!(sums(&mut reader), [("b".to_owned(), 15.0)].into());
    assert!(!after.timer("work_seconds", "", &["x"]).unwrap().remove(&["a"]).unwrap());
}

/// Returns the resident memory of this process in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn segment_bytes(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory.join("ictus")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn successive_series_take_the_memory_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
    let counters = registry.counter("jobs", "", &["x"]).unwrap();
    let gauges = registry.gauge("active", "", &["x"]).unwrap();
    let mut reader = Reader::new(directory.path());
    let (mut bytes, mut memory) = (0, 0);
    for round in 0..20_000 {
        if round == 1000 {
            (bytes, memory) = (segment_bytes(directory.path()), resident());
        }
        let x = round.to_string();
        let timer = timers.labels(&[&x]).unwrap();
        // Now and then, fill a whole ring and many pages of buckets.
        let count = if round % 50 == 0 { 1500 } else { 3 };
        (0..count).for_each(|value| timer.observe(f64::from(value) * 1.7));
        counters.labels(&[&x]).unwrap().inc();
        gauges.labels(&[&x]).unwrap().set(1.0);
        if round % 100 == 0 {
            let snapshot = reader.snapshot().unwrap();
            assert_eq!(snapshot.families.len(), 3);
            assert!(snapshot.families.iter().all(|family| family.series.len() == 1));
            assert_eq!(timing(&shown(&snapshot, "work_seconds")[&x]).count, count as u64);
        }
        assert!(timers.remove(&[&x]).unwrap());
        assert!(counters.remove(&[&x]).unwrap());
        assert!(gauges.remove(&[&x]).unwrap());
    }
    assert_eq!(segment_bytes(directory.path()), bytes, "the segment grew");
    // Other tests of this file run concurrently.
    let grown = resident().saturating_sub(memory);
    assert!(grown < 24 << 20, "{grown} bytes more");
}

/// The next step of a thread.
#[derive(Clone, Debug)]
enum Step {
    Observe { thread: usize, series: usize, count: u32 },
    Remove { series: usize },
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..THREADS, 0..5usize, prop_oneof![1..5u32, 60..70u32, 990..1100u32])
            .prop_map(|(thread, series, count)| Step::Observe { thread, series, count }),
        2 => (0..5usize).prop_map(|series| Step::Remove { series }),
        2 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..60)
}

const THREADS: usize = 3;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn random_sequences_show_the_observations_since_the_removal(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::open(directory.path()).unwrap();
        let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
        let counters = registry.counter("jobs", "", &["x"]).unwrap();
        let mut reader = Reader::new(directory.path());
        let mut expected: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| {
                let (todo, told) = mpsc::channel::<(String, Vec<f64>)>();
                let (did, done) = mpsc::channel::<()>();
                let (timers, counters) = (timers.clone(), counters.clone());
                scope.spawn(move || {
                    // Handles of removed series stay with the thread, as host programs keep them.
                    let mut handles = HashMap::new();
                    for (x, values) in told {
                        let new = timers.labels(&[&x]).unwrap();
                        values.iter().for_each(|&value| new.observe(value));
                        counters.labels(&[&x]).unwrap().add(values.len() as f64);
                        handles.insert((x, handles.len()), new);
                        did.send(()).unwrap();
                    }
                });
                (todo, done)
            }).collect();
            let mut next = 0.0;
            for step in steps {
                match step {
                    Step::Observe { thread, series, count } => {
                        let values: Vec<f64> = (0..count).map(|value| next + f64::from(value)).collect();
                        next += f64::from(count);
                        let x = series.to_string();
                        expected.entry(x.clone()).or_default().extend(&values);
                        threads[thread].0.send((x, values)).unwrap();
                        threads[thread].1.recv().unwrap();
                    }
                    Step::Remove { series } => {
                        let x = series.to_string();
                        let was_there = expected.remove(&x).is_some();
                        assert_eq!(timers.remove(&[&x]).unwrap(), was_there);
                        assert_eq!(counters.remove(&[&x]).unwrap(), was_there);
                    }
                    Step::Look => {}
                }
                for snapshot in [reader.snapshot().unwrap(), registry.snapshot().unwrap()] {
                    let seen = shown(&snapshot, "work_seconds");
                    let counted = shown(&snapshot, "jobs");
                    assert!(seen.keys().eq(expected.keys()) && counted.keys().eq(expected.keys()));
                    for (x, made) in &expected {
                        let timing = timing(&seen[x]);
                        assert_eq!(timing.count, made.len() as u64);
                        assert_eq!(timing.sum, made.iter().sum::<f64>());
                        assert_eq!(values(timing), made[made.len().saturating_sub(1000)..]);
                        assert_eq!(timing.distribution.count(), timing.count);
                        assert_eq!(counted[x], Value::Counter(made.len() as f64));
                    }
                }
            }
        });
        // Retirement folds the remaining data, and nothing else.
        drop((registry, timers, counters));
        for _ in 0..2 {
            let seen = shown(&reader.snapshot().unwrap(), "work_seconds");
            prop_assert!(seen.keys().eq(expected.keys()));
            for (x, made) in &expected {
                prop_assert_eq!(timing(&seen[x]).count, made.len() as u64);
            }
        }
    }
}

/// Threads create, observe and remove series as fast as they can, on lanes that move from one
/// series to another. Each value encodes its series, so a reader would notice a value of another
/// series.
#[test]
fn reader_concurrent_with_removals_never_mixes_series() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timers =
        registry.timer_with("work_seconds", "", &["x"], &FamilyOptions::default().window(100)).unwrap();
    let counters = registry.counter("jobs", "", &["x"]).unwrap();
    let gauges = registry.gauge("active", "", &["x"]).unwrap();
    let done = AtomicBool::new(false);
    const ROUNDS: usize = 4000;
    const SCALE: usize = 1 << 20;
    thread::scope(|scope| {
        let done = &done;
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reader = Reader::new(directory.path());
                    let (mut seen, mut reads) = (0, 0);
                    while !done.load(Ordering::Acquire) {
                        let snapshot = reader.snapshot().unwrap();
                        assert_eq!(snapshot.health.bad_segments, 0);
                        for (x, value) in shown(&snapshot, "work_seconds") {
                            let (of, timing) = (x.parse::<usize>().unwrap(), timing(&value));
                            let count = timing.count as usize;
                            assert_eq!(timing.window.len(), count.min(100));
                            assert_eq!(
                                timing.sum,
                                (count * of * SCALE + count * count.saturating_sub(1) / 2) as f64
                            );
                            for (index, value) in (count - timing.window.len()..).zip(values(timing)) {
                                assert_eq!(value as usize, of * SCALE + index, "a value of another series");
                            }
                            seen += 1;
                        }
                        for (x, value) in shown(&snapshot, "jobs") {
                            let of = x.parse::<usize>().unwrap() as f64;
                            assert!(
                                value == Value::Counter(of) || value == Value::Counter(0.0),
                                "{of}: {value:?}"
                            );
                        }
                        for (x, value) in shown(&snapshot, "active") {
                            let of = x.parse::<usize>().unwrap() as f64;
                            assert!(
                                value == Value::Gauge(of) || value == Value::Gauge(0.0),
                                "{of}: {value:?}"
                            );
                        }
                        reads += 1;
                    }
                    (seen, reads)
                })
            })
            .collect();
        let writers: Vec<_> = (0..2)
            .map(|thread| {
                let (timers, counters, gauges) = (timers.clone(), counters.clone(), gauges.clone());
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let of = 1 + thread + 2 * (round % 1000);
                        let x = of.to_string();
                        let timer = timers.labels(&[&x]).unwrap();
                        counters.labels(&[&x]).unwrap().add(of as f64);
                        gauges.labels(&[&x]).unwrap().set(of as f64);
                        (0..round % 300).for_each(|index| timer.observe((of * SCALE + index) as f64));
                        timers.remove(&[&x]).unwrap();
                        counters.remove(&[&x]).unwrap();
                        gauges.remove(&[&x]).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Release);
        let seen: usize = readers.into_iter().map(|reader| reader.join().unwrap().0).sum();
        assert!(seen > 100, "only {seen} series were seen");
    });
    assert_eq!(registry.snapshot().unwrap().families, []);
}

/// One thread removes series while others use existing and new handles.
#[test]
fn observation_during_a_removal_reaches_no_other_series() {
    let registry = Registry::new();
    let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
    let witness = timers.labels(&["witness"]).unwrap();
    let current: Mutex<Timer> = Mutex::new(timers.labels(&["a"]).unwrap());
    let done = AtomicBool::new(false);
    let witnessed: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = 0;
                    while !done.load(Ordering::Acquire) {
                        let timer = current.lock().unwrap().clone();
                        for _ in 0..200 {
                            timer.observe(1.0);
                            witness.observe(2.0);
                            own += 1;
                        }
                    }
                    own
                })
            })
            .collect();
        for _ in 0..3000 {
            timers.remove(&["a"]).unwrap();
            *current.lock().unwrap() = timers.labels(&["a"]).unwrap();
            // Create lanes that reuse those of removed series.
            timers.labels(&["b"]).unwrap().observe(3.0);
            timers.remove(&["b"]).unwrap();
        }
        done.store(true, Ordering::Release);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    let shown = shown(&registry.snapshot().unwrap(), "work_seconds");
    let witness = timing(&shown["witness"]);
    assert_eq!((witness.count, witness.sum), (witnessed, 2.0 * witnessed as f64));
    if let Some(value) = shown.get("a") {
        assert!(values(timing(value)).iter().all(|&value| value == 1.0));
    }
    assert!(!shown.contains_key("b"));
}

/// Opens two registries of one directory, which stand for two processes.
fn pair(directory: &Path, idle: Duration) -> [Registry; 2] {
    let options = FamilyOptions::default().expire_after(idle);
    [(); 2].map(|()| Registry::open_with(directory, options.clone()).unwrap())
}

#[test]
fn idle_series_expire_and_their_handles_revive_them() {
    const IDLE: Duration = Duration::from_millis(1200);
    let directory = tempfile::tempdir().unwrap();
    let [own, other] = pair(directory.path(), IDLE);
    let of = |registry: &Registry, x: &str| {
        let labels = [x];
        (
            registry.timer("work_seconds", "", &["x"]).unwrap().labels(&labels).unwrap(),
            registry.counter("jobs", "", &["x"]).unwrap().labels(&labels).unwrap(),
            registry.gauge("active", "", &["x"]).unwrap().labels(&labels).unwrap(),
        )
    };
    let move_all = |(timer, counter, gauge): &(Timer, ictus::Counter, ictus::Gauge), value| {
        timer.observe(value);
        counter.inc();
        gauge.set(value);
    };
    let (idle, busy, others) = (of(&own, "idle"), of(&own, "busy"), of(&other, "busy"));
    [&idle, &busy, &others].into_iter().for_each(|handles| move_all(handles, 1.0));
    let mut reader = Reader::new(directory.path());
    let names = |snapshot: &Snapshot| {
        ["work_seconds", "jobs", "active"]
            .map(|family| shown(snapshot, family).into_keys().collect::<Vec<_>>())
    };
    assert_eq!(names(&reader.snapshot().unwrap()), [["busy", "idle"]; 3]);
    assert_eq!(names(&own.snapshot().unwrap()), [["busy", "idle"]; 3]);
    // Only the other process updates the shared series.
    for round in 0..8 {
        thread::sleep(IDLE / 4);
        move_all(&others, 2.0 + f64::from(round));
        let snapshots = [reader.snapshot().unwrap(), own.snapshot().unwrap()];
        if round >= 5 {
            snapshots.iter().for_each(|snapshot| assert_eq!(names(snapshot), [["busy"]; 3]));
        }
        let counts = shown(&snapshots[1], "jobs");
        assert_eq!(counts["busy"], Value::Counter(f64::from(round) + 3.0), "what is shared stays whole");
    }
    // The segment has not grown: new series reuse the lanes of expired ones.
    let bytes = segment_bytes(directory.path());
    move_all(&of(&own, "new"), 1.0);
    move_all(&idle, 5.0);
    assert_eq!(segment_bytes(directory.path()), bytes);
    for snapshot in [reader.snapshot().unwrap(), own.snapshot().unwrap()] {
        assert_eq!(names(&snapshot), [["busy", "idle", "new"]; 3]);
        assert_eq!(values(timing(&shown(&snapshot, "work_seconds")["idle"])), [5.0], "from zero");
        assert_eq!(shown(&snapshot, "jobs")["idle"], Value::Counter(1.0));
        assert_eq!(snapshot.health.counts.removed, 0);
    }
}

#[test]
fn series_of_ended_processes_expire_from_the_totals() {
    const IDLE: Duration = Duration::from_millis(800);
    let directory = tempfile::tempdir().unwrap();
    for registry in pair(directory.path(), IDLE) {
        registry.timer("work_seconds", "", &["x"]).unwrap().labels(&["a"]).unwrap().observe(1.0);
        registry.counter("jobs", "", &["x"]).unwrap().labels(&["a"]).unwrap().inc();
    }
    let mut reader = Reader::new(directory.path());
    // Retires the segments. While another test starts a process, this may take one more snapshot.
    for _ in 0..3 {
        assert_eq!(shown(&reader.snapshot().unwrap(), "jobs")["a"], Value::Counter(2.0));
    }
    thread::sleep(2 * IDLE);
    assert_eq!(reader.snapshot().unwrap().families, []);
    // A new reader has no cached state: the file no longer has the series.
    let mut young = Reader::new(directory.path());
    assert_eq!(young.snapshot().unwrap().families, []);
}

/// Also if that process is retired only then. Otherwise, its series would take places until the next
/// call, without the parts of this process.
#[test]
fn series_of_an_unretired_process_expire_with_those_of_this_process() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open(directory.path()).unwrap();
    let record = |registry: &Registry, label: &str| {
        registry.timer("work_seconds", "", &["x"]).unwrap().labels(&[label]).unwrap().observe(1.0);
    };
    let (ended, living) = (open(), open());
    record(&ended, "a");
    record(&living, "b");
    drop(ended);
    assert_eq!(living.remove_idle(Duration::from_nanos(1)).unwrap(), 1);
    let snapshot = Reader::new(directory.path()).without_retiring().snapshot().unwrap();
    assert_eq!(snapshot.families, []);
}

#[test]
fn retirement_of_a_segment_is_no_activity() {
    const IDLE: Duration = Duration::from_secs(2);
    let directory = tempfile::tempdir().unwrap();
    let [own, other] = pair(directory.path(), IDLE);
    for (registry, value) in [(&own, 1.0), (&other, 2.0)] {
        registry.gauge("active", "", &["x"]).unwrap().labels(&["a"]).unwrap().set(value);
    }
    let mut reader = Reader::new(directory.path());
    assert_eq!(shown(&reader.snapshot().unwrap(), "active")["a"], Value::Gauge(3.0));
    thread::sleep(IDLE / 2);
    drop(other);
    // A process that another test starts holds a copy of the lock for a moment.
    while shown(&reader.snapshot().unwrap(), "active")["a"] != Value::Gauge(1.0) {
        thread::yield_now();
    }
    // The series has been idle since it was set; the end of the other process was no update.
    thread::sleep(IDLE * 3 / 4);
    assert_eq!(reader.snapshot().unwrap().families, []);
}

#[test]
fn expiring_labels_take_bounded_memory() {
    const IDLE: Duration = Duration::from_millis(20);
    let directory = tempfile::tempdir().unwrap();
    let options = FamilyOptions::default().expire_after(IDLE).max_series(100);
    let registry = Registry::open_with(directory.path(), options).unwrap();
    let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
    let kept = timers.labels(&["kept"]).unwrap();
    let mut bytes = 0;
    for round in 0..60 {
        kept.observe(1.0);
        (0..50).for_each(|x| timers.labels(&[&format!("{round}/{x}")]).unwrap().observe(1.0));
        thread::sleep(IDLE + IDLE / 2);
        let snapshot = registry.snapshot().unwrap();
        assert_eq!(snapshot.health.counts.overflowed, 0, "round {round}");
        if round == 5 {
            bytes = segment_bytes(directory.path());
        }
    }
    assert_eq!(segment_bytes(directory.path()), bytes);
}

#[test]
fn revived_series_with_the_same_values_is_shown() {
    const IDLE: Duration = Duration::from_millis(500);
    let directory = tempfile::tempdir().unwrap();
    let [own, _] = pair(directory.path(), IDLE);
    for registry in [own, Registry::with_options(FamilyOptions::default().expire_after(IDLE))] {
        let timer = registry.timer("work_seconds", "", &["x"]).unwrap().labels(&["a"]).unwrap();
        let counter = registry.counter("jobs", "", &["x"]).unwrap().labels(&["a"]).unwrap();
        let gauge = registry.gauge("active", "", &["x"]).unwrap().labels(&["a"]).unwrap();
        for _ in 0..3 {
            timer.observe(1.0);
            counter.inc();
            gauge.set(1.0);
            assert_eq!(registry.snapshot().unwrap().families.len(), 3);
            thread::sleep(IDLE + IDLE / 4);
            assert_eq!(registry.snapshot().unwrap().families, []);
        }
    }
}

/// Values that the merge of processes adds to the overflow series stay there, whichever series is
/// removed.
#[test]
fn overflow_series_does_not_decrease_when_a_slot_becomes_free() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open_with(directory.path(), FamilyOptions::default().max_series(1)).unwrap();
    let [first, second, third] = [open(), open(), open()];
    let jobs = |registry: &Registry| registry.counter("jobs", "", &["x"]).unwrap();
    jobs(&first).labels(&["a"]).unwrap().add(1.0);
    jobs(&second).labels(&["b"]).unwrap().add(10.0);
    jobs(&third).labels(&["c"]).unwrap().add(100.0);
    let counts = || {
        let snapshot = Reader::new(directory.path()).without_retiring().snapshot().unwrap();
        let shown = shown(&snapshot, "jobs");
        let count = |label: &str| shown.get(label).cloned();
        ["a", "b", "c", ictus::OVERFLOW].map(|label| match count(label) {
            Some(Value::Counter(count)) => count,
            _ => 0.0,
        })
    };
    assert_eq!(counts(), [1.0, 0.0, 0.0, 110.0]);
    // A part of the overflow series cannot be removed, and its handles go on recording.
    assert!(!jobs(&second).remove(&["b"]).unwrap());
    jobs(&second).labels(&["b"]).unwrap().add(10.0);
    assert_eq!(counts(), [1.0, 0.0, 0.0, 120.0]);
    assert!(jobs(&first).remove(&["a"]).unwrap());
    assert_eq!(counts(), [0.0, 0.0, 0.0, 120.0]);
    drop(third);
    Reader::new(directory.path()).snapshot().unwrap();
    assert_eq!(counts(), [0.0, 0.0, 0.0, 120.0]);
    // A new series can use the freed place.
    jobs(&first).labels(&["c"]).unwrap().add(5.0);
    assert_eq!(counts(), [0.0, 0.0, 5.0, 120.0]);
    jobs(&second).labels(&["b"]).unwrap().add(1.0);
    assert_eq!(counts(), [0.0, 0.0, 5.0, 121.0]);
}

/// The record of a contribution stays in force when all other processes have ended and their families are removed.
#[test]
fn overflow_series_does_not_decrease_when_the_other_process_ends() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open_with(directory.path(), FamilyOptions::default().max_series(1)).unwrap();
    let (first, second) = (open(), open());
    let jobs = |registry: &Registry| registry.counter("jobs", "", &["x"]).unwrap();
    jobs(&first).labels(&["a"]).unwrap().add(1.0);
    jobs(&second).labels(&["b"]).unwrap().add(10.0);
    assert!(jobs(&first).remove(&["a"]).unwrap());
    drop(first);
    Reader::new(directory.path()).snapshot().unwrap();
    assert!(!jobs(&second).remove(&["b"]).unwrap(), "it is counted in the overflow series");
    let snapshot = Reader::new(directory.path()).snapshot().unwrap();
    assert_eq!(shown(&snapshot, "jobs").get(ictus::OVERFLOW), Some(&Value::Counter(10.0)));
}

/// The gauges of a process end with it. One whose segment is not retired yet takes no place either:
/// a removal must see the series that snapshots show.
#[test]
fn gauge_of_an_ended_process_takes_no_slot_during_a_removal() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open_with(directory.path(), FamilyOptions::default().max_series(1)).unwrap();
    let level = |registry: &Registry| registry.gauge("level", "", &["x"]).unwrap();
    let (ended, living) = (open(), open());
    level(&ended).labels(&["a"]).unwrap().set(1.0);
    level(&living).labels(&["b"]).unwrap().set(2.0);
    drop(ended);
    let labels = || {
        let snapshot = Reader::new(directory.path()).without_retiring().snapshot().unwrap();
        shown(&snapshot, "level").into_keys().collect::<Vec<_>>()
    };
    assert_eq!(labels(), ["b"]);
    assert!(!level(&living).remove(&["a"]).unwrap());
    assert_eq!(labels(), ["b"], "the removal of another series does not move it to the overflow series");
    level(&living).labels(&["b"]).unwrap().set(3.0);
    assert!(level(&living).remove(&["b"]).unwrap());
    assert_eq!(labels(), <[String; 0]>::default());
}

/// The limit of an ended process is smaller than that of a living one, in whose place its part of
/// the series is shown. Removing the series removes both parts.
#[test]
fn removal_moves_no_part_of_an_ended_process_to_the_overflow_series() {
    for is_retired in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let open = |limit| {
            Registry::open_with(directory.path(), FamilyOptions::default().max_series(limit)).unwrap()
        };
        let jobs = |registry: &Registry| registry.counter("jobs", "", &["x"]).unwrap();
        let (living, ended) = (open(3), open(2));
        ["a", "b", "c"].iter().for_each(|label| jobs(&living).labels(&[label]).unwrap().add(1.0));
        jobs(&ended).labels(&["c"]).unwrap().add(10.0);
        drop(ended);
        if is_retired {
            Reader::new(directory.path()).snapshot().unwrap();
        }
        assert!(jobs(&living).remove(&["c"]).unwrap());
        let snapshot = Reader::new(directory.path()).snapshot().unwrap();
        let labels: Vec<String> = shown(&snapshot, "jobs").into_keys().collect();
        assert_eq!(labels, ["a", "b"], "retired before: {is_retired}");
    }
}

/// A reader that does not retire writes nothing, whatever expires.
#[test]
fn reader_that_does_not_retire_writes_no_record_of_the_overflow_series() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let options = FamilyOptions::default().max_series(1).expire_after(Duration::from_millis(20));
        Registry::open_with(directory.path(), options).unwrap()
    };
    let [first, second] = [open(), open()];
    for (registry, label) in [(&first, "a"), (&second, "b")] {
        registry.counter("jobs", "", &["x"]).unwrap().labels(&[label]).unwrap().inc();
    }
    let mut reader = Reader::new(directory.path()).without_retiring();
    reader.snapshot().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let shown = shown(&reader.snapshot().unwrap(), "jobs");
    assert_eq!(shown.keys().map(String::as_str).collect::<Vec<_>>(), [ictus::OVERFLOW]);
    assert!(!directory.path().join("ictus/totals").exists());
    // The process that owns the series writes the record before it releases the place.
    first.remove_idle(Duration::from_nanos(1)).unwrap();
    first.remove_idle(Duration::from_nanos(1)).unwrap();
    assert!(directory.path().join("ictus/totals").exists());
}
