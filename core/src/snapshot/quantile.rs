//! Exact quantiles by selection.
//!
//! The definition is that of the Conductor SDK (and of NumPy's `linear`): with the window sorted
//! and `index = q * (n - 1)`, the value between the two neighbours of `index`,
//! `lower + fraction * (upper - lower)`. Bit-equal to sorting and indexing.

/// The quantiles that every surface shows.
pub const QUANTILES: [f64; 5] = [0.5, 0.75, 0.9, 0.95, 0.99];

/// The values at each of `quantiles`, which must ascend within `0.0..=1.0`. Reorders `values`.
/// `None` where there are none.
pub(crate) fn select(values: &mut [f64], quantiles: &[f64]) -> Option<Vec<f64>> {
    let last = values.len().checked_sub(1)?;
    // Everything left of `sorted_below` is final: lowest quantile first, each selection leaves the
    // rest to its right, so the ranges shrink fastest.
    let mut sorted_below = 0;
    let mut found = Vec::with_capacity(quantiles.len());
    for &q in quantiles {
        let index = q * last as f64;
        let lower = index as usize;
        place(values, &mut sorted_below, lower);
        let fraction = index - lower as f64;
        if fraction == 0.0 {
            found.push(values[lower]);
            continue;
        }
        place(values, &mut sorted_below, lower + 1);
        found.push(values[lower] + fraction * (values[lower + 1] - values[lower]));
    }
    Some(found)
}

/// Puts the value of that rank in its place, with all to its left not greater.
fn place(values: &mut [f64], sorted_below: &mut usize, rank: usize) {
    if rank >= *sorted_below {
        values[*sorted_below..].select_nth_unstable_by(rank - *sorted_below, f64::total_cmp);
        *sorted_below = rank + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{QUANTILES, select};
    use proptest::prelude::*;

    /// The definition itself: sort, index, interpolate.
    fn oracle(values: &[f64], q: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let index = q * (sorted.len() - 1) as f64;
        if index.fract() == 0.0 {
            return sorted[index as usize];
        }
        let lower = index as usize;
        let upper = (lower + 1).min(sorted.len() - 1);
        sorted[lower] + (index - lower as f64) * (sorted[upper] - sorted[lower])
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn selection_is_bit_equal_to_sort_and_index(
            values in prop::collection::vec(prop_oneof![1e-9..1e7f64, Just(0.0), Just(0.25)], 1..1100),
            mut asked in prop::collection::vec(0.0..=1.0f64, 1..8),
        ) {
            asked.extend(QUANTILES);
            asked.extend([0.0, 1.0]);
            asked.sort_by(f64::total_cmp);
            let expected: Vec<f64> = asked.iter().map(|&q| oracle(&values, q)).collect();
            let found = select(&mut values.clone(), &asked).unwrap();
            prop_assert_eq!(bits(&found), bits(&expected));
        }
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(select(&mut [], &QUANTILES), None);
    }

    #[test]
    fn one_value_is_every_quantile() {
        assert_eq!(select(&mut [0.25], &QUANTILES), Some(vec![0.25; 5]));
    }
}
