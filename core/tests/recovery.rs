//! Temporary failures: afterwards the directory has each observation of the meantime exactly once.
//!
//! The tests run in a separate process, because they mount file systems and start this program
//! again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod tmpfs;

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use ictus::{Counter, Gauge, Reader, Registry, Snapshot, Timer, snapshot::Value};
use tmpfs::Tmpfs;

/// The maximum duration of a recovery once its cause has passed.
const RECOVERY_TIME: Duration = Duration::from_secs(15);

/// The content of each thread's series in a snapshot: count and sum of the timer, counter, gauge.
type CountsByThread = BTreeMap<String, [f64; 4]>;

fn seen(snapshot: &Snapshot) -> CountsByThread {
    let mut seen = CountsByThread::new();
    for family in &snapshot.families {
        for series in &family.series {
            let one = seen.entry(series.labels.first().cloned().unwrap_or_default()).or_default();
            match &series.value {
                Value::Timer(timing) => (one[0], one[1]) = (timing.count as f64, timing.sum),
                Value::Counter(total) => one[2] = *total,
                Value::Gauge(state) => one[3] = *state,
                other => panic!("{other:?}"),
            }
        }
    }
    seen
}

fn read(directory: &Path) -> Snapshot {
    Reader::new(directory).snapshot().unwrap()
}

/// The series of one thread.
struct Handles {
    timer: Timer,
    counter: Counter,
    gauge: Gauge,
}

impl Handles {
    fn new(registry: &Registry, label: &str) -> Handles {
        Handles {
            timer: registry.timer("work_seconds", "", &["thread"]).unwrap().labels(&[label]).unwrap(),
            counter: registry.counter("jobs", "", &["thread"]).unwrap().labels(&[label]).unwrap(),
            gauge: registry.gauge("active", "", &["thread"]).unwrap().labels(&[label]).unwrap(),
        }
    }

    /// Records the observation with that number; numbers start at 1.
    fn record(&self, number: u64) {
        let value = number as f64;
        self.timer.observe(value);
        self.counter.add(value);
        // Every other change is relative.
        if number.is_multiple_of(2) { self.gauge.set(value) } else { self.gauge.add(1.0) }
    }
}

/// Returns the expected content after a number of observations.
fn expected(count: u64) -> [f64; 4] {
    let sum = (count * (count + 1) / 2) as f64;
    [count as f64, sum, sum, count as f64]
}

