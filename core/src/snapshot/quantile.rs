//! Exact quantiles by selection.
//!
//! The definition is that of the Conductor SDK (and of NumPy's `linear`): with the window sorted
//! and `index = q * (n - 1)`, the value between the two neighbours of `index`,
//! `lower + fraction * (upper - lower)`. Bit-equal to sorting and indexing.
//!
//! Observations are never negative, so their bits order as they do, and roughly by their
//! logarithm. One pass counts values into a thousand ranges of bits, which tells the few ranges
//! that hold the ranks asked for; a second pass gathers what is in those, and only that is sorted.

/// The quantiles that every surface shows.
pub const QUANTILES: [f64; 5] = [0.5, 0.75, 0.9, 0.95, 0.99];

/// Ranges that values are counted into.
const RANGES: usize = 1 << RANGE_BITS;
const RANGE_BITS: u32 = 10;
/// Below this many values, ranges cost more than they save.
const FEW: usize = 64;
/// More values than this in the ranges asked for are selected from, not sorted.
const MANY: usize = 128;

/// The values at each of `quantiles`, which must ascend within `0.0..=1.0`. Values are not
/// negative. `None` where there are none.
pub(crate) fn select(values: &[f64], quantiles: &[f64]) -> Option<Vec<f64>> {
    let last = values.len().checked_sub(1)?;
    let index = |&q: &f64| q * last as f64;
    let mut ranks: Vec<usize> = Vec::with_capacity(2 * quantiles.len());
    for index in quantiles.iter().map(index) {
        // The neighbours; the upper one only where it counts.
        ranks.extend([index as usize, index.ceil() as usize]);
    }
    // Quantiles ascend, so the ranks do but for a pair's equal halves.
    ranks.dedup();
    let found = at_ranks(values, &ranks);
    let at = |rank| ranks.binary_search(&rank).map_or(f64::NAN, |place| found[place]);
    let between = |index: f64| {
        let (lower, fraction) = (at(index as usize), index.fract());
        if fraction == 0.0 { lower } else { lower + fraction * (at(index.ceil() as usize) - lower) }
    };
    Some(quantiles.iter().map(index).map(between).collect())
}

/// The values of ascending ranks, which are all below the number of values.
fn at_ranks(values: &[f64], ranks: &[usize]) -> Vec<f64> {
    let keys = values.iter().map(|value| value.to_bits());
    let (low, high) = keys.clone().fold((u64::MAX, 0), |(low, high), key| (low.min(key), high.max(key)));
    if values.len() <= FEW {
        return nested(keys.collect(), ranks);
    }
    let shift = (u64::BITS - (high - low).leading_zeros()).saturating_sub(RANGE_BITS);
    let range = |key: u64| ((key - low) >> shift) as usize % RANGES;
    let mut counts = [0u32; RANGES];
    keys.clone().for_each(|key| counts[range(key)] += 1);

    // Which ranges hold the ranks, and where the ranks stand among what those ranges hold.
    let mut wanted = [0u8; RANGES];
    let mut places = Vec::with_capacity(ranks.len());
    let (mut below, mut gathered) = (0, 0);
    let mut rest = ranks;
    for (range, &count) in counts.iter().enumerate() {
        let count = count as usize;
        while let Some((&rank, others)) = rest.split_first().filter(|&(&rank, _)| rank < below + count) {
            wanted[range] = 1;
            places.push(gathered + rank - below);
            rest = others;
        }
        gathered += count * usize::from(wanted[range]);
        below += count;
        if rest.is_empty() {
            break;
        }
    }

    // One more place than is needed: each key is stored, and kept by moving on.
    let mut found = vec![0u64; gathered + 1];
    let mut length = 0;
    for key in keys {
        found[length] = key;
        length += usize::from(wanted[range(key)]);
    }
    found.truncate(gathered);
    nested(found, &places)
}

/// Sorts where there is little, else selects, lowest rank first: each selection leaves the rest to
/// its right, so the parts shrink fastest.
fn nested(mut keys: Vec<u64>, ranks: &[usize]) -> Vec<f64> {
    if keys.len() <= MANY {
        keys.sort_unstable();
    } else {
        let mut done = 0;
        for &rank in ranks.iter() {
            if rank >= done {
                keys[done..].select_nth_unstable(rank - done);
                done = rank + 1;
            }
        }
    }
    ranks.iter().map(|&rank| f64::from_bits(keys[rank])).collect()
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

    fn check(values: &[f64], quantiles: &[f64]) {
        let expected: Vec<u64> = quantiles.iter().map(|&q| oracle(values, q).to_bits()).collect();
        let found: Vec<u64> = select(values, quantiles).unwrap().into_iter().map(f64::to_bits).collect();
        assert_eq!(found, expected, "{quantiles:?} of {values:?}");
    }

    proptest! {
        #[test]
        fn selection_is_bit_equal_to_sort_and_index(
            values in prop::collection::vec(prop_oneof![1e-9..1e7f64, Just(0.0), Just(0.25), 0.0..1e300], 1..1100),
            mut asked in prop::collection::vec(0.0..=1.0f64, 1..8),
        ) {
            asked.extend(QUANTILES);
            asked.extend([0.0, 1.0]);
            asked.sort_by(f64::total_cmp);
            check(&values, &asked);
        }

        /// Shapes that fill few ranges: all candidates then fall into one.
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
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(select(&[], &QUANTILES), None);
    }

    #[test]
    fn one_value_is_every_quantile() {
        assert_eq!(select(&[0.25], &QUANTILES), Some(vec![0.25; 5]));
        assert_eq!(select(&[0.25; 500], &QUANTILES), Some(vec![0.25; 5]));
    }
}
