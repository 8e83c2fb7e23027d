//! Windows of processes whose timestamps come from different clocks.
//!
//! The tests run in a separate process, because they start this program again with other clocks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it skips"
)]

mod faketime;

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use ictus::{
    FamilyOptions, Reader, Registry, Timer,
    snapshot::{Timing, Value},
};

/// Names the directory of a process that records or reads for a test.
const DIRECTORY: &str = "ICTUS_EPOCHS_DIRECTORY";
/// Another clock, as written in the file `epoch`: of a boot that is unknown to this process.
const OTHER: &str = "monotonic another-boot 1000000000 0 - 7";

fn timer(registry: &Registry) -> Timer {
    registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap()
}

fn observe(timer: &Timer, count: usize, value: f64) {
    (0..count).for_each(|_| timer.observe(value));
}

fn read(reader: &mut Reader) -> Timing {
    match reader.snapshot().unwrap().family("job_seconds").unwrap().get(&[]) {
        Some(Value::Timer(timing)) => timing.clone(),
        other => panic!("{other:?}"),
    }
}

/// Returns count, median and newest observation. A new reader and one with cached state must agree
/// on them.
fn window(directory: &Path, reader: &mut Reader) -> (u64, Option<f64>, Option<f64>) {
    let said = |timing: &Timing| (timing.count, timing.window.quantile(0.5), timing.window.last());
    let seen = said(&read(reader));
    assert_eq!(said(&read(&mut Reader::new(directory).without_retiring())), seen);
    seen
}

fn epoch_file(directory: &Path) -> PathBuf {
    directory.join("ictus/epoch")
}

/// Makes the next process take its clock for another one than that of earlier processes.
fn change_clock(directory: &Path) {
    let file = epoch_file(directory);
    let text = fs::read_to_string(&file).unwrap();
    let number = text.lines().next().unwrap();
    fs::write(&file, format!("{number}\n{OTHER}{number}\n")).unwrap();
}

#[test]
fn observations_of_current_epochs_interleave() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut reader = Reader::new(path);
    let registries = [1.0, 2.0, 3.0].map(|value| {
        let registry = Registry::open(path).unwrap();
        let timer = timer(&registry);
        timer.observe(value);
        change_clock(path);
        (registry, timer, value)
    });
    // The last recorder fills the window; the number of its clock does not matter.
    let mut count = 3;
    for turn in [2, 0, 1, 0, 2, 1, 1, 0] {
        thread::sleep(Duration::from_millis(5));
        let (_, timer, value) = &registries[turn];
        observe(timer, 1_500, *value);
        count += 1_500;
        assert_eq!(window(path, &mut reader), (count, Some(*value), Some(*value)));
    }
    // Slow recorders, whose anchors are old.
    for turn in (0..60).map(|n| n % 3) {
        thread::sleep(Duration::from_millis(3));
        let (_, timer, value) = &registries[turn];
        timer.observe(*value);
        count += 1;
    }
    let timing = read(&mut reader);
    let newest: Vec<f64> = timing.window.observations().iter().rev().map(|one| one.value).take(60).collect();
    let expected: Vec<f64> = [3.0, 2.0, 1.0].into_iter().cycle().take(60).collect();
    assert_eq!((timing.count, newest), (count, expected));
}

#[test]
fn windows_of_ended_processes_stay_in_time_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut reader = Reader::new(path);
    let living = Registry::open(path).unwrap();
    let lives = timer(&living);
    observe(&lives, 500, 1.0);
    change_clock(path);
    let mut count = 500;
    for turn in 0..6_u32 {
        thread::sleep(Duration::from_millis(5));
        let registry = Registry::open(path).unwrap();
        observe(&timer(&registry), 300, 10.0 + f64::from(turn));
        drop(registry);
        if turn % 2 == 0 {
            change_clock(path);
        }
        thread::sleep(Duration::from_millis(5));
        observe(&lives, 100, 2.0);
        count += 400;
        // From the fourth turn on, more snapshots retire dead segments before the window is read.
        (0..u32::from(turn > 2) * 3).for_each(|_| drop(reader.snapshot().unwrap()));
        let timing = read(&mut reader);
        let newest: Vec<f64> =
            timing.window.observations().iter().rev().map(|one| one.value).take(500).collect();
        assert_eq!(timing.count, count);
        assert!(newest[..100].iter().all(|&value| value == 2.0), "{turn}: {newest:?}");
        assert!(newest[100..400].iter().all(|&value| value == 10.0 + f64::from(turn)), "{turn}: {newest:?}");
    }
}