/// Waits until a reader outside of the registry sees exactly that content.
fn wait_for(directory: &Path, expected: &CountsByThread) {
    let deadline = Instant::now() + RECOVERY_TIME;
    loop {
        let shown = seen(&read(directory));
        if shown == *expected {
            return;
        }
        assert!(Instant::now() < deadline, "{shown:?} instead of {expected:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn recovery_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks
        .flatten()
        .filter(|task| fs::read_to_string(task.path().join("comm")).is_ok())
        .map(name)
        .filter(|name| name.trim() == "ictus-recover")
        .count()
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Records in several threads while `fault` happens and passes. The registry's own snapshots never
/// miss an observation or count it twice.
fn records_throughout(directory: &Path, registry: &Registry, threads: usize, fault: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    let told: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for (index, told) in told.iter().enumerate() {
            let (registry, stop) = (registry.clone(), &stop);
            scope.spawn(move || {
                let handles = Handles::new(&registry, &index.to_string());
                let local = handles.timer.local();
                let mut number = 0_u64;
                while !stop.load(Relaxed) {
                    number += 1;
                    if number.is_multiple_of(3) {
                        local.observe(number as f64);
                        handles.counter.add(number as f64);
                        if number.is_multiple_of(2) {
                            handles.gauge.set(number as f64);
                        } else {
                            handles.gauge.add(1.0);
                        }
                    } else {
                        handles.record(number);
                    }
                    told.store(number, Relaxed);
                    if number.is_multiple_of(100) {
                        thread::sleep(Duration::from_micros(100));
                    }
                }
            });
        }
        scope.spawn(|| {
            let mut last = vec![0; threads];
            // If a lane's writer is faster than every attempt to read the lane, a snapshot keeps
            // the lane's last state. On a busy machine, this may last for a few snapshots.
            let mut past = VecDeque::from(vec![vec![0; threads]; 20]);
            while !stop.load(Relaxed) {
                past.push_back(told.iter().map(|told| told.load(Relaxed)).collect());
                let least = past.pop_front().unwrap();
                let shown = seen(&registry.snapshot().unwrap());
                for (index, least) in least.into_iter().enumerate() {
                    let most = told[index].load(Relaxed) + 1;
                    let count = shown.get(&index.to_string()).map_or(0.0, |shown| shown[0]) as u64;
                    assert!((least..=most).contains(&count), "{index}: {count} is not in {least}..={most}");
                    assert!(count >= last[index]);
                    last[index] = count;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        // The threads end also if the fault panics.
        let _ending = StopOnDrop(&stop);
        fault();
    });
    let all = told.iter().enumerate().map(|(index, told)| (index.to_string(), expected(told.load(Relaxed))));
    let all = all.collect();
    wait_for(directory, &all);
    assert_eq!(seen(&registry.snapshot().unwrap()), all);
    assert_eq!(seen(&registry.local_snapshot().unwrap()), all);
}

#[test]
fn first_observation_on_a_full_disk_appears_when_it_has_space() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "64m") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let filler = parent.path().join("filler");
    fs::write(&filler, vec![0; 80 << 20]).unwrap_err();
    records_throughout(parent.path(), &registry, 4, || {
        thread::sleep(Duration::from_millis(300));
        assert!(read(parent.path()).families.is_empty());
        fs::remove_file(&filler).unwrap();
        thread::sleep(Duration::from_millis(1500));
    });
    let snapshot = read(parent.path());
    assert!(snapshot.health.counts.process_local_lanes > 0, "{:?}", snapshot.health);
    wait_until(|| recovery_threads() == 0);
}

#[test]
fn series_created_on_a_full_disk_appear_when_it_has_space() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "64m") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let early = Handles::new(&registry, "before");
    (1..=10).for_each(|number| early.record(number));
    let filler = parent.path().join("filler");
    fs::write(&filler, vec![0; 80 << 20]).unwrap_err();
    let mut all = CountsByThread::from([("before".to_owned(), expected(10))]);
    for index in 0..100 {
        let label = format!("during {index}");
        let handles = Handles::new(&registry, &label);
        (1..=1500).for_each(|number| handles.record(number));
        all.insert(label, expected(1500));
    }
    assert_eq!(seen(&registry.snapshot().unwrap()), all);
    assert!(seen(&read(parent.path())).len() < 100);
    fs::remove_file(&filler).unwrap();
    wait_for(parent.path(), &all);
    for (label, shown) in &mut all {
        let handles = Handles::new(&registry, label);
        let count = shown[0] as u64;
        (count + 1..=count + 1500).for_each(|number| handles.record(number));
        *shown = expected(count + 1500);
    }
    wait_for(parent.path(), &all);
    assert_eq!(seen(&registry.snapshot().unwrap()), all);
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + RECOVERY_TIME;
    while !is_so() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn recording_resumes_in_removed_emptied_and_renamed_directories() {
    type Fault = fn(&Path);
    let faults: [Fault; 4] = [
        |directory| {
            // A file that is created meanwhile keeps its folder.
            wait_until(|| fs::remove_dir_all(directory).is_ok() || !directory.exists());
        },
        |directory| remove_files(directory, |_| true),
        |directory| {
            let old = tempfile::tempdir_in(directory.parent().unwrap()).unwrap().keep();
            fs::rename(directory, old.join("old")).unwrap();
        },
        |directory| {
            remove_files(directory, |path| path.extension().is_some_and(|extension| extension == "seg"));
        },
    ];
    for fault in faults {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("metrics");
        let registry = Registry::open(&directory).unwrap();
        records_throughout(&directory, &registry, 3, || {
            thread::sleep(Duration::from_millis(200));
            fault(&directory);
            thread::sleep(Duration::from_millis(1500));
        });
        // Remove the directory once more, while the earlier copy may still be compared.
        fault(&directory);
        let last = Handles::new(&registry, "last");
        thread::sleep(Duration::from_millis(1100));
        last.record(1);
        registry.snapshot().unwrap();
        wait_until(|| seen(&read(&directory)).get("last") == Some(&expected(1)));
    }
}

#[test]
fn registry_dropped_before_its_recovery_writes_its_observations() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "8m") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let filler = parent.path().join("filler");
    fs::write(&filler, vec![0; 10 << 20]).unwrap_err();
    {
        let handles = Handles::new(&registry, "a");
        (1..=100).for_each(|number| handles.record(number));
    }
    fs::remove_file(&filler).unwrap();
    drop(registry);
    let mut left = expected(100);
    // The gauge of an ended process does not count.
    left[3] = 0.0;
    wait_for(parent.path(), &CountsByThread::from([("a".to_owned(), left)]));
}

