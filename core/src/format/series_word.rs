//! Series words: how a lane names its series.

use super::line_index::LineIndex;
use crate::packed::{pack, unpack};

/// Set in a lane's series word until the lane is published, and again after the series was removed.
/// Readers skip such a lane.
pub(crate) const UNPUBLISHED: u64 = 1 << 63;
/// Upper limit of descriptors' serial numbers, exclusive.
pub(crate) const SERIAL_BITS: u32 = 1 << 31;

/// The word by which a lane names its series. It identifies one incarnation of the lane.
///
/// The line of the series' descriptor is in the low half, and the serial number of the descriptor
/// in the high half. Bit 63 is [`UNPUBLISHED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesWord(u64);

impl SeriesWord {
    /// The word of a new lane.
    pub(crate) const NONE: SeriesWord = SeriesWord(0);

    /// Returns the word of the descriptor at that line. `serial` is below [`SERIAL_BITS`].
    pub(crate) const fn new(serial: u32, line: LineIndex) -> SeriesWord {
        SeriesWord(pack(serial, line.get()))
    }

    /// Returns the word that a lane holds.
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> SeriesWord {
        SeriesWord(bits)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Returns whether readers see the lane that holds this word.
    pub(crate) const fn is_published(self) -> bool {
        self.0 != 0 && self.0 & UNPUBLISHED == 0
    }

    /// Returns the serial number of the descriptor.
    pub(crate) const fn serial(self) -> u32 {
        unpack(self.0).0
    }

    /// Returns the line of the descriptor.
    pub(crate) const fn line(self) -> LineIndex {
        LineIndex::new(unpack(self.0).1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LineIndex, SERIAL_BITS, SeriesWord, UNPUBLISHED};

    proptest! {
        #[test]
        fn word_holds_serial_and_line(serial in 0..SERIAL_BITS, line: u32) {
            let word = SeriesWord::new(serial, LineIndex::new(line));
            prop_assert_eq!((word.serial(), word.line()), (serial, LineIndex::new(line)));
            prop_assert_eq!(SeriesWord::from_bits(word.bits()), word);
            prop_assert_eq!(word.is_published(), word != SeriesWord::NONE);
            // The bytes of version 1.
            prop_assert_eq!(word.bits(), u64::from(serial) * 0x1_0000_0000 + u64::from(line));
            prop_assert!(!SeriesWord::from_bits(word.bits() | UNPUBLISHED).is_published());
        }
    }
}
