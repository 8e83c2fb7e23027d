//! Packing of two 32-bit numbers into one word, which an atomic can hold.
//!
//! This is the only place that shifts by half a word. `.ci/check_names.py` refuses the shift
//! elsewhere.

/// Returns a word with these halves.
#[inline(always)]
pub(crate) const fn pack(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// Returns the high and the low half of a word.
#[inline(always)]
pub(crate) const fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{pack, unpack};

    proptest! {
        #[test]
        fn words_are_equal_and_ordered_as_their_halves(one: (u32, u32), other: (u32, u32)) {
            prop_assert_eq!(unpack(pack(one.0, one.1)), one);
            // Words with an equal half, too.
            for other in [other, (one.0, other.1), (other.0, one.1)] {
                prop_assert_eq!(pack(one.0, one.1).cmp(&pack(other.0, other.1)), one.cmp(&other));
            }
        }

        #[test]
        fn every_word_is_the_pack_of_its_halves(word: u64) {
            let (high, low) = unpack(word);
            prop_assert_eq!(pack(high, low), word);
        }
    }
}
