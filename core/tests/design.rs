//! The eleven guarantees on which everything else relies, one test each.
//!
//! Other tests examine each guarantee more closely. These tests also run against mutated copies of
//! the deciding code: docs/reliability.md lists the mutations and the tests that they make fail.
//!
//! The tests run in a separate process, because they fork, set limits and count allocations.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "forks, limits, an allocator")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use ictus::{
    FamilyOptions, Reader, Registry, Snapshot, Timer,
    snapshot::{Timing, Value},
};
use timing::timing;

mod counting_allocator;
mod timing;

const CHILD: &str = "ICTUS_TEST_DESIGN_CHILD";

fn timer(registry: &Registry, labels: &[&str]) -> Timer {
    let names = &["queue"][..labels.len()];
    registry.timer("work_seconds", "", names).unwrap().labels(labels).unwrap()
}

fn window(timing: &Timing) -> Vec<f64> {
    timing.window.observations().iter().map(|one| one.value).collect()
}

/// Returns distinct numbers in no order.
fn scattered(count: u64) -> impl Iterator<Item = f64> {
    (1..=count).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) as f64 / 1e15)
}

fn snapshots(directory: &Path) -> impl FnMut() -> Snapshot {
    let mut reader = Reader::new(directory);
    move || reader.snapshot().unwrap()
}

/// Takes a snapshot after all ended processes are in the totals. Other tests start processes, which
/// hold a copy of each lock for an instant.
fn retired(directory: &Path, living: usize) -> Snapshot {
    let mut snapshot = snapshots(directory);
    let segments = || {
        let entries = fs::read_dir(directory.join("ictus")).unwrap().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "seg")).count()
    };
    for _ in 0..1000 {
        let seen = snapshot();
        if segments() == living {
            return snapshot();
        }
        drop(seen);
        thread::sleep(Duration::from_millis(1));
    }
    panic!("{} segments", segments());
}

