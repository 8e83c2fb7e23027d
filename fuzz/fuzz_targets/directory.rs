//! Arbitrary files in a metrics directory: reading it and retiring dead segments neither panics nor
//! hangs, and retirement does not change the shown values.
//!
//! An input is a list of files: one byte for the name, two for the length, then the content. Bit 6
//! of the first byte corrects the length and checksum of totals. The bytes on disk bound the memory
//! used and the bytes read.
#![no_main]

mod oracle;

use std::{fs, sync::LazyLock};

use ictus::{Reader, Registry};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const NAMES: [&str; 8] = [
    "totals",
    "epoch",
    "lock",
    "0000000000001c70.seg",
    "0000000000001C70.seg",
    ".new-0000000000000001",
    "x",
    "1.seg",
];

/// A directory that an ended process has recorded into. Its files are restored before each input.
static REAL: LazyLock<(TempDir, Vec<(String, Vec<u8>)>)> = LazyLock::new(|| {
    let directory = TempDir::new().expect("a folder");
    let registry = Registry::open(directory.path()).expect("a metrics directory");
    let timer =
        registry.timer("work_seconds", "", &[]).and_then(|family| family.labels(&[])).expect("a timer");
    (1..200).for_each(|value| timer.observe(f64::from(value)));
    drop((timer, registry));
    Reader::new(directory.path()).snapshot().expect("a snapshot");
    let folder = directory.path().join("ictus");
    let files = fs::read_dir(folder).expect("its folder").map(|entry| entry.expect("a file"));
    let files = files
        .map(|file| (file.file_name().into_string().expect("a name"), fs::read(file.path()).expect("bytes")));
    let files = files.collect();
    (directory, files)
});

fuzz_target!(|input: &[u8]| {
    let (directory, real) = &*REAL;
    let folder = directory.path().join("ictus");
    for entry in fs::read_dir(&folder).expect("its folder") {
        let path = entry.expect("a file").path();
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
    for (name, bytes) in real {
        fs::write(folder.join(name), bytes).expect("written");
    }
    let mut rest = input;
    while let [name, low, high, bytes @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
        let path = folder.join(NAMES[usize::from(*name) % NAMES.len()]);
        if *name >= 128 {
            // Overwrite the beginning of the existing file.
            let mut there = fs::read(&path).unwrap_or_default();
            let many = length.min(there.len());
            there[..many].copy_from_slice(&bytes[..many]);
            fs::write(&path, there).expect("written");
        } else {
            fs::write(&path, &bytes[..length]).expect("written");
        }
        if *name & 64 != 0 && usize::from(*name) % NAMES.len() == 0 {
            seal(&path);
        }
        rest = &bytes[length..];
    }
    let counts = || {
        let snapshot = Reader::new(directory.path()).snapshot().ok()?;
        Some(without_timelines(&format!("{:?}", snapshot.families)))
    };
    // The first call retires dead segments; the second one reads the result.
    let (first, second) = oracle::bounded(&folder, 8, || (counts(), counts()));
    assert_eq!(first, second);
});

/// Removes the timelines, which each reader measures for itself.
fn without_timelines(families: &str) -> String {
    let mut parts = families.split("timeline: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("quantiles: ").map_or(part, |(_, rest)| rest))
}

/// Writes the correct length and checksum into a totals file.
fn seal(path: &std::path::Path) {
    const HEAD: usize = 40;
    let mut bytes = fs::read(path).expect("bytes");
    if bytes.len() < HEAD {
        return;
    }
    let length = (bytes.len() - HEAD) as u64;
    bytes[24..32].copy_from_slice(&length.to_ne_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..32]);
    hasher.update(&bytes[HEAD..]);
    bytes[32..HEAD].copy_from_slice(&u64::from(hasher.finalize()).to_ne_bytes());
    fs::write(path, bytes).expect("written");
}