#[test]
fn series_removed_after_a_recovery_is_absent_from_both_files() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "8m") else { return };
    let registry = Registry::open(parent.path()).unwrap();
    let filler = parent.path().join("filler");
    fs::write(&filler, vec![0; 10 << 20]).unwrap_err();
    let handles = ["a", "b"].map(|label| Handles::new(&registry, label));
    handles.iter().for_each(|handles| handles.record(1));
    fs::remove_file(&filler).unwrap();
    wait_for(parent.path(), &["a", "b"].map(|label| (label.to_owned(), expected(1))).into());
    registry.timer("work_seconds", "", &["thread"]).unwrap().remove(&["a"]).unwrap();
    let mut left = expected(1);
    (left[0], left[1]) = (0.0, 0.0);
    let all = [("a".to_owned(), left), ("b".to_owned(), expected(1))].into();
    wait_for(parent.path(), &all);
    assert_eq!(seen(&registry.local_snapshot().unwrap()), all);
}

/// Removes the file of a registry's segment, and waits until its records, in another file, are in
/// the totals.
fn replace_file(directory: &Path, registry: &Registry) {
    remove_files(directory, |path| path.extension().is_some_and(|extension| extension == "seg"));
    let totals = directory.join("ictus/totals");
    let thread = Handles::new(registry, "replaced");
    wait_until(|| {
        // A thread that records has left the lanes of the old segment.
        thread.record(1);
        registry.snapshot().unwrap();
        totals.exists()
    });
}

#[test]
fn series_removed_after_its_file_was_replaced_is_absent() {
    let parent = tempfile::tempdir().unwrap();
    let registry = Registry::open(parent.path()).unwrap();
    let handles = ["a", "b"].map(|label| Handles::new(&registry, label));
    handles.iter().for_each(|handles| handles.record(1));
    let mut early = Reader::new(parent.path()).without_retiring();
    assert_eq!(seen(&early.snapshot().unwrap()).len(), 2);
    replace_file(parent.path(), &registry);
    registry.timer("work_seconds", "", &["thread"]).unwrap().remove(&["a"]).unwrap();
    registry.counter("jobs", "", &["thread"]).unwrap().remove(&["a"]).unwrap();
    let gauge = [0.0, 0.0, 0.0, 1.0];
    for snapshot in [read(parent.path()), early.snapshot().unwrap(), registry.snapshot().unwrap()] {
        let seen = seen(&snapshot);
        assert_eq!((seen["a"], seen["b"]), (gauge, expected(1)));
    }
}

#[test]
fn reader_with_the_removed_file_open_counts_its_observations_once() {
    let parent = tempfile::tempdir().unwrap();
    let registry = Registry::open(parent.path()).unwrap();
    let handles = Handles::new(&registry, "a");
    handles.record(1);
    let mut early = Reader::new(parent.path()).without_retiring();
    assert_eq!(seen(&early.snapshot().unwrap())["a"], expected(1));
    replace_file(parent.path(), &registry);
    // The next retirement removes the old segment from the list of those in the totals.
    drop(Registry::open(parent.path()).unwrap().counter("jobs", "", &["thread"]).unwrap().labels(&["b"]));
    wait_until(|| {
        registry.snapshot().unwrap();
        fs::read_dir(parent.path().join("ictus")).unwrap().count() == 4
    });
    assert_eq!(seen(&early.snapshot().unwrap())["a"], expected(1));
    handles.record(2);
    assert_eq!(seen(&early.snapshot().unwrap())["a"], expected(2));
}

#[test]
fn lanes_of_a_dropped_registry_are_not_moved() {
    let parent = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(parent.path(), "8m") else { return };
    let filler = parent.path().join("filler");
    let labels: Vec<String> = (0..50).map(|label| label.to_string()).collect();
    for round in 0..3 {
        let registry = Registry::open(parent.path()).unwrap();
        fs::write(&filler, vec![0; 10 << 20]).unwrap_err();
        let handles: Vec<_> = labels.iter().map(|label| Handles::new(&registry, label)).collect();
        handles.iter().for_each(|handles| handles.record(1));
        fs::remove_file(&filler).unwrap();
        wait_for(parent.path(), &labels.iter().map(|label| (label.clone(), expected(1))).collect());
        drop((handles, registry));
        // The other registry reuses the numbers of the series, and the addresses of the segment.
        let other = Registry::new();
        let handles: Vec<_> = labels.iter().map(|label| Handles::new(&other, label)).collect();
        handles.iter().for_each(|handles| handles.record(1));
        for family in ["work_seconds", "jobs", "active"] {
            let removed = [labels[0].as_str()];
            match family {
                "work_seconds" => other.timer(family, "", &["thread"]).unwrap().remove(&removed),
                "jobs" => other.counter(family, "", &["thread"]).unwrap().remove(&removed),
                _ => other.gauge(family, "", &["thread"]).unwrap().remove(&removed),
            }
            .unwrap();
        }
        let left = labels[1..].iter().map(|label| (label.clone(), expected(1))).collect();
        assert_eq!(seen(&other.snapshot().unwrap()), left, "{round}");
        ictus::clear(parent.path()).unwrap();
    }
}

