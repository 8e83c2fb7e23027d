//! Arbitrary bytes in the metrics directory: the reader does not panic or hang, shows only possible
//! values, and uses no more memory and bytes read than the bytes on disk explain.
//!
//! The first byte of an input selects the meaning of the others:
//!
//! ```text
//! bit 0  0: the segment's bytes as they are; 1: edits of a real segment (12 bytes each, see `Edit`)
//! bit 1  of an edited segment: whether all checksums are corrected
//! bit 2  whether the segment's owner is alive
//! bit 3  whether its file is sparse behind the bytes, a gigabyte long
//! ```
//!
//! Checksums reject most random input, so the fuzzer needs edits to reach the code behind them. An
//! edit names a part of the segment and a word of that part, so its meaning does not change with
//! every layout.
#![no_main]

mod oracle;

use std::{
    fs::{self, File},
    iter::successors,
    path::Path,
    sync::LazyLock,
};

use ictus::{
    Reader, Registry, Snapshot, expose,
    snapshot::{Family, Timing, Value},
    surface::{Exposition, ShownFamily, Surface, View},
};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// The id of the segment, which is its file's name.
const ID: u64 = 0x1c70;
/// Words of the header's identity; the last one is the checksum of the words before it.
const IDENTITY_WORDS: usize = 16;
const ID_WORD: usize = 2;
/// The header's word with the line of the newest block.
const ROOT_WORD: usize = 16;
/// The lanes of a block, one line each, after its first line.
const BLOCK_LANES: usize = 63;
/// The words of a lane that refer to other parts: the line of its series, the line of its ring's
/// table, the ring's length.
const LANE_SERIES: usize = 1;
const LANE_TABLE: usize = 2;
const LANE_CHUNKS: usize = 3;
/// The header's word with the first unclaimed line: all bytes from there on are zero.
const CURSOR_WORD: usize = 24;
const LINE_WORDS: usize = 8;
/// Words of a descriptor before its payload: tag and length, checksum.
const DESCRIPTOR_HEAD_WORDS: usize = 2;

static REAL: LazyLock<Real> = LazyLock::new(Real::new);
static PLACE: LazyLock<Place> = LazyLock::new(Place::new);

fuzz_target!(|input: &[u8]| {
    let Some((&mode, rest)) = input.split_first() else { return };
    let owner_lives = mode & 4 != 0;
    let owner = if mode & 1 == 0 {
        PLACE.put(rest, owner_lives)
    } else {
        let mut words = REAL.words.clone();
        rest.chunks_exact(12).for_each(|edit| Edit::of(edit).apply(&REAL, &mut words));
        REAL.keep(&mut words);
        if mode & 2 != 0 {
            REAL.seal(&mut words);
        }
        PLACE.put(&bytes(&words), owner_lives)
    };
    if mode & 8 != 0 {
        PLACE.make_sparse();
    }
    let folder = PLACE.directory.path().join("ictus");
    // Retirement reads the files as well.
    oracle::bounded(&folder, 8, read_and_compare);
    drop(owner);
});

fn read_and_compare() {
    let mut reader = Reader::new(PLACE.directory.path());
    let first = reader.snapshot().expect("the directory can be read");
    check(&first);
    // No process has recorded since. Neither the cached state of a reader nor the retirement of a
    // dead owner's segment, at the end of the first snapshot, may change the values.
    let second = reader.snapshot().expect("the directory can be read");
    assert_same(&first, &second);
    let fresh = Reader::new(PLACE.directory.path()).snapshot().expect("the directory can be read");
    assert_same(&first, &fresh);
}

/// Asserts that two snapshots are equal, except the ranks of lanes: retired observations have none.
fn assert_same(one: &Snapshot, other: &Snapshot) {
    assert_eq!(one.families.len(), other.families.len());
    for (one, other) in one.families.iter().zip(&other.families) {
        let shape =
            |family: &Family| (family.name.clone(), family.kind, family.unit, family.label_names.clone());
        assert_eq!(shape(one), shape(other));
        assert_eq!(one.series.len(), other.series.len(), "{}", one.name);
        for (one, other) in one.series.iter().zip(&other.series) {
            assert_eq!(one.labels, other.labels);
            match (&one.value, &other.value) {
                (Value::Timer(one), Value::Timer(other)) => {
                    assert_eq!((one.count, one.sum), (other.count, other.sum));
                    assert_eq!(one.distribution, other.distribution);
                    assert_eq!(observations(one), observations(other));
                }
                (one, other) => assert_eq!(one, other),
            }
        }
    }
}

fn observations(timing: &Timing) -> Vec<(u32, u64, f64)> {
    timing.window.observations().iter().map(|one| (one.epoch, one.stamp, one.value)).collect()
}

