//! Classic buckets: which one a value falls into.

use super::exponential;

/// Ascending upper bounds, and where those of a value's exponential cell are.
#[derive(Debug)]
pub(crate) struct Bounds {
    bounds: Box<[f64]>,
    cells: Box<[Cell; exponential::CELLS]>,
    /// Whether there is a cell with more than one bound in it.
    crowded: bool,
}

/// What the values of an exponential cell have in common.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The least bound inside the cell, infinity for none.
    inside: f64,
    /// How many bounds are below all of the cell.
    below: u32,
}

impl Bounds {
    pub(crate) fn new(bounds: &[f64]) -> Bounds {
        let mut cells = Box::new([Cell { inside: f64::INFINITY, below: 0 }; exponential::CELLS]);
        let mut crowded = false;
        for (cell, number) in cells.iter_mut().zip(0..) {
            // A cell holds what is above the bound of the one before it.
            let (low, high) = (exponential::upper_bound_of(number - 1), exponential::upper_bound_of(number));
            let below = bounds.partition_point(|&bound| bound <= low);
            let inside = bounds[below..].iter().take_while(|&&bound| bound < high);
            crowded |= inside.clone().count() > 1;
            *cell = Cell { inside: *inside.clone().next().unwrap_or(&f64::INFINITY), below: below as u32 };
        }
        Bounds { bounds: bounds.into(), cells, crowded }
    }

    /// How many bounds there are.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// The bounds.
    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.bounds
    }

    /// The place of a value's bucket: the first whose bound is not below it.
    pub(super) fn place(&self, value: f64) -> usize {
        self.bounds.partition_point(|&bound| bound < value)
    }

    /// The same, of a value in that exponential cell.
    #[inline(always)]
    pub(super) fn place_in(&self, value: f64, cell: usize) -> usize {
        if self.crowded {
            return self.place(value);
        }
        let Cell { inside, below } = self.cells[cell % exponential::CELLS];
        below as usize + usize::from(value > inside)
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
