//! Extreme records and files: they hide no other series.

use std::{fs, path::PathBuf, time::Instant};

use ictus::{Reader, Registry, Snapshot, snapshot::Value};

fn value<'a>(snapshot: &'a Snapshot, family: &str) -> Option<&'a Value> {
    snapshot.family(family)?.get(&[])
}

/// Returns a registry that counted one job.
fn one_job() -> Registry {
    let registry = Registry::new();
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    registry
}

#[test]
fn label_of_megabytes_hides_no_other_series() {
    let registry = one_job();
    let errors = registry.counter("errors", "", &["message"]).unwrap();
    for length in [1 << 10, 1 << 20, 5 << 20] {
        errors.labels(&[&"x".repeat(length)]).unwrap().inc();
    }
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(value(&snapshot, "jobs"), Some(&Value::Counter(1.0)));
    // Label values longer than 64 KiB are truncated.
    let errors = snapshot.family("errors").unwrap();
    assert_eq!(errors.series.len(), 2);
    assert_eq!(errors.get(&[&"x".repeat(64 << 10)]), Some(&Value::Counter(2.0)));
}

#[test]
fn a_long_label_can_be_removed() {
    let directory = tempfile::tempdir().unwrap();
    let message = "x".repeat(1 << 20);
    let errors = |registry: &Registry| registry.counter("errors", "", &["message"]).unwrap();
    {
        let registry = Registry::open(directory.path()).unwrap();
        errors(&registry).labels(&[&message]).unwrap().inc();
    }
    let mut reader = Reader::new(directory.path());
    reader.snapshot().unwrap();
    assert_eq!(reader.snapshot().unwrap().family("errors").unwrap().series.len(), 1);
    assert!(errors(&Registry::open(directory.path()).unwrap()).remove(&[&message]).unwrap());
    assert!(reader.snapshot().unwrap().family("errors").is_none());
}

#[test]
fn labels_too_long_together_are_not_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let names: Vec<String> = (0..20).map(|number| format!("label_{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = "x".repeat(10 << 20);
    let values = [message.as_str(); 20];
    registry.gauge("state", "", &names).unwrap().labels(&values).unwrap().set(1.0);
    registry.timer("work_seconds", "", &names).unwrap().labels(&values).unwrap().observe(1.0);
    let lost = registry.snapshot().unwrap().health.counts;
    assert_eq!((lost.label_too_long, lost.no_memory, lost.process_local_lanes), (2, 0, 0));
}

#[test]
fn infinite_gauge_is_counted_as_too_large() {
    let registry = Registry::new();
    let active = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    for value in [f64::INFINITY, f64::NEG_INFINITY] {
        active.set(value);
        active.add(value);
    }
    let lost = registry.snapshot().unwrap().health.counts;
    assert_eq!((lost.too_large, lost.negative), (4, 0));
}

/// Sums that have reached the largest number are counted: they no longer grow.
#[test]
fn saturated_sums_are_counted() {
    let largest = ((1_u128 << 94) as f64).next_down();
    let directory = tempfile::tempdir().unwrap();
    let registries = [Registry::open(directory.path()).unwrap(), Registry::open(directory.path()).unwrap()];
    let timers = registries.each_ref().map(|registry| {
        let work = registry.timer("work_seconds", "", &["x"]).unwrap();
        // 64 observations move from the ring to the lane's sum.
        let timer = work.labels(&["near"]).unwrap();
        timer.observe(largest);
        (
            timer,
            work.labels(&["full"]).unwrap(),
            registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap(),
        )
    });
    let mut reader = Reader::new(directory.path());
    assert_eq!(reader.snapshot().unwrap().health.saturated_sums, 0);
    for (_, full, jobs) in &timers {
        (0..100).for_each(|_| full.observe(largest));
        jobs.add(largest);
    }
    let sums = |snapshot: &Snapshot| -> Vec<f64> {
        let series = &snapshot.family("work_seconds").unwrap().series;
        series
            .iter()
            .map(|one| if let Value::Timer(timing) = &one.value { timing.sum } else { 0.0 })
            .collect()
    };
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.health.saturated_sums, 2, "one of each family");
    assert_eq!(sums(&snapshot), [(1_u128 << 96) as f64, 2.0 * largest]);
    drop((registries, timers));
    reader.snapshot().unwrap();
    assert_eq!(reader.snapshot().unwrap().health.saturated_sums, 2, "of ended processes, too");
}

#[test]
fn label_of_many_pages_is_recorded_immediately() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let message = "x".repeat(60 << 10);
    let labels = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let errors = registry.counter("errors", "", &labels).unwrap();
    errors.labels(&[&*message; 9]).unwrap().inc();
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(snapshot.family("errors").unwrap().get(&[&*message; 9]), Some(&Value::Counter(1.0)));
}

#[test]
fn overflowing_counter_hides_no_other_series() {
    let registry = one_job();
    let bytes = registry.counter("bytes", "", &[]).unwrap().labels(&[]).unwrap();
    for _ in 0..3 {
        bytes.add(1.5e28);
    }
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(value(&snapshot, "jobs"), Some(&Value::Counter(1.0)));
    assert!(matches!(value(&snapshot, "bytes"), Some(Value::Counter(most)) if *most >= 1.5e28));
}