/// Checks the properties that hold for every snapshot of any bytes.
fn check(snapshot: &Snapshot) {
    for family in &snapshot.families {
        for series in &family.series {
            assert_eq!(series.labels.len(), family.label_names.len());
            match &series.value {
                Value::Counter(total) => assert!(total.is_finite() && *total >= 0.0, "{total}"),
                Value::Gauge(state) => assert!(state.is_finite(), "{state}"),
                Value::Timer(timing) => check_timing(timing),
                other => panic!("{other:?}"),
            }
        }
    }
    for surfaces in [&[Surface::Legacy, Surface::Documented][..], &[Surface::Canonical]] {
        let view = View::new(surfaces).expect("these go together");
        let exposition = Exposition::new(snapshot, &view);
        let samples = exposition.families().flat_map(ShownFamily::samples);
        samples.for_each(|sample| assert!(sample.value.is_finite(), "{sample:?}"));
        let _ = expose::text(&exposition);
    }
}

fn check_timing(timing: &Timing) {
    assert!(timing.sum.is_finite() && timing.sum >= 0.0, "{}", timing.sum);
    assert!(timing.window.len() as u64 <= timing.count);
    let observations = timing.window.observations();
    assert!(observations.iter().all(|one| one.value.is_finite() && one.value >= 0.0));
    assert!(observations.is_sorted_by_key(|one| (one.epoch, one.stamp, one.origin)));
    if let Some(quantiles) = timing.window.quantiles() {
        assert!(quantiles.iter().all(|quantile| quantile.is_finite()), "{quantiles:?}");
        assert!(quantiles.is_sorted(), "{quantiles:?}");
    }
}

/// One change of one word: kind (1 byte), position (3), value (8), all little-endian.
struct Edit {
    kind: u8,
    at: Spot,
    value: u64,
}

/// A word: the part (1 byte, see `Real::parts`), and the word's offset from the part's start (2
/// bytes).
struct Spot([u8; 3]);

impl Spot {
    fn word(&self, real: &Real, length: usize) -> usize {
        let [part, low, high] = self.0;
        let start = real.parts[usize::from(part) % real.parts.len()];
        (start + usize::from(u16::from_le_bytes([low, high]))) % length
    }
}

impl Edit {
    fn of(bytes: &[u8]) -> Edit {
        Edit {
            kind: bytes[0],
            at: Spot([bytes[1], bytes[2], bytes[3]]),
            value: u64::from_le_bytes(bytes[4..12].try_into().expect("8 bytes")),
        }
    }

    fn apply(&self, real: &Real, words: &mut Vec<u64>) {
        let length = words.len();
        let at = self.at.word(real, length);
        let [one, two, three, ..] = self.value.to_le_bytes();
        let other = Spot([one, two, three]).word(real, length);
        match self.kind % 6 {
            0 => words[at] = self.value,
            1 => words[at] = words[at].wrapping_add(self.value),
            2 => words[at] ^= 1 << (self.value % 64),
            3 => words[at] = words[other],
            // Links between parts are line numbers.
            4 => words[at] = (other / LINE_WORDS) as u64,
            // Never truncate to nothing: the next edit needs a word.
            _ => words.truncate(at.max(1)),
        }
    }
}

/// A segment that a registry created.
struct Real {
    words: Vec<u64>,
    /// The first words of its descriptors.
    descriptors: Vec<usize>,
    /// The first words of its parts: header, descriptors, blocks from the newest on, lanes in the
    /// order of their blocks, then each ring's table and chunks in the order of their lanes.
    parts: Vec<usize>,
}

impl Real {
    /// Disables the expiry of families. Expiring series would be shown once, and be gone after the
    /// retirement. The time is four bytes into the third word of a payload.
    fn keep(&self, words: &mut [u64]) {
        for at in self.descriptors.iter().map(|at| at + DESCRIPTOR_HEAD_WORDS) {
            if let Some([high, low]) = words.get_mut(at + 2..at + 4) {
                *high &= u64::from(u32::MAX);
                *low &= !u64::from(u32::MAX);
            }
        }
    }