/// Runs `child` in a forked process. Returns its exit status.
fn forked(child: impl FnOnce()) -> libc::c_int {
    // SAFETY: the child runs the closure and leaves by `_exit` or a signal.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: skips destructors that belong to the parent's threads.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

#[test]
fn window_is_the_newest_observations_of_all_threads_and_processes() {
    let directory = tempfile::tempdir().unwrap();
    let options = || FamilyOptions::default().window(100);
    let registries = [(); 3].map(|()| Registry::open_with(directory.path(), options()).unwrap());
    let timers = registries.each_ref().map(|registry| timer(registry, &[]));
    let mut number = 0;
    // The threads observe in turns of unequal length.
    for turn in 0..60 {
        let timer = &timers[turn % 3];
        let next = number + 1 + turn % 7;
        let turns = number..next;
        thread::scope(|scope| {
            scope.spawn(move || turns.for_each(|number| timer.observe(number as f64)));
        });
        number = next;
    }
    let expected: Vec<f64> = (number - 100..number).map(|number| number as f64).collect();
    assert_eq!(window(&timing(&snapshots(directory.path())(), "work_seconds", &[])), expected);
    let [first, second, third] = registries;
    drop((first, timers));
    drop(second);
    assert_eq!(
        window(&timing(&retired(directory.path(), 1), "work_seconds", &[])),
        expected,
        "after two have ended"
    );
    drop(third);
    assert_eq!(
        window(&timing(&retired(directory.path(), 0), "work_seconds", &[])),
        expected,
        "after all have ended"
    );
}

#[test]
fn quantile_is_bit_equal_to_sorting_and_indexing() {
    for count in [1, 2, 3, 10, 999, 1000] {
        let registry = Registry::new();
        let timer = timer(&registry, &[]);
        let mut sorted: Vec<f64> = scattered(count).collect();
        sorted.iter().for_each(|&value| timer.observe(value));
        sorted.sort_by(f64::total_cmp);
        let timing = timing(&registry.snapshot().unwrap(), "work_seconds", &[]);
        for q in [0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0] {
            let index = q * (sorted.len() - 1) as f64;
            let (lower, upper) = (sorted[index.floor() as usize], sorted[index.ceil() as usize]);
            let expected = if index.fract() == 0.0 { lower } else { lower + index.fract() * (upper - lower) };
            assert_eq!(
                timing.window.quantile(q).map(f64::to_bits),
                Some(expected.to_bits()),
                "{q} of {count}"
            );
        }
    }
}

#[test]
fn totals_are_exact_and_never_decrease() {
    let directory = tempfile::tempdir().unwrap();
    let mut snapshot = snapshots(directory.path());
    let mut shown: BTreeMap<Vec<String>, (u64, f64)> = BTreeMap::new();
    let (mut count, mut living) = (0_u64, Vec::new());
    // More series than the limit, in processes that begin and end in turn.
    for process in 0..8 {
        let options = FamilyOptions::default().max_series(3);
        let registry = Registry::open_with(directory.path(), options).unwrap();
        for queue in ["a", "b", "c", "d", "e"].iter().cycle().skip(process).take(3) {
            let timer = timer(&registry, &[queue]);
            (0..100).for_each(|_| timer.observe(0.1));
            count += 100;
        }
        living.push(registry);
        if process % 3 == 2 {
            // End another process than the oldest, too.
            living.remove(1);
            living.remove(0);
        }
        for _ in 0..2 {
            let seen = snapshot();
            let series = &seen.family("work_seconds").unwrap().series;
            let now: BTreeMap<Vec<String>, (u64, f64)> = series
                .iter()
                .map(|one| match &one.value {
                    Value::Timer(timing) => (one.labels.to_vec(), (timing.count, timing.sum)),
                    other => panic!("{other:?}"),
                })
                .collect();
            for (labels, previous) in &shown {
                let now = now.get(labels).copied().unwrap_or_default();
                assert!(now >= *previous, "{labels:?} fell from {previous:?} to {now:?}");
            }
            assert_eq!(now.values().map(|(count, _)| count).sum::<u64>(), count);
            let sum: f64 = now.values().map(|(_, sum)| sum).sum();
            assert!((sum / (count as f64 * 0.1) - 1.0).abs() < 1e-12, "{sum}");
            shown = now;
        }
    }
}

#[test]
fn recording_neither_allocates_nor_waits() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let (timer, counter) = (timer(&registry, &[]), registry.counter("jobs", "", &[]).unwrap());
    let counter = counter.labels(&[]).unwrap();
    // First the ring grows to its full length, and the buckets are created.
    (0..3000).for_each(|_| timer.observe(0.5));
    // Another process holds the directory's lock, and a reader reads.
    let lock = fs::File::create(directory.path().join("ictus/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut reader = Reader::new(directory.path());
            while !is_over.load(Ordering::Relaxed) {
                reader.snapshot().unwrap();
            }
        });
        let (begun, allocations_at_start) = (Instant::now(), counting_allocator::allocations());
        for _ in 0..100_000 {
            timer.observe(0.5);
            counter.inc();
        }
        let allocated = counting_allocator::allocations() - allocations_at_start;
        // A new series in another process does not wait either.
        let other = Registry::open(directory.path()).unwrap();
        other.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(allocated, 0);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    });
}

#[test]
fn recorded_observations_survive_an_immediate_kill() {
    let directory = tempfile::tempdir().unwrap();
    for process in 1..=3_u64 {
        let registry = Registry::open(directory.path()).unwrap();
        let timers = timer(&registry, &[]);
        let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
        let status = forked(|| {
            for number in 0..77 {
                timers.observe(f64::from(number));
                jobs.add(1.0);
            }
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        });
        assert!(libc::WIFSIGNALED(status));
        drop((timers, jobs, registry));
        let seen = retired(directory.path(), 0);
        let timing = timing(&seen, "work_seconds", &[]);
        assert_eq!((timing.count, timing.window.last()), (77 * process, Some(76.0)));
        let jobs = seen.family("jobs").unwrap().get(&[]).cloned();
        assert_eq!(jobs, Some(Value::Counter(77.0 * process as f64)));
    }
}