/// Runs a test of this file again in a separate process, which records into that directory.
fn in_a_process(test: &str, directory: &Path) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--test-threads=1", "--nocapture"]).env(DIRECTORY, directory);
    assert!(command.status().unwrap().success());
}

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";

fn directory_of_this_process() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(Into::into)
}

fn without_gauge(count: u64) -> CountsByThread {
    let mut left = expected(count);
    // The gauge of an ended process does not count.
    left[3] = 0.0;
    CountsByThread::from([("a".to_owned(), left)])
}

/// Removes files of the folder, apart from those that a process renames or removes meanwhile.
fn remove_files(directory: &Path, is_chosen: impl Fn(&Path) -> bool) {
    for file in fs::read_dir(directory.join("ictus")).unwrap() {
        let path = file.unwrap().path();
        if is_chosen(&path)
            && let Err(error) = fs::remove_file(&path)
        {
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{}", path.display());
        }
    }
}

fn empty(directory: &Path) {
    remove_files(directory, |_| true);
}

#[test]
fn ending_process_writes_observations_held_in_memory() {
    if let Some(directory) = directory_of_this_process() {
        let registry = Registry::open(&directory).unwrap();
        let handles = Handles::new(&registry, "a");
        (1..=100).for_each(|number| handles.record(number));
        empty(&directory);
        (101..=200).for_each(|number| handles.record(number));
        // The exit drops nothing.
        std::process::exit(0);
    }
    let parent = tempfile::tempdir().unwrap();
    in_a_process("ending_process_writes_observations_held_in_memory", parent.path());
    wait_for(parent.path(), &without_gauge(200));
}

#[test]
fn removed_directory_is_not_recreated_by_a_dropped_registry() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("metrics");
    let registry = Registry::open(&directory).unwrap();
    Handles::new(&registry, "a").record(1);
    fs::remove_dir_all(&directory).unwrap();
    drop(registry);
    assert!(!directory.exists());
}

#[test]
fn ending_process_recreates_its_removed_file() {
    if let Some(directory) = directory_of_this_process() {
        let registry = Registry::open(&directory).unwrap();
        let timer = registry.timer("work_seconds", "", &["thread"]).unwrap().labels(&["a"]).unwrap();
        timer.observe(1.0);
        empty(&directory);
        // No new series, no new thread, and no snapshot.
        (1..1_000_000).for_each(|_| timer.observe(1.0));
        std::process::exit(0);
    }
    let parent = tempfile::tempdir().unwrap();
    in_a_process("ending_process_recreates_its_removed_file", parent.path());
    assert_eq!(seen(&read(parent.path()))["a"][0], 1_000_000.0);
}

#[test]
fn windows_leave_space_for_series_created_on_a_full_disk() {
    const SERIES: usize = 300;
    let directory = tempfile::tempdir().unwrap();
    // The disk is too small for the windows of all series.
    let Some(disk) = Tmpfs::mount(directory.path(), "4m") else { return };
    let registry = Registry::open(directory.path()).unwrap();
    let jobs = registry.timer("jobs_seconds", "", &["number"]).unwrap();
    jobs.labels(&["first"]).unwrap().observe(1.0);
    let filler = directory.path().join("filler");
    fs::write(&filler, vec![0; 8 << 20]).unwrap_err();
    let series: Vec<Timer> = (0..SERIES).map(|number| jobs.labels(&[&number.to_string()]).unwrap()).collect();
    series.iter().for_each(|timer| timer.observe(1.0));
    fs::remove_file(&filler).unwrap();
    let counts = |count: u64| -> usize {
        let shown = seen(&read(directory.path()));
        shown.values().filter(|values| values[0] == count as f64).count()
    };
    let deadline = Instant::now() + RECOVERY_TIME;
    while counts(1) <= SERIES {
        assert!(Instant::now() < deadline, "{} of {SERIES} series have moved", counts(1));
        thread::sleep(Duration::from_millis(20));
    }
    for timer in &series {
        (0..1000).for_each(|_| timer.observe(1.0));
    }
    assert_eq!(counts(1001), SERIES);
    drop((series, jobs, registry));
    drop(disk);
}
