//! The head of a directory's totals file, and the parts before its families: what the file
//! contains, and the clocks that made its timestamps.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use super::{
    anchors,
    error::SegmentError,
    layout::{BYTE_ORDER, HEALTH_COUNTERS, VERSION},
    source::stored_bytes,
    stream::{Input, Output},
};
use crate::{
    clock::epoch_clocks::Clocks,
    packed::{pack, unpack},
};

const MAGIC: u64 = u64::from_ne_bytes(*b"ICTUSTOT");
/// Bytes before the body.
pub(crate) const HEAD: usize = 5 * 8;
/// Bytes by which a file may exceed its allocated blocks: some file systems store the contents of
/// short files elsewhere.
const UNALLOCATED: u64 = 64 << 10;
const WRONG: &str = "wrong length or checksum";

/// The parts of a totals file before its families.
#[derive(Debug, Default)]
pub(crate) struct TotalsHead {
    /// Incremented by every replacement.
    pub(crate) generation: u64,
    pub(crate) losses: [u64; HEALTH_COUNTERS],
    /// The ids of the segments that the totals contain.
    pub(crate) folded: Vec<u64>,
    /// Those of `folded` that are set aside instead of removed.
    pub(crate) aside: Vec<u64>,
    pub(crate) clocks: Clocks,
}

impl TotalsHead {
    /// Decodes and checks totals of `length` bytes. `decode_rest` decodes the parts after the head,
    /// and returns none if they are invalid.
    pub(crate) fn decode<S: Read, T>(
        source: S,
        length: u64,
        decode_rest: impl FnOnce(&mut Input<S>) -> Option<T>,
    ) -> Result<(TotalsHead, T), SegmentError> {
        let body = length.checked_sub(HEAD as u64).ok_or(SegmentError::InvalidHeader("cut short"))?;
        let mut input = Input::new(source, HEAD as u64);
        let head: Option<[u64; HEAD / 8]> = input.words();
        let Some([magic, version, generation, length, checksum]) = head else {
            return Err(input
                .finish()
                .map_or_else(SegmentError::from, |_| SegmentError::InvalidHeader("cut short")));
        };
        if magic != MAGIC {
            return Err(SegmentError::InvalidHeader("not a totals file"));
        }
        let (number, order) = unpack(version);
        if order != BYTE_ORDER {
            return Err(SegmentError::InvalidHeader("written in another byte order"));
        }
        if number > VERSION {
            return Err(SegmentError::UnsupportedVersion(number));
        }
        if length != body {
            return Err(SegmentError::InvalidHeader(WRONG));
        }
        let mut input = input.rest(body);
        let head = decode_body(generation, &mut input);
        let decoded = head.and_then(|head| Some((head, decode_rest(&mut input)?)));
        // Nothing is used before the checksum has verified all of it.
        if u64::from(checksum_of([magic, version, generation, length], &input.finish()?)) != checksum {
            return Err(SegmentError::InvalidHeader(WRONG));
        }
        decoded.ok_or(SegmentError::Corrupt("totals"))
    }
}

/// Reads and checks the clocks of an opened totals file.
pub(crate) fn clocks(file: &mut File) -> Result<Clocks, SegmentError> {
    let length = stored_length(file)?;
    TotalsHead::decode(file, length, |_| Some(())).map(|(head, ())| head.clocks)
}

/// Returns the length of a totals file, and an error for a file that is mostly holes.
pub(crate) fn stored_length(file: &File) -> Result<u64, SegmentError> {
    let length = file.metadata()?.len();
    match length > stored_bytes(file)?.saturating_add(UNALLOCATED) {
        true => Err(SegmentError::Corrupt("most of it is not on disk")),
        false => Ok(length),
    }
}

/// Returns the bytes before a body of that length and checksum.
pub(crate) fn encode(generation: u64, length: u64, body: &crc32fast::Hasher) -> [u64; HEAD / 8] {
    let version = pack(VERSION, BYTE_ORDER);
    let checksum = checksum_of([MAGIC, version, generation, length], body);
    [MAGIC, version, generation, length, u64::from(checksum)]
}

/// Returns the CRC-32 of the words of the head that precede it, and of the body.
fn checksum_of(head: [u64; HEAD / 8 - 1], body: &crc32fast::Hasher) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytemuck::cast_slice(&head));
    hasher.combine(body);
    hasher.finalize()
}

fn decode_body(generation: u64, body: &mut Input<impl Read>) -> Option<TotalsHead> {
    let losses = body.words::<HEALTH_COUNTERS>()?;
    let [folded, aside] = [decode_ids(body)?, decode_ids(body)?];
    let clocks = decode_clocks(body)?;
    Some(TotalsHead { generation, losses, folded, aside, clocks })
}

fn decode_ids(body: &mut Input<impl Read>) -> Option<Vec<u64>> {
    let count = body.number()?;
    (0..count).map(|_| body.word()).collect()
}

pub(crate) fn write_clocks(body: &mut Output<impl Write>, clocks: &Clocks) -> io::Result<()> {
    body.number(clocks.epochs().count() as u32)?;
    for (epoch, fingerprint, anchors) in clocks.iter() {
        body.number(epoch)?;
        body.word(fingerprint)?;
        body.number(anchors.len() as u32)?;
        anchors.iter().flat_map(anchors::words).try_for_each(|word| body.word(word))?;
    }
    Ok(())
}

fn decode_clocks(body: &mut Input<impl Read>) -> Option<Clocks> {
    let mut clocks = Clocks::default();
    for _ in 0..body.number()? {
        let (epoch, fingerprint, count) = (body.number()?, body.word()?, body.number()?);
        let anchors = (0..count).map(|_| body.words().map(anchors::from_words));
        clocks.add(epoch, fingerprint, anchors.collect::<Option<Vec<_>>>()?);
    }
    Some(clocks)
}