#[test]
fn damaged_byte_shows_no_wrong_number() {
    let directory = tempfile::tempdir().unwrap();
    let sound = Registry::open(directory.path()).unwrap();
    timer(&sound, &["sound"]).observe(1.0);
    let ended = Registry::open(directory.path()).unwrap();
    scattered(20).for_each(|value| timer(&ended, &["ended"]).observe(value));
    drop(ended);
    let expected = timing(&retired(directory.path(), 1), "work_seconds", &["ended"]);
    let path = directory.path().join("ictus/totals");
    let totals = fs::read(&path).unwrap();
    for at in 0..totals.len() {
        let mut damaged = totals.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, damaged).unwrap();
        let seen = Reader::new(directory.path()).without_retiring().snapshot().unwrap();
        assert_eq!(timing(&seen, "work_seconds", &["sound"]).count, 1, "byte {at}");
        let shown = seen.family("work_seconds").unwrap().get(&["ended"]).cloned();
        if let Some(Value::Timer(shown)) = shown {
            assert_eq!((shown.count, shown.sum), (expected.count, expected.sum), "byte {at}");
        }
    }
}

#[test]
fn invalid_input_is_counted_and_not_recorded() {
    let registry = Registry::new();
    let timer = timer(&registry, &[]);
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    let limit = (1_u128 << 94) as f64;
    for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-300, limit, f64::MAX] {
        timer.observe(bad);
        jobs.add(bad);
    }
    timer.observe(-0.0);
    timer.observe(limit.next_down());
    let snapshot = registry.snapshot().unwrap();
    let (timing, lost) = (timing(&snapshot, "work_seconds", &[]), &snapshot.health.counts);
    assert_eq!((timing.count, window(&timing)), (2, vec![0.0, limit.next_down()]));
    assert_eq!(snapshot.family("jobs").unwrap().get(&[]), Some(&Value::Counter(0.0)));
    assert_eq!((lost.nan, lost.negative, lost.too_large), (4, 4, 6));
}

#[test]
fn series_beyond_the_limit_share_the_overflow_series() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Registry::open_with(directory.path(), FamilyOptions::default().max_series(4)).unwrap();
    let queues: Vec<String> = (0..10).map(|queue| queue.to_string()).collect();
    let record = |registry: &Registry, queues: &[String]| {
        queues.iter().for_each(|queue| timer(registry, &[queue]).observe(1.0));
    };
    let check = |snapshot: &Snapshot, observed: u64, when: &str| {
        let series = &snapshot.family("work_seconds").unwrap().series;
        assert_eq!(series.len(), 5, "{when}: {series:?}");
        let own: u64 = queues[..4].iter().map(|queue| timing(snapshot, "work_seconds", &[queue]).count).sum();
        let over = timing(snapshot, "work_seconds", &["ictus_overflow"]).count;
        assert_eq!(own + over, observed, "{when}");
        assert!(queues[4..].iter().all(|queue| series.iter().all(|one| one.labels[0] != *queue)), "{when}");
    };
    let first = open();
    record(&first, &queues);
    check(&first.snapshot().unwrap(), 10, "one process");
    let second = open();
    record(&second, &queues[6..]);
    check(&snapshots(directory.path())(), 14, "where processes are merged");
    drop((first, second));
    check(&retired(directory.path(), 0), 14, "in the totals");
    let third = open();
    record(&third, &queues[5..]);
    check(&snapshots(directory.path())(), 19, "with the totals");
    // Ended threads leave their lanes to other threads.
    let bytes = || {
        fs::metadata(
            fs::read_dir(directory.path().join("ictus"))
                .unwrap()
                .flatten()
                .find(|entry| entry.path().extension().is_some_and(|extension| extension == "seg"))
                .unwrap()
                .path(),
        )
        .unwrap()
        .len()
    };
    let bytes_at_start = bytes();
    for _ in 0..300 {
        thread::scope(|scope| _ = scope.spawn(|| timer(&third, &["0"]).observe(1.0)));
    }
    assert!(bytes() - bytes_at_start <= 256 << 10, "{} bytes more", bytes() - bytes_at_start);
}

