//! The text file on a disk that fills up.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod terminal;
#[path = "../../core/tests/tmpfs/mod.rs"]
mod tmpfs;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use ictus::Registry;
use tmpfs::Tmpfs;

#[test]
fn old_file_stays_complete_until_the_disk_has_space() {
    let (directory, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(_tmpfs) = Tmpfs::mount(disk.path(), "1m") else { return };
    let registry = Registry::open(directory.path()).unwrap();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    jobs.inc();
    let path = disk.path().join("metrics.prom");
    let shows = |jobs: u32| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        // The family is the last one.
        let last = text.lines().last().unwrap_or("jobs_total ");
        assert!(
            last.starts_with("jobs_total ") && (text.is_empty() || text.ends_with(".0\n")),
            "a part: {text}"
        );
        text.ends_with(&format!("\njobs_total {jobs}.0\n"))
    };
    let until = |jobs| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !shows(jobs) {
            assert!(Instant::now() < deadline, "never: {jobs} jobs");
            thread::sleep(Duration::from_millis(5));
        }
    };
    let output = path.display().to_string();
    let mut running =
        terminal::start("write", directory.path(), &["--output", &output, "--interval", "0.01"]);
    until(1);

    // Twice, because the cause may recur after it has passed.
    for jobs_before in [1, 2] {
        let filler = disk.path().join("filler");
        assert!(fs::write(&filler, vec![0; 2 << 20]).is_err(), "the disk is not full");
        jobs.inc();
        let line = running.line();
        assert!(line.contains("cannot write") && line.contains("free some space"), "{line}");
        // Further attempts log nothing and leave no files.
        thread::sleep(Duration::from_millis(300));
        assert!(shows(jobs_before));
        let mut names: Vec<_> =
            fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| !name.to_string_lossy().ends_with(".tmp"));
        names.sort();
        assert_eq!(names, ["filler", "metrics.prom"]);
        fs::remove_file(&filler).unwrap();
        until(jobs_before + 1);
        let line = running.line();
        assert!(line.contains("is written again"), "{line}");
    }
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1);
}
