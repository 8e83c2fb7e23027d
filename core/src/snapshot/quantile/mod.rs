//! Exact quantiles by selection.
//!
//! The definition is that of the Conductor SDK and of NumPy's `linear`. With the window sorted and
//! `index = q * (n - 1)`, the quantile is interpolated between the two neighbours of `index`:
//! `lower + fraction * (upper - lower)`. The result is bit-equal to sorting and indexing.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod select;

/// The quantiles that every surface shows.
pub const QUANTILES: [f64; 5] = [0.5, 0.75, 0.9, 0.95, 0.99];

/// Returns the values of `quantiles`, which must ascend within `0.0..=1.0`, or `None` if there are
/// no values. Values must be numbers of at least `+0.0`.
pub(crate) fn select<const N: usize>(values: &[f64], quantiles: &[f64; N]) -> Option<[f64; N]> {
    let last = values.len().checked_sub(1)?;
    let index = quantiles.map(|q| q * last as f64);
    // Both neighbours, or the lower one twice if the index is whole.
    let ranks = index.map(|index| [index as usize, index as usize + usize::from(index.fract() > 0.0)]);
    let mut results = [[0.0; 2]; N];
    if ranks.as_flattened().is_sorted() {
        at_ranks(values, ranks.as_flattened(), results.as_flattened_mut());
    } else {
        // Some quantiles are between the same two values.
        ranks.iter().zip(&mut results).for_each(|(ranks, results)| at_ranks(values, ranks, results));
    }
    let mut between = index;
    for (value, [lower, upper]) in between.iter_mut().zip(results) {
        let fraction = value.fract();
        *value = if fraction == 0.0 { lower } else { lower + fraction * (upper - lower) };
    }
    Some(between)
}

/// Finds the values of ascending ranks, with the widest instructions of this processor.
fn at_ranks(values: &[f64], ranks: &[usize], results: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::at_ranks(values, ranks, results) {
        return;
    }
    select::at_ranks(values, ranks, results);
}

#[cfg(test)]
mod tests {
    use super::{QUANTILES, at_ranks, select};
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

    fn check<const N: usize>(values: &[f64], quantiles: &[f64; N]) {
        let expected = quantiles.map(|q| oracle(values, q).to_bits());
        let selected = select(values, quantiles).unwrap().map(f64::to_bits);
        assert_eq!(selected, expected, "{quantiles:?} of {values:?}");
        alike(values);
    }

    /// Checks that the widest instructions of this machine and plain ones find the same values.
    fn alike(values: &[f64]) {
        let ranks: Vec<usize> = (0..values.len()).step_by(values.len().div_ceil(10)).collect();
        let mut results = [vec![0.0; ranks.len()], vec![0.0; ranks.len()]];
        let [widest, plain] = &mut results;
        at_ranks(values, &ranks, widest);
        select::at_ranks(values, &ranks, plain);
        let [widest, plain] =
            results.map(|results| results.into_iter().map(f64::to_bits).collect::<Vec<_>>());
        assert_eq!(widest, plain);
    }

    proptest! {
        #[test]
        fn selection_is_bit_equal_to_sort_and_index(
            values in prop::collection::vec(
                prop_oneof![1e-9..1e7f64, Just(0.0), Just(0.25), 0.0..1e300, 0.0..1e-300], 1..1100),
            requested in prop::array::uniform7(0.0..=1.0f64),
        ) {
            let mut quantiles = [0.0, 1.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
            quantiles[7..].copy_from_slice(&requested);
            quantiles.sort_by(f64::total_cmp);
            check(&values, &quantiles);
        }

        /// Distributions that fill few ranges, so that all candidates are in one range.
        #[test]
        fn narrow_and_skewed_windows_are_no_exception(
            centre in 1e-6..1e3f64, outlier in 1e-9..1e9f64, n in 65..2000usize, steps in 1..300usize,
        ) {
            let narrow = (0..n).map(|i| centre * (1.0 + (i * 7919 % steps) as f64 * 1e-5));
            let mut values: Vec<f64> = narrow.collect();
            check(&values, &QUANTILES);
            values[n / 3] = outlier;
            check(&values, &QUANTILES);
            let bimodal: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { centre } else { outlier }).collect();
            check(&bimodal, &QUANTILES);
        }

        /// Each selection within a range finds another outlier there.
        #[test]
        fn outliers_within_outliers_are_no_exception(n in 65..2000usize, steps in 1..64u32, centre in 1e-3..1e3f64) {
            let spread = |i| centre * (1.0 + 2f64.powi(-((i * 7919 % steps) as i32)));
            check(&(0..n as u32).map(spread).collect::<Vec<_>>(), &QUANTILES);
        }
    }

    #[test]
    fn windows_of_any_length_are_selected_from() {
        for n in [1, 2, 3, 63, 64, 65, 1_000, 65_535, 65_536, 70_000] {
            let values: Vec<f64> = (0..n).map(|i| (i * 7919 % n) as f64).collect();
            check(&values, &QUANTILES);
            check(&vec![0.25; n], &QUANTILES);
        }
    }

    /// From values that differ in their last bit to values of all magnitudes.
    #[test]
    fn values_of_every_spread_are_selected_from() {
        for bits in 0..=62_u32 {
            for start in [0, 0.1_f64.to_bits()] {
                let spread = |i: u64| start + (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1 >> (63 - bits));
                let values: Vec<f64> = (0..200).map(|i| f64::from_bits(spread(i))).collect();
                if values.iter().all(|value| value.is_finite()) {
                    check(&values, &QUANTILES);
                }
            }
        }
    }

    #[test]
    fn invalid_values_cause_no_panic() {
        for odd in [f64::NAN, f64::INFINITY, -0.0, -1.0, f64::NEG_INFINITY, -f64::NAN] {
            for n in [1, 64, 65, 1_000] {
                let mut values: Vec<f64> = (0..n).map(f64::from).collect();
                select(&vec![odd; values.len()], &QUANTILES).unwrap();
                values[n as usize / 2] = odd;
                select(&values, &QUANTILES).unwrap();
            }
        }
    }

    #[test]
    fn empty_window_has_no_quantiles() {
        assert_eq!(select(&[], &QUANTILES), None);
    }

    #[test]
    fn one_value_is_every_quantile() {
        assert_eq!(select(&[0.25], &QUANTILES), Some([0.25; 5]));
        assert_eq!(select(&[0.25; 500], &QUANTILES), Some([0.25; 5]));
    }
}
