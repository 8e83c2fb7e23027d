//! Segments and totals built byte by byte, as no writer would make them.

use std::{fs, path::Path};

pub(crate) const ID: u64 = 0xaa;
const LINE: usize = 64;

#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Kind {
    Counter = 1,
    Timer = 3,
}

/// The content of a family's descriptor.
pub(crate) struct Family<'a> {
    pub(crate) name: &'a str,
    pub(crate) help: &'a str,
    pub(crate) kind: Kind,
    pub(crate) window: u32,
    pub(crate) labels: &'a [&'a str],
    /// The bounds of a timer's buckets; without bounds, the timer has no buckets.
    pub(crate) bounds: &'a [f64],
}

impl Default for Family<'_> {
    fn default() -> Self {
        Family { name: "jobs", help: "", kind: Kind::Counter, window: 1000, labels: &["l"], bounds: &[] }
    }
}

/// The words of a lane.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lane {
    pub(crate) head: u64,
    pub(crate) series: u64,
    pub(crate) table: usize,
    pub(crate) chunks: u64,
}

/// A segment under construction. Positions are line numbers.
pub(crate) struct Segment {
    bytes: Vec<u8>,
    root: usize,
    serial: u32,
}

impl Segment {
    pub(crate) fn new() -> Segment {
        Segment { bytes: vec![0; 4096], root: 0, serial: 0 }
    }

    pub(crate) fn claim(&mut self, lines: usize) -> usize {
        let line = self.bytes.len() / LINE;
        self.bytes.resize(self.bytes.len() + lines * LINE, 0);
        line
    }

    pub(crate) fn words(&mut self, line: usize, words: &[u64]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.bytes[line * LINE..][..bytes.len()].copy_from_slice(&bytes);
    }

    fn descriptor(&mut self, tag: u64, payload: &[u8]) -> usize {
        let line = self.claim((16 + payload.len()).div_ceil(LINE));
        self.words(line, &[tag << 32 | payload.len() as u64, u64::from(crc32fast::hash(payload))]);
        self.bytes[line * LINE + 16..][..payload.len()].copy_from_slice(payload);
        line
    }

    pub(crate) fn family(&mut self, family: &Family<'_>) -> usize {
        self.descriptor(1, &encode(family))
    }

    /// Adds a series, and returns its series word.
    pub(crate) fn series(&mut self, family: usize, values: &[&str]) -> u64 {
        self.serial += 1;
        let mut payload = numbers(&[family as u32, self.serial]);
        payload.extend(strings(values));
        let line = self.descriptor(2, &payload);
        u64::from(self.serial) << 32 | line as u64
    }

    pub(crate) fn lanes(&mut self, lanes: &[Lane]) {
        for lanes in lanes.chunks(63) {
            let block = self.claim(64);
            self.words(block, &[self.root as u64]);
            self.root = block;
            for (place, lane) in lanes.iter().enumerate() {
                self.words(block + 1 + place, &[lane.head, lane.series, lane.table as u64, lane.chunks]);
            }
        }
    }

    /// Adds series whose descriptors overlap: the label value of each one extends over the
    /// descriptors behind it.
    pub(crate) fn overlapping(&mut self, count: usize) {
        const VALUE: usize = 0x7F60;
        const PAYLOAD: usize = 16 + VALUE;
        let ascii = |number: usize| (number as u32).to_ne_bytes().iter().all(|byte| *byte < 0x80);
        while !ascii(self.bytes.len() / LINE) {
            self.claim(1);
        }
        let family = self.family(&Family::default());
        let first = self.claim(count + (PAYLOAD + 16).div_ceil(LINE) + 1);
        self.bytes[first * LINE..].fill(b'x');
        let mut lanes = Vec::new();
        for index in (0..count).rev() {
            let (at, line) = ((first + index) * LINE, first + index);
            let serial = (index & 0x7f | (index >> 7 & 0x7f) << 8) as u32;
            let head = numbers(&[family as u32, serial, 1, VALUE as u32]);
            self.bytes[at + 16..][..16].copy_from_slice(&head);
            self.words(line, &[2 << 32 | PAYLOAD as u64]);
            // The checksum must be text, because it lies in the label values of earlier
            // descriptors.
            let checksum = (0_u32..).find_map(|nonce| {
                let text = nonce.to_ne_bytes().map(|byte| b'A' + (byte & 15));
                let more = (nonce >> 4).to_ne_bytes().map(|byte| b'A' + (byte & 15));
                self.bytes[at + 32..][..8].copy_from_slice(&[text, more].concat());
                let checksum = crc32fast::hash(&self.bytes[at + 16..][..PAYLOAD]);
                ascii(checksum as usize).then_some(checksum)
            });
            self.words(line, &[2 << 32 | PAYLOAD as u64, u64::from(checksum.unwrap())]);
            let series = u64::from(serial) << 32 | line as u64;
            lanes.push(Lane { head: 1_f64.to_bits(), series, ..Lane::default() });
        }
        self.lanes(&lanes);
    }

