//! Files that demand more memory and time than their size explains: the reader refuses them at a
//! negligible cost.
//!
//! The tests run in a separate process, because they replace the allocator and the logger.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod allocations;
mod junk;
mod log_lines;
mod segment;

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use ictus::{
    Reader, Registry, Snapshot, expose,
    surface::{Exposition, Surface, View},
};
use proptest::prelude::*;

use segment::{Family, Kind, Lane, Segment, numbers, strings, totals_family, words, write_totals};

/// The maximum memory per byte on disk, including everything that is built from a snapshot.
const MEMORY: u64 = 96;
/// The maximum of bytes read per byte on disk, in each snapshot.
const STEPS: u64 = 80;
const ALLOWANCE: u64 = 2 << 20;

/// The reasons for a refusal, depending on the bound that is met first.
const TOO_MUCH: &[&str] =
    &["its parts share memory, or are not on disk", "reading it takes more than its size on disk explains"];

/// Creates a metrics directory without segments.
fn directory() -> tempfile::TempDir {
    log_lines::keep();
    let directory = tempfile::tempdir().unwrap();
    drop(Registry::open(directory.path()).unwrap());
    for entry in fs::read_dir(directory.path().join("ictus")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    directory
}

fn on_disk(directory: &Path) -> u64 {
    let files = fs::read_dir(directory.join("ictus")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap()).map(|data| data.len().min(data.blocks() * 512)).sum()
}

/// Returns the number of bytes that this thread has read from files.
fn read_bytes() -> u64 {
    let counts = fs::read_to_string("/proc/thread-self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// Takes a snapshot and builds all formats of it, within the bounds.
fn read(directory: &Path) -> Snapshot {
    let disk = on_disk(directory);
    let (steps, begun) = (read_bytes(), Instant::now());
    let (snapshot, memory) = allocations::peak(|| {
        let snapshot = Reader::new(directory).without_retiring().snapshot().unwrap();
        for surfaces in [&[Surface::Legacy, Surface::Documented][..], &[Surface::Canonical]] {
            let exposition = Exposition::new(&snapshot, &View::new(surfaces).unwrap());
            let _ = expose::text(&exposition);
            let _ = expose::protobuf(&exposition, true);
        }
        snapshot
    });
    let (steps, took) = (read_bytes() - steps, begun.elapsed());
    assert!(memory <= MEMORY * disk + ALLOWANCE, "{memory} bytes of memory for {disk} on disk");
    assert!(steps <= STEPS * disk + ALLOWANCE, "{steps} bytes read for {disk} on disk");
    assert!(took < Duration::from_secs(5), "{took:?}");
    snapshot
}

/// Reads a directory whose one segment must be refused, for one of these reasons.
fn refuse(why: &[&str], make: impl FnOnce(&mut Segment), length: u64) {
    let directory = directory();
    let mut segment = Segment::new();
    make(&mut segment);
    segment.write(directory.path(), length);
    let snapshot = read(directory.path());
    assert_eq!(snapshot.health.bad_segments, 1);
    assert_eq!(snapshot.families, []);
    let logged = log_lines::of(directory.path());
    // The remedy follows.
    let names = |why: &&str| logged[0].contains(&format!("{why}; "));
    assert!(logged.len() == 1 && why.iter().any(names), "{logged:?}, not {why:?}");
}

fn counters(segment: &mut Segment, family: &Family<'_>, count: usize, value: &str) {
    let line = segment.family(family);
    let lanes = (0..count).map(|number| {
        let values: Vec<String> = family.labels.iter().map(|_| format!("{number}{value}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Lane { head: 1_f64.to_bits(), series: segment.series(line, &values), ..Lane::default() }
    });
    let lanes: Vec<Lane> = lanes.collect();
    segment.lanes(&lanes);
}

#[test]
fn names_and_texts_beyond_the_limits_are_refused() {
    let long = "n".repeat(1_000_000);
    let short = "n".repeat(1 << 10);
    refuse(
        &["a family's descriptor"],
        |to| counters(to, &Family { name: &long, ..Family::default() }, 3_000, ""),
        0,
    );
    refuse(
        &["a family's descriptor"],
        |to| counters(to, &Family { help: &long, ..Family::default() }, 10, ""),
        0,
    );
    refuse(
        &["a family's descriptor"],
        |to| counters(to, &Family { labels: &[&long], ..Family::default() }, 1_000, ""),
        0,
    );
    refuse(
        &["a family's descriptor"],
        |to| counters(to, &Family { labels: &[&*short; 900], ..Family::default() }, 1, ""),
        0,
    );
    refuse(&["a series' descriptor"], |to| counters(to, &Family::default(), 5, &long[..100 << 10]), 0);
}

#[test]
fn names_and_values_within_the_limits_are_shown_a_bounded_number_of_times() {
    let bounds: Vec<f64> = (0..1000).map(f64::from).collect();
    let value = "v".repeat(60 << 10);
    let labels: Vec<String> = (0..30).map(|number| format!("{}{number}", "l".repeat(100))).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    // A long value in a thousand buckets; long names in many series.
    for (labels, value) in [(&["l"][..], &*value), (&labels, "")] {
        refuse(
            &["names and label values are longer than its size explains"],
            |to| {
                let family = Family { kind: Kind::Timer, labels, bounds: &bounds, ..Family::default() };
                let line = to.family(&family);
                let lane = |number: usize| {
                    let (chunk, table) = (to.claim(17), to.claim(2 + 128));
                    to.words(table, &[chunk as u64]);
                    let number = number.to_string();
                    let values: Vec<&str> =
                        [&*number].into_iter().chain(labels.iter().skip(1).map(|_| value)).collect();
                    let values = if labels.len() == 1 { vec![value] } else { values };
                    Lane { head: 0, series: to.series(line, &values), table, chunks: 1 }
                };
                let lanes: Vec<Lane> = (0..40).map(lane).collect();
                to.lanes(&lanes);
            },
            0,
        );
    }
}

#[test]
fn overlapping_descriptors_are_refused() {
    refuse(TOO_MUCH, |to| to.overlapping(2_000), 0);
}

/// Adds lanes that all share one table of chunks, and one chunk.
fn sharing(to: &mut Segment, lanes: usize) {
    let family = to.family(&Family { kind: Kind::Timer, window: 65_536, ..Family::default() });
    let (chunk, table) = (to.claim(17), to.claim(129));
    to.words(table, &[chunk as u64; 1025]);
    let lane = |number: usize| {
        let series = to.series(family, &[&number.to_string()]);
        Lane { head: 1_000_000, series, table, chunks: 1025 }
    };
    let lanes: Vec<Lane> = (0..lanes).map(lane).collect();
    to.lanes(&lanes);
}

#[test]
#[cfg_attr(
    ictus_portable,
    ignore = "holes count as contents where no call tells whether a file system compresses"
)]
fn overlapping_or_sparse_lanes_are_refused() {
    refuse(TOO_MUCH, |to| sharing(to, 100), 0);
    refuse(TOO_MUCH, |to| sharing(to, 100), 1 << 30);
    refuse(TOO_MUCH, |to| sharing(to, 1_000), 1 << 30);
    // Buckets that all lanes share.
    let bounds: Vec<f64> = (0..1000).map(f64::from).collect();
    let buckets = |to: &mut Segment| {
        let family = to.family(&Family { kind: Kind::Timer, bounds: &bounds, ..Family::default() });
        let (page, first, table) = (to.claim(8), to.claim(17), to.claim(2 + 128));
        to.words(table, &[first as u64]);
        to.words(table + 2 + 126, &[page as u64; 16]);
        let lane = |number: usize| {
            let chunk = to.claim(17);
            let series = to.series(family, &[&format!("{number}{chunk}")]);
            Lane { head: 0, series, table, chunks: 1 }
        };
        let lanes: Vec<Lane> = (0..500).map(lane).collect();
        to.lanes(&lanes);
    };
    refuse(TOO_MUCH, buckets, 0);
    refuse(TOO_MUCH, buckets, 1 << 30);
}

#[test]
fn many_definitions_of_a_name_are_refused() {
    refuse(
        &["a family has too many definitions"],
        |to| {
            let mut lanes = Vec::new();
            for number in 0..2_000 {
                let label = format!("l{number}");
                let family = to.family(&Family { labels: &[&label], ..Family::default() });
                let series = to.series(family, &["a"]);
                lanes.push(Lane { head: 1_f64.to_bits(), series, ..Lane::default() });
            }
            to.lanes(&lanes);
        },
        0,
    );
}

fn refuse_totals(make: impl FnOnce(&Path)) {
    let directory = directory();
    make(directory.path());
    assert_eq!(read(directory.path()).families, []);
}

#[test]
#[cfg_attr(
    ictus_portable,
    ignore = "holes count as contents where no call tells whether a file system compresses"
)]
fn totals_that_are_not_on_disk_are_refused() {
    refuse_totals(|to| File::create(to.join("ictus/totals")).unwrap().set_len(1 << 30).unwrap());
    refuse_totals(|to| {
        // Ids of folded segments, all 0 and none of them on disk, with a correct checksum.
        let ids = vec![0; 32 << 17];
        write_totals(to, &ids, 0, &[]);
        let path = to.join("ictus/totals");
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let file = File::create(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes[..4096], 0).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        assert!(file.metadata().unwrap().blocks() < 100);
    });
}

/// Encodes a series of a counter.
fn plain_series(values: &[&str]) -> Vec<u8> {
    let distribution = [numbers(&[0, 0]), words(&[0, 0]), numbers(&[0])].concat();
    [strings(values), words(&[1, 0, 0, 0, 0]), distribution, numbers(&[0, 0])].concat()
}

#[test]
fn totals_that_take_long_to_decode_are_refused() {
    // Buckets in descending order: each insertion would move all earlier ones.
    refuse_totals(|to| {
        let buckets = 400_000_u32;
        let family = Family { kind: Kind::Timer, ..Family::default() };
        let mut body = totals_family(&family);
        body.extend([numbers(&[1]), strings(&["a"]), words(&[1, 0, 0, 0, 0]), numbers(&[0, 0])].concat());
        body.extend([words(&[0, 0]), numbers(&[buckets])].concat());
        (0..buckets).rev().for_each(|bucket| body.extend([numbers(&[bucket]), words(&[1])].concat()));
        body.extend(numbers(&[0, 0]));
        write_totals(to, &[], 1, &body);
    });
    // Definitions, each of which would be compared with all others.
    refuse_totals(|to| {
        let families = 20_000;
        let family = |number: u32| {
            let label = format!("l{number}");
            let family = totals_family(&Family { labels: &[&label], ..Family::default() });
            [family, numbers(&[1]), plain_series(&["a"])].concat()
        };
        let body: Vec<u8> = (0..families).flat_map(family).collect();
        write_totals(to, &[], families, &body);
    });
    // Long names in many series.
    refuse_totals(|to| {
        let (name, count) = ("n".repeat(1 << 20), 2_000);
        let mut body = totals_family(&Family { name: &name, ..Family::default() });
        body.extend(numbers(&[count]));
        (0..count).for_each(|number| body.extend(plain_series(&[&number.to_string()])));
        write_totals(to, &[], 1, &body);
    });
}

#[test]
fn handmade_segments_without_faults_are_shown() {
    let directory = directory();
    let mut segment = Segment::new();
    counters(&mut segment, &Family::default(), 1_000, "");
    segment.write(directory.path(), 0);
    let body = [totals_family(&Family::default()), numbers(&[1]), plain_series(&["dead"])].concat();
    write_totals(directory.path(), &[1], 1, &body);
    let snapshot = read(directory.path());
    assert_eq!((snapshot.health.bad_segments, snapshot.families[0].series.len()), (0, 1_001));
}

/// Returns a segment with every kind of part, as a registry creates it.
fn real() -> Vec<u64> {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let times = registry.timer("times_seconds", "Times.", &["label"]).unwrap();
    for label in 0..20 {
        let timer = times.labels(&[&label.to_string()]).unwrap();
        (0..label * label * 10).for_each(|n| timer.observe(f64::from(n) / 1e3));
    }
    registry.counter("count", "", &[]).unwrap().labels(&[]).unwrap().add(2.5);
    let mut files = fs::read_dir(directory.path().join("ictus")).unwrap().map(|file| file.unwrap().path());
    let path = files.find(|path| path.extension().is_some_and(|extension| extension == "seg")).unwrap();
    let bytes = fs::read(path).unwrap();
    let mut words: Vec<u64> =
        bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect();
    words[2] = segment::ID;
    let identity: Vec<u8> = words[..15].iter().flat_map(|word| word.to_ne_bytes()).collect();
    words[15] = u64::from(crc32fast::hash(&identity));
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Words that point to other places, and long files of which little is on disk.
    #[test]
    fn memory_and_steps_are_bounded_by_bytes_on_disk(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<prop::sample::Index>(), any::<u64>()), 1..40),
        length in prop::sample::select(vec![0, 1 << 20, 1 << 30]),
    ) {
        static REAL: std::sync::LazyLock<Vec<u64>> = std::sync::LazyLock::new(real);
        let mut words = REAL.clone();
        // Edit behind the header: no checksum protects that part.
        let used = words[24] as usize * 8 - 512;
        for (at, kind, other, value) in edits {
            let (at, other) = (512 + at.index(used), 512 + other.index(used));
            words[at] = match kind {
                0 => (other / 8) as u64,
                1 => words[other],
                _ => value,
            };
        }
        let directory = directory();
        let path = directory.path().join(format!("ictus/{:016x}.seg", segment::ID));
        fs::write(&path, segment::words(&words)).unwrap();
        if length > 0 {
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        }
        read(directory.path());
    }
}
