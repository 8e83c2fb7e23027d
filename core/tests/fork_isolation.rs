//! Isolation after a fork: neither the child nor its parent affects the other.
//!
//! The tests run in a separate process, because they fork.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use ictus::{Reader, Registry, snapshot::Value};

/// Runs `run` in a forked child. Returns whether the child succeeded within ten seconds.
fn in_child(run: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs on with its one thread and ends by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: no memory is involved.
        unsafe { libc::alarm(10) };
        let well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or(false);
        // SAFETY: ends the child without its parent's destructors.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

fn segments(directory: &Path) -> usize {
    let entries = fs::read_dir(directory.join("ictus")).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().extension() == Some("seg".as_ref())).count()
}

#[test]
fn child_of_a_process_with_gauges_only_has_its_own_segment() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let gauge = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    gauge.set(1.0);
    assert!(in_child(|| {
        gauge.add(10.0);
        let both = Reader::new(directory.path()).snapshot().unwrap();
        both.family("active").unwrap().get(&[]) == Some(&Value::Gauge(11.0))
            && segments(directory.path()) == 2
    }));
    let left = registry.snapshot().unwrap();
    assert_eq!(left.family("active").unwrap().get(&[]), Some(&Value::Gauge(1.0)));
}

/// The child leaks the reader of its parent, which must not hold the registry.
#[test]
fn registry_dropped_by_a_child_that_took_a_snapshot_ends_its_segment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let registry = Registry::open(path).unwrap();
    let gauge = registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap();
    gauge.set(1.0);
    registry.snapshot().unwrap();
    assert!(in_child(move || {
        gauge.set(10.0);
        let both = registry.snapshot().unwrap();
        drop((gauge, registry));
        let after = Reader::new(path).without_retiring().snapshot().unwrap();
        let active = |snapshot: &ictus::Snapshot| snapshot.family("active").unwrap().get(&[]).cloned();
        (active(&both), active(&after)) == (Some(Value::Gauge(11.0)), Some(Value::Gauge(1.0)))
            && after.health.live_segments == 1
    }));
}

#[test]
fn child_forked_during_a_snapshot_can_take_snapshots() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let family = registry.timer("job_seconds", "", &["job"]).unwrap();
    for job in 0..300 {
        family.labels(&[&job.to_string()]).unwrap().observe(1.0);
    }
    let stop = AtomicBool::new(false);
    let well = thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                registry.snapshot().unwrap();
            }
        });
        thread::sleep(Duration::from_millis(50));
        in_child(|| {
            (0..2).all(|_| registry.snapshot().unwrap().family("job_seconds").unwrap().series.len() == 300)
        })
    });
    assert!(well);
}

#[test]
fn child_that_closes_inherited_descriptors_keeps_new_ones() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    jobs.inc();
    assert!(in_child(|| {
        for inherited in 3..200 {
            // SAFETY: no memory is involved; nothing in this child uses them any more.
            unsafe { libc::close(inherited) };
        }
        // SAFETY: the path is a C string.
        let open = |_| unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) };
        let opened: Vec<i32> = (0..50).map(open).collect();
        jobs.inc();
        all_open(&opened)
    }));
    let both = registry.snapshot().unwrap();
    assert_eq!(both.family("jobs").unwrap().get(&[]), Some(&Value::Counter(2.0)));
}

/// Counts the descriptors of this process that hold an exclusive lock.
#[cfg(all(target_os = "linux", not(ictus_portable)))]
fn locks() -> usize {
    let infos = fs::read_dir("/proc/self/fdinfo").into_iter().flatten().flatten();
    let holds = |info: String| info.lines().any(|line| line.starts_with("lock:") && line.contains("WRITE"));
    // The descriptor of the listing itself is closed when its turn comes.
    infos.filter(|info| fs::read_to_string(info.path()).is_ok_and(holds)).count()
}

/// Counts the segments that this process has mapped. Each mapping pins its open file, and that
/// file's lock.
#[cfg(all(target_os = "linux", not(ictus_portable)))]
fn mapped() -> usize {
    fs::read_to_string("/proc/self/maps")
        .unwrap_or_default()
        .lines()
        .filter(|line| line.contains("/ictus/") && line.contains(".seg"))
        .count()
}

/// Ends the threads of a test, even if the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether descriptors that do not belong to Ictus are still open.
fn all_open(numbers: &[i32]) -> bool {
    // SAFETY: no memory is involved.
    numbers.iter().all(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0)
}

// On other systems a child keeps the mapping, which pins no lock there.
#[test]
#[cfg(all(target_os = "linux", not(ictus_portable)))]
fn child_holds_no_lock_of_its_parent() {
    let directory = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let open_and_retire = || {
        while !stop.load(Ordering::Relaxed) {
            let registry = Registry::open(directory.path()).unwrap();
            registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
            drop(registry);
            ictus::clear(directory.path()).unwrap();
        }
    };
    let children = thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(open_and_retire);
        scope.spawn(open_and_retire);
        // Some descriptors with lower numbers than the changing ones stay open.
        let kept: Vec<_> = (0..20).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let numbers: Vec<i32> = kept.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
        let children: Vec<bool> =
            (0..500).map(|_| in_child(|| locks() + mapped() == 0 && all_open(&numbers))).collect();
        stop.store(true, Ordering::Relaxed);
        children
    });
    let ill = children.iter().filter(|well| !**well).count();
    assert_eq!(ill, 0, "of {} children", children.len());
}

/// Returns the files below a directory that a process has open or mapped.
fn held(process: u32, directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    let folder = format!("/proc/{process}/fd");
    let links = fs::read_dir(folder).unwrap().flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let open = links.map(|link| link.to_string_lossy().into_owned());
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mapped: Vec<String> = maps.lines().map(str::to_owned).collect();
    open.chain(mapped).filter(|line| line.contains(directory)).collect()
}

/// A child keeps no reference to segments that are retired while it lives: neither to its parent's
/// segment, nor to the segments that its parent reads.
#[test]
#[cfg_attr(ictus_portable, ignore = "only Linux keeps a mapping from a forked child")]
fn child_that_never_records_keeps_no_segment() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let other = Registry::open(directory.path()).unwrap();
    for registry in [&registry, &other] {
        registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    }
    // Both the parent's own snapshots and a reader keep open files.
    registry.snapshot().unwrap();
    let mut reader = Reader::new(directory.path());
    reader.snapshot().unwrap();
    assert!(held(std::process::id(), directory.path()).len() > 2);
    assert!(in_child(|| held(std::process::id(), directory.path()).is_empty()));
    // A child that reads opens the files again, and those of its parent are unchanged.
    assert!(in_child(|| {
        let jobs = reader.snapshot().unwrap().family("jobs").unwrap().get(&[]).cloned();
        jobs == Some(Value::Counter(2.0)) && !held(std::process::id(), directory.path()).is_empty()
    }));
    drop(other);
    let jobs = reader.snapshot().unwrap().family("jobs").unwrap().get(&[]).cloned();
    assert_eq!(jobs, Some(Value::Counter(2.0)));
}
