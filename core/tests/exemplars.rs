//! Exemplars from `observe_with_exemplar` to the bytes that Prometheus receives.
//!
//! The tests run in a separate process, because one of them starts this program again and kills it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, SystemTime},
};

use ictus::{
    FamilyOptions, Reader, Registry, Timer, catalog, expose,
    snapshot::{Exemplar, Timing, Value},
    surface::{Exposition, Surface, View},
};
use timing::timing;

mod timing;

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";
/// The bound between two buckets.
const BOUNDS: [f64; 1] = [0.5];

fn two_buckets() -> FamilyOptions {
    FamilyOptions::default().buckets(&BOUNDS)
}

fn timer(registry: &Registry) -> Timer {
    registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap()
}

fn ids(exemplars: &[Exemplar]) -> Vec<&str> {
    exemplars.iter().map(|exemplar| &*exemplar.trace_id).collect()
}

/// Returns a value and an id that encode the number; successive numbers alternate between the
/// buckets.
fn numbered(number: u64) -> (f64, String) {
    ((number % 2) as f64 + number as f64 / 1e15, format!("{number:x}").repeat(1 + number as usize % 6))
}

/// Returns the number that an exemplar's value encodes, or `u64::MAX` if its id encodes another
/// one.
fn stated(exemplar: &Exemplar) -> u64 {
    let number = ((exemplar.value % 1.0) * 1e15).round() as u64;
    if *exemplar.trace_id == *numbered(number).1 { number } else { u64::MAX }
}

#[test]
fn newest_exemplar_of_each_bucket_is_shown_with_its_time() {
    let registry = Registry::with_options(two_buckets());
    let timer = timer(&registry);
    assert_eq!(*timing_of_one(&registry, &timer).exemplars, []);
    let nanoseconds = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let start = nanoseconds();
    for (value, id) in [(0.25, "a"), (3.0, "b"), (0.5, "c"), (2.0, "d"), (f64::from(-0_i8), "e")] {
        timer.observe_with_exemplar(value, id);
    }
    let exemplars = timing(&registry.snapshot().unwrap(), "work_seconds", &[]).exemplars;
    assert_eq!(ids(&exemplars), ["e", "d"]);
    assert_eq!((exemplars[0].value.to_bits(), exemplars[1].value), (0.0_f64.to_bits(), 2.0));
    assert!(start <= exemplars[1].time && exemplars[1].time <= exemplars[0].time);
    assert!(exemplars[0].time <= nanoseconds());
}

fn timing_of_one(registry: &Registry, timer: &Timer) -> Timing {
    timer.observe(1.0);
    timing(&registry.snapshot().unwrap(), "work_seconds", &[])
}

#[test]
fn invalid_trace_id_drops_the_exemplar_and_records_the_observation() {
    let registry = Registry::new();
    let timer = timer(&registry);
    let longest = "é".repeat(48);
    let long = format!("{longest}x");
    for unfit in ["", &long, "a\nb", "\0", "\u{85}"] {
        timer.observe_with_exemplar(1.0, unfit);
    }
    // A rejected observation has no exemplar either.
    for value in [f64::NAN, -1.0, f64::INFINITY] {
        timer.observe_with_exemplar(value, "a");
    }
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(
        (timing(&snapshot, "work_seconds", &[]).count, &*timing(&snapshot, "work_seconds", &[]).exemplars),
        (5, &[][..])
    );
    let lost = &snapshot.health.counts;
    assert_eq!((lost.exemplars, lost.nan, lost.negative, lost.too_large), (5, 1, 1, 1));
    let text = expose::text(&Exposition::new(&snapshot, &View::default()));
    assert!(text.lines().any(|line| line == "ictus_exemplars_rejected_total 5.0"), "{text}");
    timer.observe_with_exemplar(1.0, &longest);
    assert_eq!(ids(&timing(&registry.snapshot().unwrap(), "work_seconds", &[]).exemplars), [longest]);
}

#[test]
fn stopped_measurement_has_an_exemplar() {
    let registry = Registry::new();
    let timer = timer(&registry);
    let seconds = timer.start().stop_with_exemplar("a trace");
    let timing = timing(&registry.snapshot().unwrap(), "work_seconds", &[]);
    assert_eq!((timing.count, timing.window.last()), (1, Some(seconds)));
    assert_eq!((ids(&timing.exemplars), timing.exemplars[0].value), (vec!["a trace"], seconds));
}

