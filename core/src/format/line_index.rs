//! Line indexes: positions in a segment.

/// The index of a line of a segment. It fits in half a word, so packing it never changes the other
/// half.
///
/// A word of a segment that holds a position is a plain `u64`, because a file may hold any number.
/// A reader converts it once it has read that line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LineIndex(u32);

impl LineIndex {
    pub(crate) const fn new(index: u32) -> LineIndex {
        LineIndex(index)
    }

    /// Returns the index that a word holds; none if no segment is that long.
    pub(crate) fn from_word(word: u64) -> Option<LineIndex> {
        u32::try_from(word).ok().map(LineIndex)
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    pub(crate) const fn word(self) -> u64 {
        self.0 as u64
    }

    /// Returns the index `lines` lines later, or the last index.
    pub(crate) fn saturating_add(self, lines: usize) -> LineIndex {
        LineIndex(self.0.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)))
    }

    /// Returns the index `lines` lines earlier, or the first index.
    pub(crate) fn saturating_sub(self, lines: usize) -> LineIndex {
        LineIndex(self.0.saturating_sub(u32::try_from(lines).unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::LineIndex;

    #[test]
    fn index_is_at_most_half_a_word() {
        let last = LineIndex::new(u32::MAX);
        assert_eq!(LineIndex::from_word(u64::from(u32::MAX)), Some(last));
        assert_eq!(LineIndex::from_word(u64::from(u32::MAX) + 1), None);
        assert_eq!(LineIndex::from_word(u64::MAX), None);
        assert_eq!(LineIndex::from_word(7), Some(LineIndex::new(7)));
        assert_eq!((last.get(), last.word()), (u32::MAX, u64::from(u32::MAX)));
        assert_eq!((last.saturating_add(1), LineIndex::new(7).saturating_add(2)), (last, LineIndex::new(9)));
        let first = LineIndex::new(0);
        assert_eq!(
            (LineIndex::new(7).saturating_sub(8), LineIndex::new(7).saturating_sub(5)),
            (first, LineIndex::new(2))
        );
    }
}
