//! The identity in a segment's header. Readers check it before any other byte of the segment.

use std::mem::offset_of;

use super::{
    anchors,
    error::SegmentError,
    layout::{ANCHORS, BYTE_ORDER, Header, MAGIC, VERSION, anchor, identity},
    source::SegmentSource,
};
use crate::{
    clock::{Anchor, epoch_clocks::Clocks},
    packed::unpack,
};

/// The word of the header's first later anchor.
pub(crate) const FIRST_ANCHOR: usize = offset_of!(Header, anchors) / 8;
/// Words of a header up to the end of its anchors.
pub(crate) const HEADER_WORDS: usize = FIRST_ANCHOR + ANCHORS * anchor::WORDS;

/// The identity of a segment whose header is valid.
#[derive(Debug)]
pub(crate) struct SegmentHeader {
    pub(crate) created: u64,
    pub(crate) epoch: u32,
    fingerprint: u64,
    /// The anchor taken when the segment was created, and the later anchors that were complete when
    /// they were last read.
    pub(crate) anchors: [Option<Anchor>; 1 + ANCHORS],
}

impl SegmentHeader {
    /// Reads and checks the header of the segment with that id.
    pub(crate) fn read(source: &impl SegmentSource, id: u64) -> Result<SegmentHeader, SegmentError> {
        let mut header = [0; HEADER_WORDS];
        source.read(0, &mut header)?;
        let (mut words, mut later) = ([0; identity::WORDS], [0; ANCHORS * anchor::WORDS]);
        words.copy_from_slice(&header[..identity::WORDS]);
        later.copy_from_slice(&header[FIRST_ANCHOR..]);
        if words[identity::MAGIC] != MAGIC {
            return Err(SegmentError::InvalidHeader("not a segment"));
        }
        let (version, order) = unpack(words[identity::VERSION]);
        if order != BYTE_ORDER {
            return Err(SegmentError::InvalidHeader("written in another byte order"));
        }
        // Before the checksum, which a later version may compute differently.
        if version > VERSION {
            return Err(SegmentError::UnsupportedVersion(version));
        }
        if words[identity::CHECKSUM] != checksum(&words) {
            return Err(SegmentError::InvalidHeader("wrong checksum"));
        }
        if words[identity::ID] != id {
            return Err(SegmentError::InvalidHeader("another id than its name"));
        }
        let created = words[identity::CREATED];
        let epoch =
            u32::try_from(words[identity::EPOCH]).map_err(|_| SegmentError::InvalidHeader("its epoch"))?;
        let fingerprint = words[identity::CLOCK];
        let [first, second] = anchors::read(&later);
        let anchors = [Some(anchors::of_identity(&words)), first, second];
        Ok(SegmentHeader { created, epoch, fingerprint, anchors })
    }

    /// Adds the segment's epoch and its anchors.
    pub(crate) fn add_clock(&self, clocks: &mut Clocks) {
        clocks.add(self.epoch, self.fingerprint, self.anchors.iter().flatten().copied());
    }
}

/// Returns the CRC-32 of the identity's words before the checksum.
pub(crate) fn checksum(identity: &[u64]) -> u64 {
    u64::from(crc32fast::hash(bytemuck::cast_slice(&identity[..identity::CHECKSUM])))
}