#[test]
fn timer_without_buckets_keeps_the_newest_exemplar() {
    let registry = Registry::with_options(FamilyOptions::default().without_distribution());
    let timer = timer(&registry);
    for (value, id) in [(1.0, "a"), (100.0, "b")] {
        timer.observe_with_exemplar(value, id);
    }
    assert_eq!(ids(&timing(&registry.snapshot().unwrap(), "work_seconds", &[]).exemplars), ["b"]);
}

#[test]
fn removed_series_drops_its_exemplars() {
    let registry = Registry::new();
    let timers = registry.timer("work_seconds", "", &[]).unwrap();
    timers.labels(&[]).unwrap().observe_with_exemplar(1.0, "a");
    assert_eq!(ids(&timing(&registry.snapshot().unwrap(), "work_seconds", &[]).exemplars), ["a"]);
    timers.remove(&[]).unwrap();
    // The new series uses the same lane.
    timers.labels(&[]).unwrap().observe(1.0);
    assert_eq!(*timing(&registry.snapshot().unwrap(), "work_seconds", &[]).exemplars, []);
    timers.labels(&[]).unwrap().observe_with_exemplar(1.0, "b");
    assert_eq!(ids(&timing(&registry.snapshot().unwrap(), "work_seconds", &[]).exemplars), ["b"]);
}

#[test]
fn exemplars_of_threads_and_processes_are_merged() {
    let directory = tempfile::tempdir().unwrap();
    let open = |options| Registry::open_with(directory.path(), options).unwrap();
    let (first, second) = (open(two_buckets()), open(two_buckets()));
    timer(&first).observe_with_exemplar(0.1, "low, first");
    timer(&second).observe_with_exemplar(1.0, "high, second");
    thread::scope(|scope| {
        scope.spawn(|| timer(&first).observe_with_exemplar(2.0, "high, another thread"));
    });
    let mut reader = Reader::new(directory.path());
    let mut exemplars = || timing(&reader.snapshot().unwrap(), "work_seconds", &[]).exemplars;
    assert_eq!(ids(&exemplars()), ["low, first", "high, another thread"]);
    // One of the snapshots folds the dead segment into the totals.
    drop(first);
    (0..3).for_each(|_| assert_eq!(ids(&exemplars()), ["low, first", "high, another thread"]));
    timer(&second).observe_with_exemplar(0.2, "low, second");
    assert_eq!(ids(&exemplars()), ["low, second", "high, another thread"]);
    // Where bounds differ, only the buckets of all processes remain: one.
    let third = open(FamilyOptions::default().buckets(&[7.0]));
    timer(&third).observe(8.0);
    assert_eq!(ids(&exemplars()), ["low, second"]);
}

#[test]
fn totals_with_fewer_buckets_than_exemplars_are_readable() {
    let directory = tempfile::tempdir().unwrap();
    let retire = || drop(Reader::new(directory.path()).snapshot().unwrap());
    let first = Registry::open(directory.path()).unwrap();
    for (value, id) in [(0.004, "a"), (0.04, "b"), (0.4, "c"), (4.0, "d")] {
        timer(&first).observe_with_exemplar(value, id);
    }
    drop(first);
    retire();
    // Only bounds that all processes have are shown: none here. The second process adds no
    // exemplar.
    let second = Registry::open_with(directory.path(), FamilyOptions::default().buckets(&[0.3])).unwrap();
    timer(&second).observe(1.0);
    drop(second);
    retire();
    let timing = timing(&Reader::new(directory.path()).snapshot().unwrap(), "work_seconds", &[]);
    assert_eq!((timing.count, ids(&timing.exemplars)), (5, vec!["d"]));
}

