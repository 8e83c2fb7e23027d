//! Actions of a host program on its own process: descriptors, limits, forks. No observation is
//! lost, and nothing of the host changes.
//!
//! The tests run in a separate process, because they change it.
#![cfg(all(target_os = "linux", not(ictus_portable)))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says what it skips"
)]
#![expect(unsafe_code, reason = "does what a host program does")]

mod tmpfs;

use std::{
    fs::{self, File},
    io::Write,
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    path::Path,
    process::{Command, Output},
    sync::Barrier,
    thread,
    time::Duration,
};

use ictus::{Reader, Registry, Timer, snapshot::Value};
use tmpfs::Tmpfs;

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";

/// Runs a test again in a separate process, which finds the directory in its environment.
fn host(test: &str, directory: &Path, prepare: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--test-threads=1", "--nocapture"]).env(DIRECTORY, directory);
    prepare(&mut command);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{:?} (signal {:?})\n{}{}",
        output.status,
        output.status.signal(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Returns the directory in which this process must record, if `host` started it.
fn role() -> Option<std::path::PathBuf> {
    std::env::var_os(DIRECTORY).map(Into::into)
}

fn timer(registry: &Registry, series: &str) -> Timer {
    registry.timer("work_seconds", "", &["series"]).unwrap().labels(&[series]).unwrap()
}

/// Returns the number of observations in the directory, as another process sees them.
fn count(directory: &Path) -> u64 {
    let snapshot = Reader::new(directory).snapshot().unwrap();
    let Some(family) = snapshot.family("work_seconds") else { return 0 };
    let count = |value: &Value| match value {
        Value::Timer(timing) => timing.count,
        _ => 0,
    };
    family.series.iter().map(|series| count(&series.value)).sum()
}

fn segments(directory: &Path) -> usize {
    let entries = fs::read_dir(directory.join("ictus")).unwrap().flatten();
    entries.filter(|entry| entry.path().extension() == Some("seg".as_ref())).count()
}

/// Closes descriptors as Python's `os.closerange` does.
fn close_all() {
    for number in 3..200 {
        // SAFETY: no memory is involved; this test's own files are opened later.
        unsafe { libc::close(number) };
    }
}

/// Creates files of the host, under numbers that were Ictus's.
fn own_files(directory: &Path) -> Vec<File> {
    let create = |number: i32| {
        let path = directory.join(format!("own-{number}"));
        File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap()
    };
    (0..6).map(create).collect()
}

/// Repeatedly closes all descriptors while it records and another process reads and retires.
fn record_and_close(directory: &Path) {
    let registry = Registry::open(directory).unwrap();
    timer(&registry, "first").observe(1.0);
    let dropped = Registry::open(directory).unwrap();
    timer(&dropped, "dropped").observe(1.0);
    close_all();
    let files = own_files(directory);
    for series in 0..100 {
        timer(&registry, &series.to_string()).observe(1.0);
        if series % 25 == 0 {
            // A reader in another process: a forked one would already have closed the descriptors
            // in question.
            let test = "reader_in_another_process";
            assert!(host(test, directory, |_| ()).status.success());
        }
    }
    (0..2000).for_each(|_| timer(&registry, "first").observe(1.0));
    drop(dropped);
    drop(registry);
    for file in &files {
        assert_eq!(file.metadata().unwrap().len(), 0, "a file of the host was changed");
        (&mut &*file).write_all(b"still open").unwrap();
    }
    let numbers: Vec<i32> = files.iter().map(AsRawFd::as_raw_fd).collect();
    println!("the host's files: {numbers:?}");
}

#[test]
fn reader_in_another_process() {
    let Some(directory) = role() else { return };
    assert!(count(&directory) > 0);
}

#[test]
fn closed_descriptors_lose_nothing_and_touch_no_host_file() {
    if let Some(directory) = role() {
        return record_and_close(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    host("closed_descriptors_lose_nothing_and_touch_no_host_file", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 2102);
}

#[test]
fn closed_descriptor_is_counted_when_the_file_grows() {
    const NAME: &str = "closed_descriptor_is_counted_when_the_file_grows";
    if let Some(directory) = role() {
        let registry = Registry::open(directory).unwrap();
        timer(&registry, "first").observe(1.0);
        close_all();
        (0..500).for_each(|series| timer(&registry, &series.to_string()).observe(1.0));
        assert_eq!(registry.snapshot().unwrap().health.counts.closed_descriptors, 1);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host(NAME, directory.path(), |_| ());
    assert_eq!(Reader::new(directory.path()).snapshot().unwrap().health.counts.closed_descriptors, 1);
    assert_eq!(count(directory.path()), 501);
}

/// An overlay file system on a folder, mounted until this value is dropped.
struct Overlay<'a>(&'a Path);

impl Overlay<'_> {
    fn mount(parent: &Path, on: &Path) -> bool {
        // Mount a tmpfs first: an overlay cannot be the upper layer of another overlay.
        let mount = |kind: &str, options: &str, on: &Path| {
            let mount = Command::new("mount").args(["-t", kind, kind, "-o", options]).arg(on).output();
            mount.is_ok_and(|output| output.status.success())
        };
        if !mount("tmpfs", "size=64m", parent) {
            return false;
        }
        let folders = ["lower", "upper", "work"].map(|name| parent.join(name));
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let [lower, upper, work] = folders.map(|folder| folder.display().to_string());
        mount("overlay", &format!("lowerdir={lower},upperdir={upper},workdir={work}"), on)
    }
}

impl Drop for Overlay<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn closed_descriptors_lose_nothing_on_an_overlay() {
    if let Some(directory) = role() {
        return record_and_close(&directory);
    }
    let (layers, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _layers = Overlay(layers.path());
    if !Overlay::mount(layers.path(), directory.path()) {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "continuous integration must be able to mount an overlay"
        );
        println!("skipped: no overlay can be mounted");
        return;
    }
    let _overlay = Overlay(directory.path());
    host("closed_descriptors_lose_nothing_on_an_overlay", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 2102);
}

#[test]
fn closed_standard_streams_do_not_become_the_segment() {
    if let Some(directory) = role() {
        for number in 0..3 {
            // SAFETY: no memory is involved.
            unsafe { libc::close(number) };
        }
        let registry = Registry::open(&directory).unwrap();
        for series in 0..100 {
            timer(&registry, &series.to_string()).observe(1.0);
            for number in 0..3 {
                // SAFETY: writes from a local; the program's own output is closed, so there is
                // nothing to write to.
                assert_eq!(unsafe { libc::write(number, [b'x'; 4096].as_ptr().cast(), 4096) }, -1);
            }
        }
        registry.snapshot().unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host("closed_standard_streams_do_not_become_the_segment", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 100);
}

/// Forks by the system call alone, so that no fork handler runs.
fn raw_clone(child: impl FnOnce()) -> libc::pid_t {
    // SAFETY: as `fork`, but without its handlers.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: skips destructors that belong to the parent's threads.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    libc::pid_t::try_from(pid).unwrap()
}

fn wait(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: waits for a child of this process, and writes its status to a local.
    let ended = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((ended, status), (pid, 0), "the child failed");
}

#[test]
fn children_of_clone_record_while_their_parent_is_busy() {
    if let Some(directory) = role() {
        let registry = Registry::open(&directory).unwrap();
        let (shared, gauge) = (timer(&registry, "shared"), registry.gauge("busy", "", &[]).unwrap());
        let gauge = gauge.labels(&[]).unwrap();
        let local = shared.local();
        gauge.set(1.0);
        (0..200).for_each(|_| local.observe(1.0));
        for _ in 0..20 {
            let child = raw_clone(|| {
                // Each of the ways in which a thread finds its lane.
                (0..1000).for_each(|_| local.observe(1.0));
                (0..1000).for_each(|_| shared.observe(1.0));
                gauge.set(1.0);
                let child = raw_clone(|| (0..1000).for_each(|_| shared.observe(1.0)));
                wait(child);
                timer(&registry, "childs").observe(1.0);
                registry.snapshot().unwrap();
            });
            (0..1000).for_each(|_| shared.observe(1.0));
            wait(child);
            (0..1000).for_each(|_| local.observe(1.0));
        }
        let snapshot = registry.snapshot().unwrap();
        assert_eq!(snapshot.family("busy").unwrap().get(&[]), Some(&Value::Gauge(1.0)));
        assert_eq!(snapshot.health.bad_segments, 0);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host("children_of_clone_record_while_their_parent_is_busy", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 200 + 20 * (3001 + 2000));
}

/// Returns the address space of this process in kilobytes.
fn address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn address_space_is_a_fraction_of_the_limit() {
    if let Some(directory) = role() {
        let (used, limit) = (address_space() << 10, 256 << 20);
        let limit = libc::rlimit { rlim_cur: used + limit, rlim_max: used + limit };
        for resource in [libc::RLIMIT_AS, libc::RLIMIT_DATA] {
            // SAFETY: reads a local.
            assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
        }
        for registry in [Registry::open(&directory).unwrap(), Registry::new()] {
            let at_start = address_space();
            timer(&registry, "first").observe(1.0);
            let grown = address_space() - at_start;
            assert!(grown < 8 << 10, "{grown} KB of 256 MB");
            // Much more than the first reservation.
            for series in 0..950 {
                let timer = timer(&registry, &series.to_string());
                (0..1000).for_each(|_| timer.observe(1.0));
            }
            let grown = address_space() - at_start;
            assert!(grown < 100 << 10, "{grown} KB");
            let snapshot = registry.snapshot().unwrap();
            assert_eq!(snapshot.health.counts.no_memory + snapshot.health.counts.process_local_lanes, 0);
            assert_eq!(snapshot.family("work_seconds").unwrap().series.len(), 951);
            drop(registry);
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host("address_space_is_a_fraction_of_the_limit", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 950_001);
}

#[test]
fn locked_memory_is_used_memory_only() {
    if let Some(directory) = role() {
        // SAFETY: no memory is involved.
        if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } != 0 {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "continuous integration must be able to lock memory"
            );
            println!("skipped: memory cannot be locked");
            return;
        }
        let resident = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().to_owned();
            line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let at_start = resident();
        let (file, memory) = (Registry::open(&directory).unwrap(), Registry::new());
        timer(&file, "first").observe(1.0);
        timer(&memory, "first").observe(1.0);
        let grown = resident() - at_start;
        assert!(grown < 4 << 10, "{grown} KB");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host("locked_memory_is_used_memory_only", directory.path(), |_| ());
}

#[test]
fn dropped_registries_release_their_addresses() {
    if let Some(directory) = role() {
        let registries = |count: usize| {
            let registries: Vec<_> = (0..count)
                .map(|n| if n % 2 == 0 { Registry::open(&directory).unwrap() } else { Registry::new() })
                .collect();
            registries.iter().for_each(|registry| timer(registry, "first").observe(1.0));
        };
        registries(8);
        let at_start = address_space();
        (0..300).for_each(|_| registries(8));
        // No part of it is for segments; the allocator takes some.
        let grown = address_space().saturating_sub(at_start);
        assert!(grown < 16 << 10, "{grown} KB for 2400 registries");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host("dropped_registries_release_their_addresses", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 301 * 4);
}

#[test]
fn threads_that_start_together_create_one_segment() {
    const THREADS: usize = 200;
    if let Some(directory) = role() {
        let registry = Registry::open(&directory).unwrap();
        let (timer, begin) = (timer(&registry, "first"), Barrier::new(THREADS));
        let at_start = address_space();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let observe = || {
                    begin.wait();
                    timer.observe(1.0);
                };
                thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, observe).unwrap();
            }
        });
        let grown = address_space() - at_start;
        // Stacks, and arenas of the allocator, which may reserve 64 MB for each of 8 per processor.
        assert!(grown < 2 << 20, "{grown} KB");
        assert_eq!(segments(&directory), 1);
        assert_eq!(registry.snapshot().unwrap().health.counts.process_local_lanes, 0);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // The disk is too small for a few more segments.
    let _tmpfs = Tmpfs::mount(directory.path(), "2m");
    for start in 1..=20 {
        host("threads_that_start_together_create_one_segment", directory.path(), |_| ());
        assert_eq!(count(directory.path()), THREADS as u64, "{start}");
        ictus::clear(directory.path()).unwrap();
        assert_eq!(segments(directory.path()), 0, "{start}");
    }
}

#[test]
fn lack_of_address_space_is_counted_and_recording_resumes() {
    if let Some(directory) = role() {
        let registry = Registry::open(&directory).unwrap();
        // Memory that the allocator holds and does not return.
        let blocks: Vec<Vec<u8>> = (0..8000).map(|_| vec![1; 1000]).collect();
        let kept: Vec<Vec<u8>> = blocks.into_iter().step_by(2).collect();
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes a local.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut old) }, 0);
        // Less than the present address space: the memory that the allocator returns is not enough
        // for a segment.
        let limit = libc::rlimit { rlim_cur: (address_space() << 10) - (16 << 20), ..old };
        // SAFETY: reads a local.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        let timer = timer(&registry, "first");
        (0..1000).for_each(|_| timer.observe(1.0));
        let lost = registry.local_snapshot().map(|snapshot| snapshot.health.counts.no_memory);
        // SAFETY: reads a local.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const old) }, 0);
        assert_eq!(lost.unwrap(), 1000);
        drop(kept);
        thread::sleep(Duration::from_millis(200));
        (0..10).for_each(|_| timer.observe(1.0));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    host("lack_of_address_space_is_counted_and_recording_resumes", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 10);
    // Other processes see the rejected observations.
    let lost = Reader::new(directory.path()).snapshot().unwrap().health.counts;
    assert_eq!(lost.no_memory, 1000);
}

#[test]
fn reader_survives_closed_descriptors() {
    if let Some(directory) = role() {
        let total = |reader: &mut Reader| {
            let snapshot = reader.snapshot().unwrap();
            assert_eq!(snapshot.health.bad_segments, 0);
            let Some(Value::Timer(timing)) =
                snapshot.family("work_seconds").unwrap().get(&["first"]).cloned()
            else {
                panic!("no timer")
            };
            timing.count
        };
        let registry = Registry::open(&directory).unwrap();
        let timer = timer(&registry, "first");
        let mut reader = Reader::new(&directory);
        let mut files = Vec::new();
        for turn in 1..=4_u64 {
            (0..100).for_each(|_| timer.observe(1.0));
            assert_eq!(total(&mut reader), 7 + 100 * turn);
            assert_eq!(registry.snapshot().unwrap().health.bad_segments, 0);
            files.clear();
            close_all();
            files = own_files(&directory);
        }
        drop(reader);
        drop(registry);
        for file in files {
            (&file).write_all(b"still open").unwrap();
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // The data of a dead process, in the totals.
    let registry = Registry::open(directory.path()).unwrap();
    (0..7).for_each(|_| timer(&registry, "first").observe(1.0));
    drop(registry);
    assert_eq!(count(directory.path()), 7);
    host("reader_survives_closed_descriptors", directory.path(), |_| ());
    assert_eq!(count(directory.path()), 407);
}
