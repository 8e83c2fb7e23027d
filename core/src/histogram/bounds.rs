//! Lookup of the classic and the exponential bucket of a value.

use std::sync::{Arc, Mutex, Weak};

use super::exponential;

/// Ascending upper bounds, with a table of the buckets in each sixteenth of a doubling. The table
/// has both kinds of buckets, so that one lookup per value is enough.
#[derive(Debug)]
pub(crate) struct Bounds {
    bounds: Box<[f64]>,
    sub_buckets: Box<[SubBucketBounds; exponential::SUB_BUCKETS]>,
    /// Whether a sixteenth contains more than one bound.
    crowded: bool,
}

/// The buckets of the values in a sixteenth of a doubling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubBucketBounds {
    /// The bits of the greatest value in its first cell.
    cell_bound: u64,
    /// The bits of the least bound in it, or of more than any value.
    bound: u64,
    /// Its first cell; -1, wrapped, for that of the zero threshold.
    cell: u32,
    /// The number of bounds below all its values.
    index: u32,
}

impl Bounds {
    pub(crate) fn new(bounds: &[f64]) -> Bounds {
        let sub_buckets: Vec<(SubBucketBounds, bool)> =
            (0..exponential::SUB_BUCKETS).map(|number| SubBucketBounds::new(number, bounds)).collect();
        let crowded = sub_buckets.iter().any(|(_, crowded)| *crowded);
        let sub_buckets: Box<[SubBucketBounds]> =
            sub_buckets.into_iter().map(|(sub_bucket, _)| sub_bucket).collect();
        let sub_buckets = sub_buckets.try_into().unwrap_or_else(|_| unreachable!("one for each number"));
        Bounds { bounds: bounds.into(), sub_buckets, crowded }
    }

    /// Returns the process's table of these bounds. Lanes keep it, and lanes are never freed.
    pub(crate) fn interned(bounds: &[f64]) -> Arc<Bounds> {
        static INTERNED: Mutex<Vec<Weak<Bounds>>> = Mutex::new(Vec::new());
        // Does not wait: in a forked child the lock may be held forever, and the child then creates
        // another table.
        let Ok(mut tables) = INTERNED.try_lock() else { return Arc::new(Bounds::new(bounds)) };
        tables.retain(|table| table.strong_count() > 0);
        if let Some(table) = tables.iter().filter_map(Weak::upgrade).find(|table| table.as_slice() == bounds)
        {
            return table;
        }
        let table = Arc::new(Bounds::new(bounds));
        tables.push(Arc::downgrade(&table));
        table
    }

    pub(crate) fn len(&self) -> usize {
        self.bounds.len()
    }

    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.bounds
    }

    /// Returns whether a sixteenth contains more than one bound, so that only [`Bounds::bucket_index`]
    /// finds the bucket.
    pub(crate) fn is_dense(&self) -> bool {
        self.crowded
    }

    /// Returns the index of a value's bucket: the first whose bound is not below the value.
    pub(crate) fn bucket_index(&self, value: f64) -> usize {
        self.bounds.partition_point(|&bound| bound < value)
    }

    /// Returns the sixteenth of a value above the zero threshold.
    #[inline(always)]
    pub(crate) fn sub_bucket(&self, value: f64) -> &SubBucketBounds {
        &self.sub_buckets[exponential::sub_bucket(value)]
    }
}

impl SubBucketBounds {
    /// Returns the sixteenth with a number, and whether it contains more than one bound.
    fn new(number: usize, bounds: &[f64]) -> (SubBucketBounds, bool) {
        let bits = exponential::bits_of(number);
        let index = bounds.partition_point(|&bound| bound < f64::from_bits(bits.start));
        let mut inside =
            bounds[index..].iter().map(|bound| bound.to_bits()).take_while(|&bound| bound < bits.end);
        let bound = inside.next().unwrap_or(u64::MAX);
        let (cell, cell_bound) = exponential::first_dense_index(&bits);
        (SubBucketBounds { cell_bound, bound, cell, index: index as u32 }, inside.next().is_some())
    }

    /// As [`Bounds::bucket_index`], for a value in this sixteenth. The bounds must not be crowded.
    #[inline(always)]
    pub(crate) fn bucket_index(&self, value: f64) -> usize {
        (self.index + u32::from(value.to_bits() > self.bound)) as usize
    }

    /// As [`exponential::dense_index`], for a value in this sixteenth.
    #[inline(always)]
    pub(crate) fn dense_index(&self, value: f64) -> usize {
        self.cell.wrapping_add(u32::from(value.to_bits() > self.cell_bound)) as usize
            % exponential::DENSE_BUCKETS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bounds, exponential};
    use crate::sum::LIMIT;

    fn check(bounds: &Bounds, value: f64) {
        if let Some(cell) = exponential::dense_index(value) {
            let expected = bounds.as_slice().iter().filter(|&&bound| value > bound).count();
            let sub_bucket = bounds.sub_bucket(value);
            assert_eq!(
                (bounds.bucket_index(value), sub_bucket.dense_index(value)),
                (expected, cell),
                "{value:e}"
            );
            assert!(bounds.crowded || sub_bucket.bucket_index(value) == expected, "{value:e}");
        }
    }

    proptest! {
        #[test]
        fn bucket_indexes_equal_those_of_a_search(
            mut bounds in prop::collection::vec(prop_oneof![1e-9..1e7f64, 0.9..1.1, -1.0..0.0, 0.0..1e28], 0..50),
            values in prop::collection::vec(prop_oneof![1e-10..1e8f64, 0.9..1.1, 0.0..LIMIT], 50),
        ) {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            let bounds = Bounds::new(&bounds);
            for value in values {
                check(&bounds, value);
            }
            for &bound in bounds.as_slice() {
                [bound, bound.next_up(), bound.next_down()].iter().for_each(|&value| check(&bounds, value));
            }
        }
    }

    #[test]
    fn bounds_at_dense_bucket_edges_are_indexed_exactly() {
        let bounds: Vec<f64> = (-20..20).map(exponential::upper_bound).collect();
        let bounds = Bounds::new(&bounds);
        assert!(!bounds.crowded);
        for &bound in bounds.as_slice() {
            [bound, bound.next_up(), bound.next_down()].iter().for_each(|&value| check(&bounds, value));
        }
        assert!(Bounds::new(&[1.0, 1.01, 1.02]).crowded);
    }
}