#[test]
fn a_removed_or_broken_epoch_file_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut reader = Reader::new(path);
    let first = Registry::open(path).unwrap();
    let other = timer(&first);
    observe(&other, 1_000, 1.0);
    for (turn, broken) in [None, Some(""), Some("7"), Some("x\ny\n")].into_iter().enumerate() {
        match broken {
            Some(text) => fs::write(epoch_file(path), text).unwrap(),
            None => fs::remove_file(epoch_file(path)).unwrap(),
        }
        let registry = Registry::open(path).unwrap();
        let timer = timer(&registry);
        for (timer, value) in [(&timer, 2.0), (&other, 3.0), (&timer, 4.0)] {
            thread::sleep(Duration::from_millis(2));
            observe(timer, 1_000, value);
            let (_, median, last) = window(path, &mut reader);
            assert_eq!((median, last), (Some(value), Some(value)), "{turn}");
        }
        assert!(fs::read_to_string(epoch_file(path)).unwrap().lines().count() == 2);
    }
}

#[test]
#[cfg_attr(ictus_portable, ignore = "only Linux names a boot without the wall clock")]
fn clock_that_starts_in_the_past_does_not_freeze_windows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let first = Registry::open(path).unwrap();
    observe(&timer(&first), 1_000, 1.0);
    drop(first);
    change_clock(path);
    // A machine whose clock is not set yet.
    let Some(mut child) = start("a_recorder", path, &["faketime", "-f", "2001-01-01 00:00:00"]) else {
        return;
    };
    child.wait().unwrap();
    let timing = read(&mut Reader::new(path));
    assert_eq!(
        (timing.count, timing.window.last(), timing.window.quantile(0.5)),
        (2_000, Some(9.0), Some(9.0))
    );
}

/// Within a boot, places and definitions follow the order of events, also if the wall clock is set
/// back between the starts of two processes.
#[test]
#[cfg_attr(ictus_portable, ignore = "only Linux names a boot without the wall clock")]
fn series_keep_their_places_if_the_wall_clock_is_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let Some(mut child) = start("a_limited_recorder", path, &["faketime", "-f", "+3h"]) else { return };
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    while line.trim() != "recorded" {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0);
    }
    let mut reader = Reader::new(path);
    let mut shown = || {
        let snapshot = reader.snapshot().unwrap();
        let family = snapshot.family("requests").unwrap();
        (family.help.clone(), family.get(&["first"]).cloned(), family.get(&[ictus::OVERFLOW]).cloned())
    };
    assert_eq!(shown(), ("Old.".to_owned(), Some(Value::Counter(1.0)), None));
    let registry = Registry::open_with(path, FamilyOptions::default().max_series(1)).unwrap();
    let requests = registry.counter("requests", "New.", &["queue"]).unwrap();
    requests.labels(&["second"]).unwrap().inc();
    let one = Some(Value::Counter(1.0));
    assert_eq!(shown(), ("New.".to_owned(), one.clone(), one));
    // Its input ends.
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// Runs in a started process: records one series, which is the limit, and waits.
#[test]
fn a_limited_recorder() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let registry = Registry::open_with(&directory, FamilyOptions::default().max_series(1)).unwrap();
    let requests = registry.counter("requests", "Old.", &["queue"]).unwrap();
    requests.labels(&["first"]).unwrap().inc();
    io::stdout().write_all(b"\nrecorded\n").unwrap();
    let _ = io::stdin().read_line(&mut String::new());
}