    /// Writes the segment's file, extended to `length` if that is longer.
    pub(crate) fn write(mut self, directory: &Path, length: u64) {
        let created = 1_700_000_000_000_000_000;
        let mut identity =
            [u64::from_ne_bytes(*b"ICTUSSEG"), 1 << 32 | 0x0102_0304, ID, 1, created, 1].to_vec();
        identity.resize(15, 0);
        let bytes: Vec<u8> = identity.iter().flat_map(|word| word.to_ne_bytes()).collect();
        identity.push(u64::from(crc32fast::hash(&bytes)));
        self.words(0, &identity);
        let end = self.bytes.len() / LINE;
        self.words(2, &[self.root as u64]);
        self.words(3, &[end as u64]);
        let path = directory.join(format!("ictus/{ID:016x}.seg"));
        fs::write(&path, &self.bytes).unwrap();
        if length > self.bytes.len() as u64 {
            fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        }
    }
}

/// Encodes a descriptor's payload.
pub(crate) fn encode(family: &Family<'_>) -> Vec<u8> {
    let has_buckets = u32::from(!family.bounds.is_empty());
    let mut payload = numbers(&[family.kind as u32, 0, family.window]);
    payload.extend([0; 16]);
    payload.extend(numbers(&[u32::MAX, has_buckets]));
    payload.extend(string(family.name));
    payload.extend(string(family.help));
    payload.extend(strings(family.labels));
    payload.extend(numbers(&[family.bounds.len() as u32]));
    payload.extend(family.bounds.iter().flat_map(|bound| bound.to_ne_bytes()));
    payload
}

pub(crate) fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

pub(crate) fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    [&numbers(&[text.len() as u32]), text.as_bytes()].concat()
}

pub(crate) fn strings(texts: &[&str]) -> Vec<u8> {
    let mut bytes = numbers(&[texts.len() as u32]);
    texts.iter().for_each(|text| bytes.extend(string(text)));
    bytes
}

/// Writes a totals file with that body, behind rejected counts, ids and clocks.
pub(crate) fn write_totals(directory: &Path, ids: &[u64], families: u32, body: &[u8]) {
    let mut all = vec![0; 16 * 8];
    all.extend(numbers(&[ids.len() as u32]));
    all.extend(words(ids));
    // No segments set aside, no clocks.
    all.extend(numbers(&[0, 0, families]));
    all.extend(body);
    let magic = u64::from_ne_bytes(*b"ICTUSTOT");
    let mut bytes = words(&[magic, 1 << 32 | 0x0102_0304, 1, all.len() as u64]);
    let checksum = crc32fast::hash(&[&bytes[..], &all].concat());
    bytes.extend(words(&[u64::from(checksum)]));
    bytes.extend(all);
    fs::write(directory.join("ictus/totals"), bytes).unwrap();
}

/// Encodes a family of totals as its record, before its series.
pub(crate) fn totals_family(family: &Family<'_>) -> Vec<u8> {
    let payload = encode(family);
    let mut record = words(&[1 << 32 | payload.len() as u64, u64::from(crc32fast::hash(&payload))]);
    record.extend(&payload);
    record.resize(record.len().next_multiple_of(LINE), 0);
    [numbers(&[(record.len() / 8) as u32]), record, words(&[1]), numbers(&[1_000])].concat()
}