    fn new() -> Real {
        let directory = temporary();
        record(directory.path());
        let mut files = fs::read_dir(directory.path().join("ictus")).expect("a directory");
        let path = files
            .find_map(|file| Some(file.ok()?.path()).filter(|path| path.extension() == Some("seg".as_ref())))
            .expect("a segment");
        let bytes = fs::read(path).expect("a segment");
        let mut words: Vec<u64> =
            bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("8 bytes"))).collect();
        words.truncate(words[CURSOR_WORD] as usize * LINE_WORDS);
        let descriptors: Vec<usize> = (0..words.len())
            .step_by(LINE_WORDS)
            .filter(|&at| payload_checksum(&words, at).is_some_and(|checksum| words[at + 1] == checksum))
            .collect();
        let parts = parts(&words, &descriptors);
        let real = Real { words, descriptors, parts };
        real.prove();
        real
    }

    /// Checks that a reader shows the segment without edits; otherwise this target would fuzz the
    /// header's check alone.
    fn prove(&self) {
        assert_eq!(self.descriptors.len(), 8, "four families of one series");
        assert_eq!(self.parts.len(), 1 + 8 + 3 + 5 + (1 + 2) + (1 + 16) + (1 + 1), "a part was not found");
        let mut words = self.words.clone();
        self.seal(&mut words);
        let _owner = PLACE.put(&bytes(&words), true);
        let snapshot = Reader::new(PLACE.directory.path()).snapshot().expect("a directory");
        let names: Vec<&str> = snapshot.families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["conductor/task_poll_time", "count", "state", "times"]);
        check(&snapshot);
    }

    /// Writes the id of the segment's file, and every checksum.
    fn seal(&self, words: &mut [u64]) {
        if let Some(identity) = words.get_mut(..IDENTITY_WORDS) {
            identity[..ID_WORD].copy_from_slice(&self.words[..ID_WORD]);
            identity[ID_WORD] = ID;
            let checked = bytes(&identity[..IDENTITY_WORDS - 1]);
            identity[IDENTITY_WORDS - 1] = u64::from(crc32fast::hash(&checked));
        }
        for &at in &self.descriptors {
            if let Some(checksum) = payload_checksum(words, at) {
                words[at + 1] = checksum;
            }
        }
    }
}

/// Walks through a valid segment; see `Real::parts`.
fn parts(words: &[u64], descriptors: &[usize]) -> Vec<usize> {
    let start = |line: u64| Some(line as usize * LINE_WORDS).filter(|&start| start != 0);
    let blocks = successors(start(words[ROOT_WORD]), |&block| start(words[block]));
    let blocks: Vec<usize> = blocks.collect();
    let lanes = blocks.iter().flat_map(|block| (block + LINE_WORDS..).step_by(LINE_WORDS).take(BLOCK_LANES));
    let lanes: Vec<usize> = lanes.filter(|lane| words[lane + LANE_SERIES] != 0).collect();
    let mut parts = [&[0], descriptors, &blocks, &lanes].concat();
    for lane in lanes {
        let Some(table) = start(words[lane + LANE_TABLE]) else { continue };
        let chunks = words[lane + LANE_CHUNKS] as usize;
        parts.push(table);
        parts.extend(words[table..][..chunks].iter().filter_map(|&line| start(line)));
    }
    parts
}

/// Returns the checksum of a descriptor's payload, if a descriptor fits at that position.
fn payload_checksum(words: &[u64], at: usize) -> Option<u64> {
    let (tag, length) = (words.get(at)? >> 32, words[at] as u32 as usize);
    let payload = words.get(at + DESCRIPTOR_HEAD_WORDS..)?;
    let payload = payload.get(..length.div_ceil(8))?;
    ((1..=2).contains(&tag) && length > 0).then(|| u64::from(crc32fast::hash(&bytes(payload)[..length])))
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Records every kind of part: a counter, a gauge, and rings that are short, full, and wrapped, on
/// two threads.
fn record(directory: &Path) {
    let registry = Registry::open(directory).expect("a directory");
    let one = |name| registry.timer(name, "Times.", &["label"]).expect("a family");
    let times = one("times");
    times.labels(&["wrapped"]).expect("a label").observe(0.5);
    registry.counter("count", "", &[]).expect("a family").labels(&[]).expect("no labels").add(2.5);
    registry.gauge("state", "", &["a"]).expect("a family").labels(&[""]).expect("a label").set(-1.0);
    let polls = registry.catalog_timer(&ictus::catalog::TASK_POLL_TIME).expect("a family");
    let polls = polls.labels(&["mail", "SUCCESS"]).expect("labels");
    (0..40).for_each(|n| polls.observe(f64::from(n)));
    let wrapped = times.labels(&["wrapped"]).expect("a label");
    (0..2_500).for_each(|n| wrapped.observe(f64::from(n) / 1e3));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..100).for_each(|n| wrapped.observe(f64::from(n) / 1e4)));
    });
}

/// The directory that the target reads.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { directory: temporary() }
    }

    fn make_sparse(&self) {
        let segment = self.directory.path().join(format!("ictus/{ID:016x}.seg"));
        let file = File::options().write(true).open(segment).expect("a file");
        file.set_len(1 << 30).expect("made longer");
    }

    /// Recreates the directory with one segment in it. If `owner_lives`, returns the locked file that
    /// marks the segment's owner as alive.
    fn put(&self, bytes: &[u8], owner_lives: bool) -> Option<File> {
        let directory = self.directory.path().join("ictus");
        // The directory does not exist at the first call.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).expect("a directory");
        let segment = directory.join(format!("{ID:016x}.seg"));
        fs::write(&segment, bytes).expect("a file");
        owner_lives.then(|| {
            let owner = File::open(&segment).expect("a file");
            owner.try_lock().expect("nobody else locks it");
            owner
        })
    }
}

/// Creates a temporary directory, in memory if possible.
fn temporary() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a temporary directory")
}
