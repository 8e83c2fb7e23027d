//! Arbitrary bytes as a file of `prometheus_client` next to the folder `ictus`.
//!
//! The reader reads no more than is on disk, does not panic, and turns the entries into a text
//! whose lines are all different.
//!
//! The first byte of an input holds the options. Bit 0: the number of used bytes is corrected. Bit
//! 1: the file is sparse and a gigabyte long. Bits 2 and 3: the type of its families. The other
//! bytes are the content of the file.
#![no_main]

mod oracle;

use std::{
    collections::HashSet,
    fs::{self, File},
    sync::LazyLock,
};

use ictus::{
    expose, multiprocess_files,
    surface::{Exposition, ShownFamily, ShownType},
};
use ictus_exporter::{Query, Source};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static DIRECTORY: LazyLock<TempDir> =
    LazyLock::new(|| TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a folder"));

fuzz_target!(|input: &[u8]| {
    let Some((&mode, bytes)) = input.split_first() else { return };
    let directory = DIRECTORY.path();
    let path = directory.join("counter_1.db");
    let mut bytes = bytes.to_vec();
    if mode & 1 != 0 && bytes.len() >= 4 {
        let used = (bytes.len() as u32).to_ne_bytes();
        bytes[..4].copy_from_slice(&used);
    }
    fs::write(&path, &bytes).expect("written");
    if mode & 2 != 0 {
        File::options().write(true).open(&path).and_then(|file| file.set_len(1 << 30)).expect("made longer");
    }
    oracle::bounded(directory, 2, || {
        let files: Vec<_> = multiprocess_files(directory).expect("the directory can be read").collect();
        assert!(files.iter().all(|file| file.bytes.len() <= bytes.len().next_multiple_of(4096)));
        let kinds = [ShownType::Counter, ShownType::Gauge, ShownType::Summary, ShownType::Histogram];
        let kind = kinds[usize::from(mode >> 2 & 3)];
        // Any texts in the bytes: a family's name, and then samples.
        let mut texts =
            bytes.split(|byte| *byte == b'\n').map(|text| String::from_utf8_lossy(text).into_owned());
        let name = texts.next().unwrap_or_default();
        let mut samples = Vec::new();
        while let (Some(suffix), Some(label), Some(value)) = (texts.next(), texts.next(), texts.next()) {
            let number = value.parse().unwrap_or(suffix.len() as f64);
            samples.push((format!("{name}{suffix}"), vec![(label, value)], number));
        }
        if let Ok(family) = ShownFamily::external(&name, "", kind, samples) {
            let text = expose::text(&Exposition::default().with_families(&[family]));
            let mut series = HashSet::new();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let head = line.rsplit_once(' ').map_or(line, |(head, _)| head);
                assert!(series.insert(head), "twice: {line:?}");
                // The first brace opens the labels; a label value may contain more braces.
                let is_reserved = head.split_once('{').is_some_and(|(_, labels)| labels.starts_with("__"));
                assert!(!is_reserved, "{line:?}");
            }
        }
        // The command searches the file for names, to report that it leaves those families out.
        let source = Source::new(directory);
        let _ = source.render(&Query::default());
    });
});