#[test]
fn gauge_stays_finite() {
    let registry = Registry::new();
    let active = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    active.set(f64::MAX);
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        active.set(number);
        active.add(number);
    }
    active.add(f64::MAX);
    assert_eq!(value(&registry.snapshot().unwrap(), "active"), Some(&Value::Gauge(f64::MAX)));
}

#[test]
fn negative_zero_is_observed_as_zero() {
    let registry = Registry::new();
    registry.timer("wait_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(-0.0);
    let snapshot = registry.snapshot().unwrap();
    let Some(Value::Timer(timing)) = value(&snapshot, "wait_seconds") else { panic!("{snapshot:?}") };
    assert_eq!(timing.window.last().map(f64::to_bits), Some(0));
}

/// Returns a directory with one segment of a few timers and counters, and that segment's path.
fn one_segment() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let (jobs, times) = (registry.counter("jobs", "", &["job"]), registry.timer("job_seconds", "", &["job"]));
    for job in ["a", "b", "c"] {
        jobs.as_ref().unwrap().labels(&[job]).unwrap().inc();
        let time = times.as_ref().unwrap().labels(&[job]).unwrap();
        (0..100).for_each(|n| time.observe(f64::from(n)));
    }
    let files = fs::read_dir(directory.path().join("ictus")).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.into_iter().find(|path| path.extension() == Some("seg".as_ref())).unwrap();
    (directory, segment)
}

#[test]
fn segment_with_two_names_is_read_once() {
    let (directory, segment) = one_segment();
    let name = segment.file_stem().unwrap().to_str().unwrap();
    for other in [name.to_uppercase(), format!("+{}", &name[1..])] {
        fs::write(segment.with_file_name(other + ".seg"), "").unwrap();
    }
    let snapshot = Reader::new(directory.path()).without_retiring().snapshot().unwrap();
    assert_eq!(snapshot.family("jobs").unwrap().get(&["a"]), Some(&Value::Counter(1.0)));
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[8 * at..][..8].try_into().unwrap())
}

fn set_word(bytes: &mut [u8], at: usize, to: u64) {
    bytes[8 * at..][..8].copy_from_slice(&to.to_ne_bytes());
}

#[test]
fn cyclic_blocks_take_neither_time_nor_memory() {
    let (directory, segment) = one_segment();
    let mut bytes = fs::read(&segment).unwrap();
    let root = word(&bytes, 16);
    set_word(&mut bytes, root as usize * 8, root);
    fs::write(&segment, bytes).unwrap();
    let start = Instant::now();
    assert_eq!(Reader::new(directory.path()).without_retiring().snapshot().unwrap().families, []);
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}

#[test]
fn overlapping_lanes_are_not_read() {
    let (directory, segment) = one_segment();
    let mut bytes = fs::read(&segment).unwrap();
    let first = (word(&bytes, 16) as usize + 1) * 8;
    let timer = (first..).step_by(8).find(|&lane| word(&bytes, lane + 3) > 0).unwrap();
    let lane: [u64; 8] = std::array::from_fn(|at| word(&bytes, timer + at));
    for copy in 0..63 {
        (0..8).for_each(|at| set_word(&mut bytes, first + 8 * copy + at, lane[at]));
    }
    bytes.truncate(64 << 10);
    fs::write(&segment, bytes).unwrap();
    assert_eq!(Reader::new(directory.path()).without_retiring().snapshot().unwrap().families, []);
}

#[test]
fn arbitrary_words_in_a_segment_are_refused_or_read() {
    let (directory, segment) = one_segment();
    let whole = fs::read(&segment).unwrap();
    let used = word(&whole, 24) as usize * 8;
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for _ in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=next(3) {
            // Behind the header, whose checksum would hide the rest.
            let at = if next(4) == 0 { 16 } else { 512 + next(used - 512) };
            let old = word(&bytes, at);
            let to =
                [0, 1, old.wrapping_add(1), old ^ 1 << next(64), u64::MAX, u64::MAX / 2, 1 << 63, old << 32]
                    [next(8)];
            set_word(&mut bytes, at, to);
        }
        fs::write(&segment, bytes).unwrap();
        Reader::new(directory.path()).without_retiring().snapshot().unwrap();
    }
}

#[test]
fn repeated_additions_do_not_drift() {
    let registry = Registry::new();
    let spent = registry.counter("spent", "", &[]).unwrap().labels(&[]).unwrap();
    let (mut seen, mut drifted) = (0.0, 0.0_f64);
    for round in 1..=10 {
        for _ in 0..100_000 {
            spent.add(0.1);
            drifted += 0.1;
        }
        let Some(&Value::Counter(now)) = value(&registry.snapshot().unwrap(), "spent") else { panic!() };
        assert!(now > seen);
        seen = now;
        // The exact value of a tenth as an f64, times an exact number.
        assert!((now / (0.1 * f64::from(round) * 100_000.0) - 1.0).abs() < 1e-15, "{now}");
    }
    assert!((drifted / 100_000.0 - 1.0).abs() > 1e-12, "the oracle does not drift either: {drifted}");
    // Increments that are too small to change the value one by one are not lost.
    let huge = registry.counter("huge", "", &[]).unwrap().labels(&[]).unwrap();
    huge.add(1e16);
    (0..1000).for_each(|_| huge.add(0.5));
    assert_eq!(value(&registry.snapshot().unwrap(), "huge"), Some(&Value::Counter(1e16 + 500.0)));
}
