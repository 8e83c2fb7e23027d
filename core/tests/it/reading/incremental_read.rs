//! An incremental reader compared with a new one: both return the same snapshot, whatever processes
//! recorded, removed and left behind in between.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use ictus::{
    FamilyOptions, Reader, Registry, Snapshot, Stamp,
    snapshot::{Family, Value},
};
use proptest::prelude::*;

const THREADS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// With `tie`, all observations have one timestamp.
    Observe {
        process: usize,
        thread: usize,
        series: usize,
        count: usize,
        tie: bool,
    },
    Count {
        process: usize,
        thread: usize,
        series: usize,
        by: u8,
    },
    Set {
        process: usize,
        series: usize,
        to: f64,
    },
    Remove {
        process: usize,
        series: usize,
    },
    /// The process dies; the next one with its number has other options. With `lost`, its segment
    /// is removed, together with the data in it.
    Die {
        process: usize,
        lost: bool,
    },
    /// Another reader retires dead segments.
    Retire,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (process, thread, series) = (0..3_usize, 0..THREADS, 0..5_usize);
    let step = prop_oneof![
        12 => (process.clone(), thread.clone(), series.clone(), prop_oneof![6 => 1..4_usize, 1 => 5..40_usize, 1 => 60..140_usize], any::<bool>())
            .prop_map(|(process, thread, series, count, tie)| Step::Observe { process, thread, series, count, tie }),
        3 => (process.clone(), thread, series.clone(), any::<u8>())
            .prop_map(|(process, thread, series, by)| Step::Count { process, thread, series, by }),
        3 => (process.clone(), series.clone(), -1e3..1e3_f64)
            .prop_map(|(process, series, to)| Step::Set { process, series, to }),
        2 => (process.clone(), series).prop_map(|(process, series)| Step::Remove { process, series }),
        3 => (process, any::<bool>()).prop_map(|(process, lost)| Step::Die { process, lost }),
        1 => Just(Step::Retire),
    ];
    prop::collection::vec(step, 1..60)
}

/// Returns options that differ in the data that they keep.
fn options(birth: usize) -> FamilyOptions {
    let windows = [8, 8, 5, 30];
    let options = FamilyOptions::default().window(windows[birth % windows.len()]);
    match birth % 7 {
        3 => options.buckets(&[0.5, 1.0]),
        5 => options.max_series(3),
        _ => options,
    }
}

/// Renders a snapshot as text, without the ranks of lanes.
fn said(snapshot: &Snapshot) -> Vec<String> {
    let lost = &snapshot.health.counts;
    let families = snapshot.families.iter().flat_map(|family| {
        let Family { name, help, kind, unit, label_names, series, .. } = family;
        let head = format!("{name} {help} {kind:?} {unit:?} {label_names:?}");
        let series = series.iter().map(|series| match &series.value {
            Value::Timer(timing) => {
                let window = timing.window.observations().iter();
                let window: Vec<_> = window.map(|one| (one.epoch, one.stamp, one.value)).collect();
                let quantiles = timing.window.quantiles();
                let (count, sum, distribution) = (timing.count, timing.sum, &timing.distribution);
                let (labels, exemplars) = (&series.labels, &timing.exemplars);
                format!("{labels:?} {count} {sum:?} {window:?} {quantiles:?} {distribution:?} {exemplars:?}")
            }
            other => format!("{:?} {other:?}", series.labels),
        });
        [head].into_iter().chain(series).collect::<Vec<_>>()
    });
    families.chain([format!("{lost:?} {}", snapshot.health.unread_lanes)]).collect()
}

/// Returns the segments of a directory.
fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.join("ictus")).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).collect()
}

