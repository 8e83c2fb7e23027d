//! Classic buckets: which one a value falls into.

use super::exponential;

/// Ascending upper bounds, and where to begin looking for a value's.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// With infinity behind them.
    bounds: Box<[f64]>,
    /// By exponential cell: how many bounds are not above its lowest value.
    below: Box<[u16; exponential::CELLS]>,
    /// Whether there is a cell with more than one bound in it.
    crowded: bool,
}

impl Bounds {
    pub(crate) fn new(bounds: &[f64]) -> Bounds {
        // A cell holds what is above the bound of the one before it.
        let below = |cell| bounds.partition_point(|&bound| bound <= exponential::upper_bound_of(cell - 1));
        let mut counts = Box::new([0; exponential::CELLS]);
        for (count, cell) in counts.iter_mut().zip(0..) {
            *count = below(cell) as u16;
        }
        let inside =
            |cell| bounds.partition_point(|&bound| bound < exponential::upper_bound_of(cell)) - below(cell);
        let crowded = (0..exponential::CELLS as i32).any(|cell| inside(cell) > 1);
        let bounds = bounds.iter().copied().chain([f64::INFINITY]).collect();
        Bounds { bounds, below: counts, crowded }
    }

    /// How many bounds there are.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The bounds.
    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.bounds[..self.len()]
    }

    /// The place of a value's bucket: the first whose bound is not below it.
    pub(super) fn place(&self, value: f64) -> usize {
        self.as_slice().partition_point(|&bound| bound < value)
    }

    /// The same, of a value in that exponential cell.
    #[inline(always)]
    pub(super) fn place_in(&self, value: f64, cell: usize) -> usize {
        let mut place = usize::from(self.below[cell % exponential::CELLS]);
        place += usize::from(value > self.bounds[place]);
        while self.crowded && value > self.bounds[place] {
            place += 1;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bounds, exponential};
    use crate::sum::LIMIT;

    fn check(bounds: &Bounds, value: f64) {
        if let Some(cell) = exponential::cell(value) {
            let expected = bounds.as_slice().iter().filter(|&&bound| value > bound).count();
            assert_eq!(
                (bounds.place_in(value, cell), bounds.place(value)),
                (expected, expected),
                "{value:e}"
            );
        }
    }

    proptest! {
        #[test]
        fn places_are_those_of_a_search(
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
    fn bounds_that_are_those_of_cells_are_no_exception() {
        let bounds: Vec<f64> = (-20..20).map(exponential::upper_bound).collect();
        let bounds = Bounds::new(&bounds);
        assert!(!bounds.crowded);
        for &bound in bounds.as_slice() {
            [bound, bound.next_up(), bound.next_down()].iter().for_each(|&value| check(&bounds, value));
        }
        assert!(Bounds::new(&[1.0, 1.01, 1.02]).crowded);
    }
}