/// Runs only where the test below starts it, in a separate process.
#[test]
fn child_with_a_limited_disk() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let limit = libc::rlimit { rlim_cur: 600 << 10, rlim_max: 600 << 10 };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    let registry = Registry::open(directory).unwrap();
    let queues: Vec<String> = (0..100).map(|queue| queue.to_string()).collect();
    timer(&registry, &["0"]).observe(0.0);
    for queue in &queues[1..] {
        let timer = timer(&registry, &[queue]);
        (0..3000).for_each(|_| timer.observe(1.0));
    }
    let first = timer(&registry, &["0"]);
    (1..3000).for_each(|number| first.observe(f64::from(number)));
    let snapshot = registry.snapshot().unwrap();
    for queue in &queues {
        assert_eq!(timing(&snapshot, "work_seconds", &[queue]).count, 3000, "{queue}");
    }
    let short = timing(&snapshot, "work_seconds", &["0"]);
    let newest: Vec<f64> = (3000 - short.window.len()..3000).map(|number| number as f64).collect();
    assert_eq!((window(&short), short.sum), (newest, 2999.0 * 1500.0));
    let lost = &snapshot.health.counts;
    assert!(lost.truncated_windows > 0 && lost.process_local_lanes > 0 && lost.no_memory == 0, "{lost:?}");
}

#[test]
fn full_disk_shortens_windows_and_loses_no_total() {
    let directory = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_with_a_limited_disk", "--test-threads=1", "--nocapture"])
        .env(CHILD, directory.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
}

#[test]
fn forked_child_has_its_own_segment() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = timer(&registry, &[]);
    let active = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    (0..10).for_each(|_| timer.observe(1.0));
    active.set(1.0);
    let status = forked(|| {
        (0..10).for_each(|_| timer.observe(1.0));
        active.set(5.0);
        let seen = snapshots(directory.path())();
        assert_eq!(timing(&seen, "work_seconds", &[]).count, 20);
        assert_eq!(seen.family("active").unwrap().get(&[]), Some(&Value::Gauge(6.0)));
        assert_eq!(seen.health.live_segments, 2);
    });
    assert_eq!(status, 0);
    timer.observe(1.0);
    let seen = snapshots(directory.path())();
    assert_eq!((timing(&seen, "work_seconds", &[]).count, seen.health.counts.reentered), (21, 0));
    assert_eq!(
        seen.family("active").unwrap().get(&[]),
        Some(&Value::Gauge(1.0)),
        "the child's has ended with it"
    );
}

#[test]
fn reader_finishes_despite_a_concurrent_writer() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = timer(&registry, &[]);
    timer.observe(0.0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0.0;
            while !is_over.load(Ordering::Relaxed) {
                number += 1.0;
                timer.observe(number);
            }
        });
        let mut previous = snapshots(directory.path());
        for round in 0..300 {
            let begun = Instant::now();
            let seen = if round % 2 == 0 { previous() } else { snapshots(directory.path())() };
            let took = begun.elapsed();
            let timing = timing(&seen, "work_seconds", &[]);
            let newest = timing.count - 1;
            let expected: Vec<f64> = ((newest + 1).saturating_sub(1000)..=newest).map(|n| n as f64).collect();
            let is_exact = window(&timing) == expected;
            if !is_exact || took > Duration::from_secs(2) || seen.health.unread_lanes > 0 {
                is_over.store(true, Ordering::Relaxed);
                panic!("round {round}: exact {is_exact}, {took:?}, {:?}", seen.health);
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
