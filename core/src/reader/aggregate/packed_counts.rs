//! Counts: an array of them, each as wide as the largest needs, and the exact change of one.

/// Counts in one, two, four or eight bytes each.
///
/// Most lanes have counts below 256 in every bucket. A reader caches the buckets of every lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedCounts {
    bytes: Box<[u8]>,
    width: Width,
}

/// The number of bytes of a count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Width {
    #[default]
    One = 1,
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    /// Returns the width that holds a count and all smaller ones.
    fn for_count(count: u64) -> Width {
        match count {
            0..=0xff => Width::One,
            0x100..=0xffff => Width::Two,
            0x1_0000..=0xffff_ffff => Width::Four,
            _ => Width::Eight,
        }
    }
}

impl PackedCounts {
    /// Returns counts that fit into as few bytes as possible.
    pub(crate) fn new(counts: impl ExactSizeIterator<Item = u64> + Clone) -> PackedCounts {
        let width = Width::for_count(counts.clone().max().unwrap_or(0));
        let bytes = vec![0; counts.len() * width as usize].into_boxed_slice();
        let mut packed = PackedCounts { bytes, width };
        counts.enumerate().for_each(|(at, count)| packed.store(at, count));
        packed
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / self.width as usize
    }

    /// Returns the count at an index; none from [`len`](Self::len) on.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<u64> {
        Some(match self.width {
            Width::One => (*self.bytes.get(at)?).into(),
            Width::Two => u16::from_ne_bytes(*self.bytes.as_chunks().0.get(at)?).into(),
            Width::Four => u32::from_ne_bytes(*self.bytes.as_chunks().0.get(at)?).into(),
            Width::Eight => u64::from_ne_bytes(*self.bytes.as_chunks().0.get(at)?),
        })
    }

    /// Replaces the count at an index below [`len`](Self::len).
    #[inline]
    pub(crate) fn set(&mut self, at: usize, count: u64) {
        let needed = Width::for_count(count);
        if needed as usize > self.width as usize {
            self.widen(needed);
        }
        self.store(at, count);
    }

    /// Replaces a count that the width can hold.
    #[inline]
    fn store(&mut self, at: usize, count: u64) {
        match self.width {
            Width::One => self.bytes[at] = count as u8,
            Width::Two => self.bytes.as_chunks_mut().0[at] = (count as u16).to_ne_bytes(),
            Width::Four => self.bytes.as_chunks_mut().0[at] = (count as u32).to_ne_bytes(),
            Width::Eight => self.bytes.as_chunks_mut().0[at] = count.to_ne_bytes(),
        }
    }

    #[cold]
    fn widen(&mut self, width: Width) {
        let bytes = vec![0; self.len() * width as usize].into_boxed_slice();
        let mut wider = PackedCounts { bytes, width };
        self.iter().enumerate().for_each(|(at, count)| wider.store(at, count));
        *self = wider;
    }

    /// Adds zeros before and after the counts.
    #[cold]
    pub(crate) fn extend(&mut self, front: usize, back: usize) {
        let width = self.width as usize;
        let (start, end) = (front * width, front * width + self.bytes.len());
        let mut bytes = vec![0; end + back * width].into_boxed_slice();
        bytes[start..end].copy_from_slice(&self.bytes);
        self.bytes = bytes;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + Clone {
        (0..self.len()).map_while(|at| self.get(at))
    }
}

/// Returns the count `sum` with its part `old` replaced by `new`; none if that is not a count.
pub(crate) fn checked_replace(sum: u64, old: u64, new: u64) -> Option<u64> {
    sum.checked_sub(old)?.checked_add(new).filter(|&sum| sum != u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PackedCounts;

    /// Counts of every width, and the limits of each.
    fn count() -> impl Strategy<Value = u64> {
        let limit = (0..=64_u32, 0..3_u64)
            .prop_map(|(bits, off)| 1_u64.checked_shl(bits).unwrap_or(0).wrapping_sub(1).wrapping_add(off));
        prop_oneof![0..300_u64, limit, any::<u64>()]
    }

    #[test]
    fn counts_have_the_width_of_the_largest() {
        for (largest, bytes) in [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (1 << 32, 8)] {
            let packed = PackedCounts::new([1, largest, 0].into_iter());
            assert_eq!((packed.bytes.len(), packed.len()), (3 * bytes, 3));
            let mut widened = PackedCounts::new([1, 0, 0].into_iter());
            widened.set(1, largest);
            assert_eq!(widened.bytes, packed.bytes);
        }
    }

    proptest! {
        #[test]
        fn packed_counts_equal_a_vector(
            first in prop::collection::vec(count(), 0..6),
            steps in prop::collection::vec((any::<prop::sample::Index>(), count(), 0..3_usize, 0..3_usize), 0..12),
        ) {
            let (mut packed, mut expected) = (PackedCounts::new(first.iter().copied()), first);
            for (at, count, front, back) in steps {
                packed.extend(front, back);
                expected.splice(..0, vec![0; front]);
                expected.extend(vec![0; back]);
                if !expected.is_empty() {
                    let at = at.index(expected.len());
                    packed.set(at, count);
                    expected[at] = count;
                }
                prop_assert!(packed.iter().eq(expected.iter().copied()), "{:?}, not {:?}", packed, expected);
                prop_assert_eq!((packed.len(), packed.get(expected.len())), (expected.len(), None));
            }
        }
    }
}
