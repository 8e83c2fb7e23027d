//! `ictus check`: it distinguishes the possible problems by its messages and its exit code.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod terminal;

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use ictus::{FamilyOptions, Registry};
use tempfile::TempDir;
use terminal::{ictus, outcome};

/// Runs `ictus check`. Returns its exit code and its output, without the directory's name.
fn check(directory: &Path, options: &[&str]) -> (i32, String) {
    let (code, said, errors) = outcome(&ictus().arg("check").arg(directory).args(options).output().unwrap());
    assert!(errors.is_empty() || errors.contains("is left out"), "{errors}");
    (code.unwrap(), said.replace(directory.to_str().unwrap(), "DIR"))
}

/// Creates a directory with a registry that records.
fn recorded(options: FamilyOptions) -> (TempDir, Registry) {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open_with(directory.path(), options).unwrap();
    registry.counter("jobs", "", &["queue"]).unwrap().labels(&["mail"]).unwrap().inc();
    (directory, registry)
}

#[test]
fn healthy_directory_has_no_finding() {
    let (directory, _registry) = recorded(FamilyOptions::default());
    let (code, said) = check(directory.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("1 family, 1 series; 1 living and 0 dead segments, "), "{said}");
    assert!(said.ends_with("\nok\n"), "{said}");
}

#[test]
fn missing_directory_is_reported() {
    let (code, said) = check(Path::new("/nowhere/metrics"), &[]);
    assert_eq!(
        (code, said.as_str()),
        (12, "PROBLEM 12: DIR does not exist; give the metrics directory that the workers record into\n")
    );
}

#[test]
fn directory_without_metrics_of_ictus_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 15, "{said}");
    assert!(said.contains("DIR has no segments; start the workers with this directory"), "{said}");
    fs::write(directory.path().join("counter_7.db"), b"").unwrap();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 14, "{said}");
    assert!(said.contains("DIR: 1 file of the SDK's own collector (*.db), and none of Ictus"), "{said}");
    assert!(said.contains("ICTUS_DISABLE is not set"), "{said}");
    assert!(!directory.path().join("ictus").exists(), "a look makes nothing");
}

#[test]
fn unwritable_directory_is_reported() {
    let (directory, _registry) = recorded(FamilyOptions::default());
    fs::set_permissions(directory.path().join("ictus"), Permissions::from_mode(0o777)).unwrap();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 13, "{said}");
    assert!(said.contains("DIR/ictus"), "{said}");
}

#[test]
fn directory_without_a_live_process_is_reported() {
    let (directory, registry) = recorded(FamilyOptions::default());
    drop(registry);
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 16, "{said}");
    assert!(said.contains("0 living and 1 dead segment,"), "{said}");
    assert!(said.contains("DIR: all processes that recorded have ended"), "{said}");
    // The check removes nothing: the segments are still there.
    assert_eq!(check(directory.path(), &[]).0, 16);
    assert!(
        fs::read_dir(directory.path().join("ictus"))
            .unwrap()
            .flatten()
            .any(|entry| { entry.path().extension().is_some_and(|extension| extension == "seg") })
    );
}

#[test]
fn segments_without_observations_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let jobs = registry.counter("jobs", "", &["queue"]).unwrap();
    jobs.labels(&["mail"]).unwrap().inc();
    assert!(jobs.remove(&["mail"]).unwrap());
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 17, "{said}");
    assert!(said.contains("DIR: segments without observations"), "{said}");
}

#[test]
fn invalid_segment_is_reported() {
    let (directory, _registry) = recorded(FamilyOptions::default());
    fs::write(directory.path().join("ictus/00000000000000aa.seg"), b"no segment").unwrap();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 18, "{said}");
    assert!(said.contains("DIR/ictus: 1 file cannot be read"), "{said}");
}

#[test]
fn full_families_and_rejections_are_reported() {
    let (directory, registry) = recorded(FamilyOptions::default().max_series(1));
    registry.counter("jobs", "", &["queue"]).unwrap().labels(&["print"]).unwrap().inc();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 20, "{said}");
    assert!(said.contains("raise max_series (ICTUS_MAX_SERIES)"), "{said}");
    registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(-1.0);
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 20, "the first one's");
    assert!(said.contains("PROBLEM 21: DIR: 1 observation rejected: 1 negative;"), "{said}");
}

#[test]
fn surface_conflict_and_used_port_are_reported() {
    let (directory, _registry) = recorded(FamilyOptions::default());
    let (code, said) = check(directory.path(), &["--surface", "legacy,canonical"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("canonical"), "{said}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, said) = check(directory.path(), &["--listen", &listener.local_addr().unwrap().to_string()]);
    assert_eq!(code, 11, "{said}");
    assert!(said.contains("another process listens there"), "{said}");
}

#[test]
fn hidden_families_and_ignored_options_are_reported() {
    let (directory, _registry) = recorded(FamilyOptions::default());
    let newer = Registry::open_with(directory.path(), FamilyOptions::default().window(10)).unwrap();
    newer.counter("jobs", "", &["queue"]).unwrap().labels(&["mail"]).unwrap().inc();
    let (code, said, _) = outcome(&ictus().arg("check").arg(directory.path()).output().unwrap());
    assert_eq!(code, Some(25), "{said}");
    assert!(said.contains(": 1 definition of living processes without effect"), "{said}");
    newer.gauge("level", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
    let newest = Registry::open_with(directory.path(), FamilyOptions::default().window(10)).unwrap();
    newest.timer("level", "", &["x"]).unwrap().labels(&["a"]).unwrap().observe(1.0);
    let (code, said, _) = outcome(&ictus().arg("check").arg(directory.path()).output().unwrap());
    assert_eq!(code, Some(24), "{said}");
    assert!(said.contains(": 1 family not shown, because a newer definition"), "{said}");
}

#[test]
fn unreadable_files_are_removed_on_request() {
    let (directory, _registry) = recorded(FamilyOptions::default());
    let own = directory.path().join("ictus");
    fs::write(own.join("00000000000000aa.unreadable"), "damaged in part").unwrap();
    fs::write(own.join("00000000000000ab.seg"), "no segment").unwrap();
    let (code, said) = check(directory.path(), &[]);
    assert_eq!(code, 18, "{said}");
    assert!(said.contains("PROBLEM 26: DIR: 1 segment of ended processes, damaged in part"), "{said}");
    let (code, said) = check(directory.path(), &["--repair"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("removed 2 unreadable segments\n1 family, 1 series"), "{said}");
}

#[test]
fn series_that_no_surface_shows_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    registry.counter("jobs", "", &["queue"]).unwrap().labels(&["mail"]).unwrap().inc();
    registry.counter("poll", "", &[]).unwrap().labels(&[]).unwrap().inc();
    // The same exposed name as that of the counter.
    registry.gauge("poll_total", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
    let (code, said, errors) = outcome(&ictus().arg("check").arg(directory.path()).output().unwrap());
    assert_eq!(code, Some(28), "{said}");
    assert!(said.contains(": 1 series not shown, because of a reserved or invalid name"), "{said}");
    assert!(errors.contains("poll"), "{errors}");
}
