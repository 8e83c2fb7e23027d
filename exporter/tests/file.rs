//! The text file: it is complete and readable, follows its interval, and recovers from a failure by
//! itself.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]
use std::{
    fs,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use ictus_exporter::{
    Error, ShutdownFlag, Source,
    file::{self, PeriodicWriter},
};

fn constant(text: &'static str) -> Source {
    Source::from_fn(move |_| text.to_owned())
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn file_is_readable_for_all_and_no_temporary_file_remains() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.prom");
    assert!(file::write_once(&constant("up 1.0\n"), &path).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "up 1.0\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(names(directory.path()), ["metrics.prom"]);
}

/// The file's time shows that the writer is alive, as in node-exporter's
/// `node_textfile_mtime_seconds`.
#[test]
fn unchanged_text_is_touched_and_not_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.prom");
    let source = constant("up 1.0\n");
    assert!(file::write_once(&source, &path).unwrap());
    let previous = fs::metadata(&path).unwrap();
    let age = || path.metadata().unwrap().modified().unwrap().elapsed().unwrap_or_default();
    let hour = Duration::from_secs(3_600);
    let make_old = || fs::File::open(&path).unwrap().set_modified(SystemTime::now() - 2 * hour).unwrap();
    make_old();
    assert!(!file::write_once(&source, &path).unwrap());
    assert_eq!(previous.ino(), fs::metadata(&path).unwrap().ino());
    assert!(age() < hour);
    // If the source cannot be read, the text may be outdated, so the file's time stays old.
    make_old();
    let unreadable = directory.path().join("file");
    fs::write(&unreadable, "").unwrap();
    file::write_once(&Source::new(&unreadable), &path).unwrap_err();
    assert!(age() > hour);
}

/// The number of snapshots is not a change either.
#[test]
fn idle_directory_is_not_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let registry = ictus::Registry::open(directory.path()).unwrap();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    let (source, path) = (Source::new(directory.path()), directory.path().join("metrics.prom"));
    for _ in 0..2 {
        jobs.inc();
        assert!(file::write_once(&source, &path).unwrap());
        assert!(!file::write_once(&source, &path).unwrap());
    }
}

#[test]
fn file_changed_by_another_program_is_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.prom");
    let source = constant("up 1.0\n");
    fs::write(&path, "up 0.0\n").unwrap();
    assert!(file::write_once(&source, &path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(file::write_once(&source, &path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    fs::remove_file(&path).unwrap();
    assert!(file::write_once(&source, &path).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "up 1.0\n");
}

#[test]
fn only_files_and_links_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let source = constant("up 1.0\n");
    assert!(matches!(file::write_once(&source, directory.path()), Err(Error::NotAFile { .. })));
    assert!(matches!(file::write_once(&source, "/dev/null"), Err(Error::NotAFile { .. })));
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    fs::write(&target, "mine").unwrap();
    symlink(&target, &link).unwrap();
    assert!(file::write_once(&source, &link).unwrap());
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    let dangling = directory.path().join("dangling");
    symlink(directory.path().join("missing"), &dangling).unwrap();
    assert!(file::write_once(&source, &dangling).unwrap());
    // As root, a replacement would replace `/dev/stdout`, whatever file that is.
    let open = fs::File::open(&target).unwrap();
    let stream = format!("/proc/self/fd/{}", open.as_raw_fd());
    for (name, other) in [("null", "/dev/null"), ("folder", "/"), ("stdout", &stream)] {
        let link = directory.path().join(name);
        symlink(other, &link).unwrap();
        assert!(matches!(file::write_once(&source, &link), Err(Error::NotAFile { .. })), "{other}");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(other));
    }
}

#[test]
fn failure_names_its_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("metrics.prom");
    let error = file::write_once(&constant("up 1.0\n"), &path).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()) && error.contains("create its directory"), "{error}");
    // The message of the system, without the temporary name, which differs each time.
    assert!(
        error.contains(": No such file or directory (os error 2); ") && !error.contains("metrics.prom."),
        "{error}"
    );
}

#[test]
fn reader_never_sees_a_partial_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.prom");
    let calls = AtomicUsize::new(0);
    // The length changes, so that text written over longer text would be noticed.
    let source = Source::from_fn(move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        let digit = char::from(b'0' + (call % 10) as u8);
        let length = 1_000 + call * 7_919 % 200_000;
        std::iter::repeat_n(digit, length).chain(['\n']).collect()
    });
    file::write_once(&source, &path).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (path, done) = (path.clone(), done.clone());
        move || {
            let mut reads = 0;
            while !done.load(Ordering::SeqCst) {
                let text = fs::read(&path).unwrap();
                let (end, digits) = text.split_last().unwrap();
                assert_eq!(*end, b'\n');
                assert!(digits.len() >= 1_000 && digits.iter().all(|digit| *digit == digits[0]));
                reads += 1;
            }
            reads
        }
    });
    for _ in 0..500 {
        file::write_once(&source, &path).unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert!(reader.join().unwrap() > 10);
}

#[test]
fn writer_recovers_when_the_directory_does() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let path = home.join("metrics.prom");
    // A file in place of the directory: not writable for any user, including root.
    fs::write(&home, "").unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let source = Source::from_fn({
        let calls = calls.clone();
        move |_| format!("calls {}\n", calls.fetch_add(1, Ordering::SeqCst))
    });
    let running = PeriodicWriter::new(source, &path, Duration::from_millis(10)).start().unwrap();
    until("a few failing writes", || calls.load(Ordering::SeqCst) > 3);
    fs::remove_file(&home).unwrap();
    fs::create_dir(&home).unwrap();
    until("a file after the recovery", || path.exists());
    running.stop();
    assert_eq!(names(&home), ["metrics.prom"]);
}

/// Each write takes 30 ms, so an interval that started at the end of a write would take 80 ms in
/// all. A busy machine may be as late as that, but not every time.
#[test]
fn writer_keeps_its_interval_if_writes_are_slow() {
    const INTERVAL: Duration = Duration::from_millis(50);
    let directory = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let source = Source::from_fn({
        let calls = calls.clone();
        move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(30));
            "up 1.0\n".to_owned()
        }
    });
    until("ten ticks in time", || {
        calls.store(0, Ordering::SeqCst);
        let start = Instant::now();
        let running = PeriodicWriter::new(source.clone(), directory.path().join("metrics.prom"), INTERVAL)
            .start()
            .unwrap();
        until("ten ticks", || calls.load(Ordering::SeqCst) > 10);
        let elapsed = start.elapsed();
        running.stop();
        assert!(elapsed >= INTERVAL * 10, "too fast: {elapsed:?}");
        elapsed < INTERVAL * 15
    });
}

#[test]
fn stop_is_prompt_and_writes_the_latest_metrics() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.prom");
    let value = Arc::new(AtomicUsize::new(1));
    let source = Source::from_fn({
        let value = value.clone();
        move |_| format!("value {}\n", value.load(Ordering::SeqCst))
    });
    let stop = ShutdownFlag::new();
    let runner = thread::spawn({
        let (path, stop) = (path.clone(), stop.clone());
        move || PeriodicWriter::new(source, path, Duration::from_secs(3_600)).run(&stop)
    });
    until("the first write", || path.exists());
    value.store(2, Ordering::SeqCst);
    let start = Instant::now();
    stop.set();
    runner.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(fs::read_to_string(&path).unwrap(), "value 2\n");
}