/// Runs a test of this file in a separate process. Returns none if the system has no such command,
/// or forbids it.
fn start(test: &str, directory: &Path, wrap: &[&str]) -> Option<Child> {
    faketime::remove_stale();
    let is_there = Command::new(wrap[0]).args(&wrap[1..]).arg("true").output();
    if !is_there.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {} cannot be run here", wrap[0]);
        return None;
    }
    let child = Command::new(wrap[0])
        .args(&wrap[1..])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    Some(child.unwrap())
}

/// Runs in a started process: records, prints that, and aborts.
#[test]
fn a_recorder() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let registry = Registry::open(&directory).unwrap();
    observe(&timer(&registry), 1_000, 9.0);
    io::stdout().write_all(b"\nrecorded\n").unwrap();
    std::process::abort();
}

/// Runs in a started process: prints how much of the window it shows.
#[test]
fn an_exporter() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let timing = read(&mut Reader::new(Path::new(&directory)));
    println!("\nshows {} of {}", timing.window.len(), timing.count);
}

/// Returns all lines of a child's output. The child reports an error if its output is not read to
/// the end.
fn lines(child: &mut Child) -> Vec<String> {
    BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect()
}

const OWN_BOOT: &str = "cat /proc/sys/kernel/random/uuid > /tmp/ictus-boot.$$ && \
     mount --bind /tmp/ictus-boot.$$ /proc/sys/kernel/random/boot_id && rm -f /tmp/ictus-boot.$$; exec \"$@\"";
const OTHER_SOURCE: &str = "echo hpet > /tmp/ictus-source.$$ && mount --bind /tmp/ictus-source.$$ \
     /sys/devices/system/clocksource/clocksource0/current_clocksource && rm -f /tmp/ictus-source.$$; exec \"$@\"";
const NO_PROC: &str = "mount -t tmpfs none /proc; exec \"$@\"";
const CONTAINERS: [&[&str]; 5] = [
    &["unshare", "-m", "sh", "-c", OWN_BOOT, "sh"],
    &["unshare", "-m", "sh", "-c", OTHER_SOURCE, "sh"],
    &["unshare", "-m", "sh", "-c", NO_PROC, "sh"],
    &["unshare", "-T", "--monotonic", "86400", "--fork"],
    &["unshare", "-p", "-f", "--mount-proc"],
];

#[test]
fn observations_of_containers_are_in_one_order() {
    for container in CONTAINERS {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::open(directory.path()).unwrap();
        let outside = timer(&registry);
        outside.observe(2.0);
        let Some(mut inside) = start("a_recorder", directory.path(), container) else { continue };
        assert!(lines(&mut inside).contains(&"recorded".to_owned()));
        inside.wait().unwrap();
        let mut reader = Reader::new(directory.path());
        assert_eq!(window(directory.path(), &mut reader), (1_001, Some(9.0), Some(9.0)), "{container:?}");
        observe(&outside, 5_000, 2.0);
        assert_eq!(window(directory.path(), &mut reader), (6_001, Some(2.0), Some(2.0)), "{container:?}");
    }
}

#[test]
fn exporter_in_a_container_applies_the_maximum_age() {
    for container in CONTAINERS {
        let directory = tempfile::tempdir().unwrap();
        let options = FamilyOptions::default().max_age(Duration::from_secs(600));
        let registry = Registry::open_with(directory.path(), options).unwrap();
        observe(&timer(&registry), 100, 2.0);
        let Some(mut exporter) = start("an_exporter", directory.path(), container) else { continue };
        let said = lines(&mut exporter).into_iter().find(|line| line.starts_with("shows"));
        assert_eq!(said.as_deref(), Some("shows 100 of 100"), "{container:?}");
        exporter.wait().unwrap();
    }
}

/// Without a boot's id, all processes of a boot still have one clock.
#[test]
fn processes_without_proc_have_one_clock() {
    let directory = tempfile::tempdir().unwrap();
    let wait = |mut child: Child| {
        assert!(lines(&mut child).contains(&"recorded".to_owned()));
        child.wait().unwrap();
    };
    for _ in 0..3 {
        let Some(child) = start("a_recorder", directory.path(), CONTAINERS[2]) else { return };
        wait(child);
    }
    let text = fs::read_to_string(epoch_file(directory.path())).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
}