type Job = Box<dyn FnOnce() + Send>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn incremental_reader_equals_a_new_reader(steps in steps(), retires in any::<bool>()) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut old = if retires { Reader::new(path) } else { Reader::new(path).without_retiring() };
        let mut processes: HashMap<usize, Registry> = HashMap::new();
        let mut segments_of: HashMap<usize, PathBuf> = HashMap::new();
        let mut of_dead = Vec::new();
        let mut births = 0;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| {
                let (todo, jobs) = mpsc::channel::<Job>();
                let (did, done) = mpsc::channel();
                scope.spawn(move || {
                    for job in jobs {
                        job();
                        did.send(()).unwrap();
                    }
                });
                move |job| {
                    todo.send(job).unwrap();
                    done.recv().unwrap();
                }
            }).collect();
            let mut value = 0.0;
            for step in steps {
                let mut process = |number| {
                    processes.entry(number).or_insert_with(|| {
                        births += 1;
                        Registry::open_with(path, options(births)).unwrap()
                    }).clone()
                };
                match step.clone() {
                    Step::Observe { process: number, thread, series, count, tie } => {
                        let timers = process(number).timer("work_seconds", "", &["x"]).unwrap();
                        let timer = timers.labels(&[&series.to_string()]).unwrap();
                        let values: Vec<f64> = (0..count).map(|at| value + at as f64 / 8.0).collect();
                        value = (value + 3.7) % 100.0;
                        threads[thread](Box::new(move || {
                            let stamp = Stamp::now();
                            for (at, value) in values.into_iter().enumerate() {
                                if !tie && at % 3 == 0 {
                                    timer.observe_with_exemplar(value, &value.to_string());
                                } else {
                                    timer.observe_at(value, if tie { stamp } else { Stamp::now() });
                                }
                            }
                        }));
                    }
                    Step::Count { process: number, thread, series, by } => {
                        let counters = process(number).counter("jobs", "", &["x"]).unwrap();
                        let counter = counters.labels(&[&series.to_string()]).unwrap();
                        threads[thread](Box::new(move || counter.add(f64::from(by) / 10.0)));
                    }
                    Step::Set { process: number, series, to } => {
                        let gauges = process(number).gauge("state", "", &["x"]).unwrap();
                        gauges.labels(&[&series.to_string()]).unwrap().set(to);
                    }
                    Step::Remove { process: number, series } => {
                        let x = &series.to_string();
                        let registry = process(number);
                        registry.timer("work_seconds", "", &["x"]).unwrap().remove(&[x]).unwrap();
                        registry.counter("jobs", "", &["x"]).unwrap().remove(&[x]).unwrap();
                    }
                    Step::Die { process: number, lost } => {
                        drop(processes.remove(&number));
                        if let Some(segment) = segments_of.remove(&number) {
                            if lost {
                                // Unless the segment is already retired.
                                let _ = fs::remove_file(&segment);
                            }
                            of_dead.push(segment);
                        }
                    }
                    Step::Retire => drop(Reader::new(path).snapshot().unwrap()),
                }
                if let Step::Observe { process, .. } | Step::Count { process, .. } | Step::Set { process, .. } = step {
                    let listed: Vec<PathBuf> = segments_of.values().cloned().collect();
                    let new = segments(path).into_iter().find(|path| !listed.contains(path) && !of_dead.contains(path));
                    new.into_iter().for_each(|new| _ = segments_of.insert(process, new));
                }
                let new = Reader::new(path).without_retiring().snapshot().unwrap();
                let old = old.snapshot().unwrap();
                assert_eq!(said(&old), said(&new), "after {step:?}");
            }
        });
    }
}

/// The smallest window of a living process applies to all. When that process has ended, evicted
/// observations are back.
#[test]
fn window_grows_again_with_each_larger_limit() {
    let directory = tempfile::tempdir().unwrap();
    let mut old = Reader::new(directory.path()).without_retiring();
    let process = |window, x, observations: u32| {
        let registry =
            Registry::open_with(directory.path(), FamilyOptions::default().window(window)).unwrap();
        let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
        (0..observations).for_each(|value| timers.labels(&[x]).unwrap().observe(f64::from(value)));
        (registry, timers)
    };
    let [(_eight, of_eight), (_five, of_five)] = [process(8, "eight", 1), process(5, "five", 1)];
    drop(process(30, "dead", 20));
    let mut length = || {
        let snapshot = old.snapshot().unwrap();
        let Some(Value::Timer(timing)) = snapshot.family("work_seconds").unwrap().get(&["dead"]) else {
            panic!()
        };
        timing.window.len()
    };
    assert_eq!(length(), 5);
    // This call also retires the dead segment.
    of_five.remove(&["five"]).unwrap();
    assert_eq!(length(), 8);
    of_eight.remove(&["eight"]).unwrap();
    assert_eq!(length(), 20);
}

/// Changes that a reader missed while writers were busy are in its snapshot once the writers stop.
#[test]
fn lanes_missed_during_writes_are_read_later() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timers = registry.timer("work_seconds", "", &["x"]).unwrap();
    let mut old = Reader::new(directory.path());
    for round in 0..20 {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..2 {
                let (timer, stop) = (timers.labels(&["a"]).unwrap(), &stop);
                scope.spawn(move || {
                    let mut value = f64::from(thread);
                    while !stop.load(Ordering::Relaxed) {
                        value = (value * 1.1 + 0.001) % 50.0;
                        timer.observe(value);
                    }
                });
            }
            (0..20).for_each(|_| drop(old.snapshot().unwrap()));
            stop.store(true, Ordering::Relaxed);
        });
        let new = Reader::new(directory.path()).snapshot().unwrap();
        assert_eq!(said(&old.snapshot().unwrap()), said(&new), "in round {round}");
    }
}
