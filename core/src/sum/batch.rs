//! Sums of many values at once, in units of 2^-96, for values in the range of usual durations.

use super::split::{MAX_SPLIT, MIN_SPLIT, SPLIT_BITS, combine};

/// Number of independent accumulators.
const ACCUMULATORS: usize = 4;

/// Returns the exact sum of at most 64 values in `0.0..LIMIT`, or `None` if a value is outside the
/// ranges of both methods.
pub(crate) fn sum<const COUNT: usize>(value: impl Fn(usize) -> f64 + Copy) -> Option<u128> {
    const { assert!(COUNT <= 64) };
    #[cfg(target_arch = "x86_64")]
    if let Some(sum) = super::avx2::sum_split::<COUNT>(value) {
        return sum.or_else(|| sum_mantissas::<COUNT>(value));
    }
    sum_split::<COUNT>(value).or_else(|| sum_mantissas::<COUNT>(value))
}

/// Returns the sum of values from 2^-30 to 2^13, the range of most durations, or `None` for other
/// values.
///
/// Adding and subtracting a large number splits a value into a multiple of 2^-34 and a remainder of
/// at most 2^-35, which is a multiple of 2^-82. Sums of 64 of either have at most 53 bits. So every
/// addition is exact, the order does not matter, and several accumulators run in parallel.
#[inline(always)]
pub(crate) fn sum_split<const COUNT: usize>(value: impl Fn(usize) -> f64) -> Option<u128> {
    let (mut highs, mut lows) = ([0.0; ACCUMULATORS], [0.0; ACCUMULATORS]);
    let (mut least, mut greatest) = ([MAX_SPLIT; ACCUMULATORS], [MIN_SPLIT; ACCUMULATORS]);
    for row in 0..COUNT / ACCUMULATORS {
        let values: [f64; ACCUMULATORS] = std::array::from_fn(|at| value(ACCUMULATORS * row + at));
        for (at, &value) in values.iter().enumerate() {
            let high = (value + SPLIT_BITS) - SPLIT_BITS;
            highs[at] += high;
            lows[at] += value - high;
            least[at] = if value < least[at] { value } else { least[at] };
            greatest[at] = if value > greatest[at] { value } else { greatest[at] };
        }
    }
    let within = COUNT.is_multiple_of(ACCUMULATORS)
        && least.iter().all(|&value| value >= MIN_SPLIT)
        && greatest.iter().all(|&value| value < MAX_SPLIT);
    within.then(|| combine(highs.iter().sum(), lows.iter().sum()))
}

/// Returns the sum of values from 2^-44 to 2^20: shifted mantissas, 64 of which fit into 124 bits.
fn sum_mantissas<const COUNT: usize>(value: impl Fn(usize) -> f64) -> Option<u128> {
    let (mut sum, mut outside) = (0_u128, 0);
    for bits in (0..COUNT).map(|at| value(at).to_bits()) {
        let shift = (bits >> 52).wrapping_sub(super::UNIT_EXPONENT);
        outside |= shift;
        let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
        sum = sum.wrapping_add(u128::from(mantissa) << (shift % 64));
    }
    (outside < 64).then_some(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{sum_mantissas, sum_split};
    use crate::sum::{ExactSum, LIMIT};

    const COUNT: usize = 64;

    fn all(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::from_values([1.0]);
        sum.add_all::<COUNT>(|at| values[at]);
        sum
    }

    fn one_by_one(values: &[f64]) -> ExactSum {
        ExactSum::from_values([1.0].iter().chain(values).copied())
    }

    #[test]
    fn largest_and_smallest_values_are_summed_exactly() {
        let (greatest, least) = (8192_f64.next_down(), 2_f64.powi(-30));
        for values in
            [[greatest; 64], [least; 64], [least.next_up(); 64], [least.next_down(); 64], [8192.0; 64]]
        {
            assert_eq!(all(&values), one_by_one(&values));
        }
        let mut mixed = [greatest; 64];
        mixed[..32].fill(least.next_up());
        let halves = |values: [f64; COUNT]| sum_split::<COUNT>(|at| values[at]);
        let mantissas = |values: [f64; COUNT]| sum_mantissas::<COUNT>(|at| values[at]);
        assert_eq!(halves(mixed), mantissas(mixed));
        assert!(halves(mixed).is_some() && halves([8192.0; 64]).is_none());
        assert!(mantissas([8192.0; 64]).is_some() && mantissas([0.0; 64]).is_none());
    }

    proptest! {
        #[test]
        fn batch_equals_single_additions(
            durations in prop::collection::vec(prop_oneof![1e-9..1e-6, 1e-6..1.0, 1.0..8191.9f64], COUNT),
            sizes in prop::collection::vec((0.0..1e6f64).prop_map(f64::floor), COUNT),
            any in prop::collection::vec(
                prop_oneof![
                    8 => 1e-9..1e5f64, 1 => 0.0..1e-15, 1 => Just(0.0), 1 => 1e5..1e9, 1 => 0.0..LIMIT / 1e3,
                ],
                COUNT,
            ),
            swap in 0..COUNT,
            by in prop_oneof![1e-13..1e-9f64, 8000.0..1048575.9f64],
        ) {
            let mut mixed = durations.clone();
            mixed[swap] = by;
            for values in [durations, mixed, sizes, any] {
                prop_assert_eq!(all(&values), one_by_one(&values));
            }
        }

        /// Compares the code for AVX2 with the code for all processors.
        #[test]
        #[cfg(target_arch = "x86_64")]
        fn all_instruction_sets_give_the_same_sum(values in prop::collection::vec(1e-10..9000.0f64, COUNT)) {
            let value = |at: usize| values[at];
            if let Some(sum) = crate::sum::avx2::sum_split::<COUNT>(value) {
                prop_assert_eq!(sum, sum_split::<COUNT>(value));
            }
        }
    }
}
