//! Thousands of files that are not segments.

use std::{fs, os::unix::fs::symlink};

use ictus::Reader;

use super::{directory, log_lines};

#[test]
fn thousands_of_junk_files_cause_few_log_lines() {
    let directory = directory();
    let path = |id: u32| directory.path().join(format!("ictus/{id:016x}.seg"));
    for id in 0..1_500 {
        fs::write(path(id), "").unwrap();
        symlink("/dev/zero", path(10_000 + id)).unwrap();
    }
    let mut reader = Reader::new(directory.path());
    for _ in 0..3 {
        assert_eq!(reader.snapshot().unwrap().health.bad_segments, 3_000);
    }
    let lines = log_lines::of(directory.path());
    assert_eq!(lines.len(), 9, "{lines:?}");
    assert!(lines[8].starts_with("2992 more segments in "), "{lines:?}");
}

#[test]
fn external_names_forge_no_log_line() {
    let parent = tempfile::tempdir().unwrap();
    log_lines::keep();
    let directory = parent.path().join("a\nictus: forged\x1b[2J");
    fs::create_dir_all(directory.join("ictus")).unwrap();
    fs::write(directory.join("ictus/00000000000000aa.seg"), "junk").unwrap();
    fs::write(directory.join("x\nforged\x1b.db"), [9; 7]).unwrap();
    drop(Reader::new(&directory).snapshot());
    assert_eq!(ictus::multiprocess_files(&directory).unwrap().count(), 0);
    let lines = log_lines::of(parent.path());
    assert!(lines.len() == 2 && lines.iter().all(|line| !line.contains(char::is_control)), "{lines:?}");
}