#[test]
fn concurrent_reader_sees_only_observed_exemplars() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open_with(directory.path(), two_buckets()).unwrap();
    let done = AtomicBool::new(false);
    let (mut seen, mut buckets, mut ahead) = (0, BTreeSet::new(), Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            let timer = timer(&registry);
            for (value, id) in (0..).map(numbered).take_while(|_| !done.load(Ordering::Relaxed)) {
                timer.observe_with_exemplar(value, &id);
            }
        });
        let mut reader = Reader::new(directory.path());
        let started = SystemTime::now();
        while seen < 3000 && started.elapsed().unwrap() < Duration::from_secs(60) {
            let snapshot = reader.snapshot().unwrap();
            let Some(Value::Timer(timing)) = snapshot.families.first().and_then(|family| family.get(&[]))
            else {
                continue;
            };
            for exemplar in &*timing.exemplars {
                // A snapshot that has an exemplar has its observation, and all earlier ones.
                ahead.extend((timing.count <= stated(exemplar)).then(|| (timing.count, exemplar.clone())));
                buckets.insert(exemplar.value > BOUNDS[0]);
                seen += 1;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(seen >= 3000 && buckets.len() == 2 && ahead.is_empty(), "{seen} in {buckets:?}: {ahead:?}");
}

/// Runs only in a process that the test below started: prints each number once its call has
/// returned.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let registry = Registry::open_with(directory, two_buckets()).unwrap();
    let timer = timer(&registry);
    for number in 1.. {
        let (value, id) = numbered(number);
        timer.observe_with_exemplar(value, &id);
        println!("observed {number}");
    }
}

#[test]
fn recorded_exemplars_survive_a_kill_at_any_instant() {
    for round in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // After three observations, both buckets have an exemplar.
        let third = lines.find(|line| line == "observed 3");
        thread::sleep(Duration::from_micros(617 * round));
        child.kill().unwrap();
        let said = third.into_iter().chain(lines);
        let said =
            said.filter_map(|line| line.strip_prefix("observed ")?.parse::<u64>().ok()).last().unwrap();
        child.wait().unwrap();
        let mut reader = Reader::new(directory.path());
        // From the segment of the dead process, then from the totals.
        for _ in 0..2 {
            let exemplars = timing(&reader.snapshot().unwrap(), "work_seconds", &[]).exemplars;
            let numbers: Vec<u64> = exemplars.iter().map(stated).collect();
            // The next exemplar, in the other bucket, may have been in progress.
            assert!(numbers.contains(&said), "round {round}: said {said}, seen {numbers:?}");
            assert!(
                numbers.iter().all(|number| (said - 1..=said + 1).contains(number)),
                "{said}: {numbers:?}"
            );
        }
    }
}

#[test]
fn openmetrics_shows_exemplars_and_text_does_not() {
    let registry = Registry::new();
    let polls = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
    // Two series that the canonical surface shows separately, and a family of the user, which is a
    // summary.
    let of = |task| polls.labels(&[task, "SUCCESS"]).unwrap();
    of("a").observe_with_exemplar(0.02, "low");
    of("a").observe_with_exemplar(1e6, "high");
    of("b").observe(0.02);
    timer(&registry).observe_with_exemplar(0.02, "summary's");
    let snapshot = registry.snapshot().unwrap();
    let mut view = View::new(&[Surface::Canonical]).unwrap();
    view.own_state = false;
    let exposition = Exposition::new(&snapshot, &view);
    let (text, openmetrics) = (expose::text(&exposition), expose::openmetrics(&exposition));
    assert!(!text.contains("trace_id"), "{text}");
    let mut with: Vec<(&str, &str)> = openmetrics.lines().filter_map(|line| line.split_once(" # ")).collect();
    assert_eq!(with.len(), 2, "{openmetrics}");
    let Some(Value::Timer(timing)) =
        snapshot.family(catalog::TASK_POLL_TIME.name).unwrap().get(&["SUCCESS", "a"])
    else {
        panic!()
    };
    for exemplar in &*timing.exemplars {
        let (line, shown) = with.remove(0);
        let (seconds, rest) = (exemplar.time / 1_000_000_000, exemplar.time % 1_000_000_000);
        let (id, value) = match &*exemplar.trace_id {
            "low" => ("low", "0.02"),
            other => (other, "1e+06"),
        };
        assert_eq!(shown, format!("{{trace_id=\"{id}\"}} {value} {seconds}.{rest:09}"));
        assert!(
            line.starts_with("task_poll_time_seconds_bucket{le=\"") && line.contains("taskType=\"a\""),
            "{line}"
        );
    }
    // Without exemplars and units, the output is the text format but for its end.
    let plain: String = openmetrics
        .lines()
        .filter(|line| !line.starts_with("# UNIT "))
        .map(|line| format!("{}\n", line.split(" # {").next().unwrap()))
        .collect();
    assert_eq!(plain, format!("{text}# EOF\n"));
}
