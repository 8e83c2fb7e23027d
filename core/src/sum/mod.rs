//! Exact sums in 192-bit fixed point.
//!
//! A running `f64` drifts (1e-11 over a million observations), and the result of `f64` addition
//! depends on its order. So a total over lanes could decrease by a rounding error when a lane is
//! folded into the totals, and Prometheus would treat that as a counter reset. Integers have
//! neither fault. A sum is rounded once, when it is shown.

#[cfg(all(feature = "record", target_arch = "x86_64"))]
mod avx2;
#[cfg(feature = "record")]
mod batch;
mod split;

/// A sum in units of 2^-96, low word first. It accepts values from 0 up to [`LIMIT`].
///
/// Each value is rounded to the nearest unit, an error of at most 2^-97. The relative error of a
/// sum is at most 2^-97 divided by the mean of its values: below 1e-12 if that mean is 1e-17 or
/// more. Values of 2^-44 (6e-14) or more are whole numbers of units, so their sum is exact. A sum
/// that reaches 2^96 stays there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExactSum(pub(crate) [u64; 3]);

/// Values at or above this (2^94, about 2e28) are rejected: four of them would overflow a sum.
pub(crate) const LIMIT: f64 = (1u128 << 94) as f64;

/// The biased exponent of an `f64` whose lowest mantissa bit is one unit, 2^-96.
const UNIT_EXPONENT: u64 = 1075 - 96;

impl ExactSum {
    /// Adds a value in `0.0..LIMIT`, rounded to the nearest unit.
    #[inline]
    pub(crate) fn add_value(&mut self, value: f64) {
        debug_assert!((0.0..LIMIT).contains(&value), "{value} is no observation");
        let bits = value.to_bits();
        let exponent = (bits >> 52).max(1);
        let implicit = u64::from(bits >> 52 != 0) << 52;
        let mantissa = (bits & ((1 << 52) - 1)) | implicit;
        let (word, low, high) = if exponent >= UNIT_EXPONENT {
            let shift = exponent - UNIT_EXPONENT;
            let wide = u128::from(mantissa) << (shift % 64);
            ((shift / 64) as usize, wide as u64, (wide >> 64) as u64)
        } else {
            let shift = UNIT_EXPONENT - exponent;
            let rounded = if shift > 54 { 0 } else { (mantissa + (1 << (shift - 1))) >> shift };
            (0, rounded, 0)
        };
        let mut addend = [0; 3];
        // LIMIT keeps the word in range, and the high part of the last word zero.
        if let Some(limb) = addend.get_mut(word) {
            *limb = low;
        }
        if let Some(limb) = addend.get_mut(word + 1) {
            *limb = high;
        }
        self.add(&ExactSum(addend));
    }

    /// Adds at most 64 values in `0.0..LIMIT`. Equivalent to [`add_value`](ExactSum::add_value) for
    /// each, but faster.
    #[cfg(feature = "record")]
    pub(crate) fn add_all<const COUNT: usize>(&mut self, value: impl Fn(usize) -> f64 + Copy) {
        match batch::sum::<COUNT>(value) {
            Some(sum) => self.add(&ExactSum([sum as u64, (sum >> 64) as u64, 0])),
            None => (0..COUNT).for_each(|at| self.add_value(value(at))),
        }
    }

    /// Adds another sum. The result saturates instead of wrapping.
    #[inline]
    pub(crate) fn add(&mut self, other: &ExactSum) {
        let (low, carry) = self.0[0].overflowing_add(other.0[0]);
        let (middle, carry) = add_with_carry(self.0[1], other.0[1], carry);
        let (high, carry) = add_with_carry(self.0[2], other.0[2], carry);
        self.0 = if carry { [u64::MAX; 3] } else { [low, middle, high] };
    }

    /// Returns whether the sum is saturated, so that it no longer grows.
    pub(crate) fn is_saturated(&self) -> bool {
        self.0 == [u64::MAX; 3]
    }

    /// Subtracts `part`. Returns `None` if it is greater than the sum, or if the sum is saturated
    /// and its exact value is therefore unknown.
    pub(crate) fn checked_sub(&self, part: &ExactSum) -> Option<ExactSum> {
        let (low, borrow) = self.0[0].overflowing_sub(part.0[0]);
        let (middle, borrow) = sub_with_borrow(self.0[1], part.0[1], borrow);
        let (high, borrow) = sub_with_borrow(self.0[2], part.0[2], borrow);
        (!borrow && !self.is_saturated()).then_some(ExactSum([low, middle, high]))
    }

    /// Returns the sum of values.
    pub(crate) fn from_values(values: impl IntoIterator<Item = f64>) -> ExactSum {
        let mut sum = ExactSum::default();
        values.into_iter().for_each(|value| sum.add_value(value));
        sum
    }

    /// Returns the nearest `f64`, ties to even. The result never decreases for a larger sum.
    pub(crate) fn to_f64(self) -> f64 {
        let Some(top) = (0..3).rev().find(|&word| self.0[word] != 0) else { return 0.0 };
        let zeros = self.0[top].leading_zeros();
        // The 64 highest bits from the first 1, and whether any later bit is 1.
        let below = |word: usize| top.checked_sub(word).map_or(0, |at| self.0[at]);
        let head = if zeros == 0 { below(0) } else { (below(0) << zeros) | (below(1) >> (64 - zeros)) };
        let tail = if zeros == 0 { below(1) } else { below(1) << zeros };
        let sticky = u64::from(tail != 0 || below(2) != 0);
        // A 1 in the lowest bit stands for all later bits. The conversion then rounds as if it had
        // all bits.
        let rounded = (head | sticky) as f64;
        let exponent = (64 * top as i32) - zeros as i32 - 96;
        rounded * f64::from_bits(((1023 + exponent) as u64) << 52)
    }
}

fn add_with_carry(left: u64, right: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = left.overflowing_add(right);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum, first | second)
}

fn sub_with_borrow(left: u64, right: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = left.overflowing_sub(right);
    let (difference, second) = difference.overflowing_sub(u64::from(borrow));
    (difference, first | second)
}

#[cfg(test)]
mod tests {
    use super::{ExactSum, LIMIT};
    use proptest::prelude::*;

    #[test]
    fn single_value_round_trips() {
        for value in [0.0, 1.0, 0.001, 1e-9, 1e7, 3.5e27, 0.1 + 0.2, f64::EPSILON] {
            assert_eq!(ExactSum::from_values([value]).to_f64(), value);
        }
    }

    #[test]
    fn values_below_the_unit_round_to_zero_or_one() {
        assert_eq!(ExactSum::from_values([f64::MIN_POSITIVE, 5e-324]), ExactSum::default());
        assert_eq!(ExactSum::from_values([2f64.powi(-97)]).0, [1, 0, 0]);
        assert_eq!(ExactSum::from_values([2f64.powi(-98)]).0, [0, 0, 0]);
    }

    #[test]
    fn sums_are_accurate_from_one_end_of_their_range_to_the_other() {
        // Values with bits below a unit: each is rounded, all in the same direction.
        for smallest in [1e-17, 1.234_567_890_123_456_7e-17, 9.87e-16] {
            let sum = ExactSum::from_values(std::iter::repeat_n(smallest, 100_000)).to_f64();
            assert!((sum / (smallest * 1e5) - 1.0).abs() < 1e-12, "{smallest}: {sum}");
        }
        // Values that are whole numbers of units: there is no error.
        let exact = 2f64.powi(-44) * (1.0 + f64::EPSILON);
        let sum = ExactSum::from_values(std::iter::repeat_n(exact, 1 << 17)).to_f64();
        assert_eq!(sum, exact * f64::from(1 << 17));
        // The largest observation, as often as the sum can contain it.
        let largest = LIMIT.next_down();
        let sum = ExactSum::from_values([largest; 4]);
        assert_eq!((sum.to_f64(), sum.is_saturated()), (4.0 * largest, false));
        assert!(ExactSum::from_values([largest; 5]).is_saturated());
    }

    #[test]
    fn sums_of_values_below_the_range_are_not_accurate() {
        let sum = ExactSum::from_values(std::iter::repeat_n(1e-20, 100_000)).to_f64();
        assert!((sum / 1e-15 - 1.0).abs() > 1e-12, "{sum}: the documented range may be wider");
    }

    #[test]
    fn saturated_sum_stays_saturated() {
        let mut sum = ExactSum([u64::MAX; 3]);
        sum.add_value(1.0);
        assert_eq!(sum, ExactSum([u64::MAX; 3]));
        assert_eq!(sum.to_f64(), 2f64.powi(96));
    }

    #[test]
    fn nothing_is_subtracted_from_a_saturated_sum() {
        let mut sum = ExactSum([u64::MAX, u64::MAX, u64::MAX - 1]);
        let part = ExactSum([0, 0, u64::MAX - 1]);
        assert_eq!(sum.checked_sub(&part), Some(ExactSum([u64::MAX, u64::MAX, 0])));
        sum.add(&part);
        assert_eq!((sum, sum.checked_sub(&part)), (ExactSum([u64::MAX; 3]), None));
    }

    /// Sums of small multiples of a power of two, which `i128` holds exactly.
    fn oracle(values: &[u32], exponent: i32) -> f64 {
        let total: u128 = values.iter().map(|&value| u128::from(value)).sum();
        // Rounds once, since `u128 as f64` rounds to nearest and the scaling is exact.
        total as f64 * 2f64.powi(exponent)
    }

    proptest! {
        #[test]
        fn sums_are_those_of_integers(values in prop::collection::vec(any::<u32>(), 0..200), exponent in -80..40i32) {
            let sum = ExactSum::from_values(values.iter().map(|&value| f64::from(value) * 2f64.powi(exponent)));
            prop_assert_eq!(sum.to_f64(), oracle(&values, exponent));
        }

        #[test]
        fn sums_do_not_depend_on_order_and_never_decrease(
            mut values in prop::collection::vec(prop_oneof![0.0..1e-6, 0.0..1.0, 0.0..1e9, 0.0..LIMIT / 1e3], 1..100),
        ) {
            let forward = ExactSum::from_values(values.iter().copied());
            values.reverse();
            prop_assert_eq!(ExactSum::from_values(values.iter().copied()), forward);
            let mut sum = ExactSum::default();
            let mut shown = 0.0;
            for value in values {
                sum.add_value(value);
                prop_assert!(sum.to_f64() >= shown);
                shown = sum.to_f64();
            }
        }

        #[test]
        fn subtraction_leaves_the_sum_of_the_rest(
            kept in prop::collection::vec(prop_oneof![0.0..1e-9, 0.0..1e3, 0.0..LIMIT / 1e3], 0..20),
            subtracted in prop::collection::vec(prop_oneof![0.0..1e-9, 0.0..1e3, 0.0..LIMIT / 1e3], 0..20),
        ) {
            let [kept, subtracted] = [kept, subtracted].map(ExactSum::from_values);
            let mut all = kept;
            all.add(&subtracted);
            prop_assert_eq!(all.checked_sub(&subtracted), Some(kept));
            prop_assert_eq!(kept.checked_sub(&all), Some(ExactSum::default()).filter(|_| subtracted == ExactSum::default()));
        }

        #[test]
        fn conversion_rounds_to_nearest_even(low: u64, middle: u64, shift in 0u32..128) {
            // Within u128, the compiler's conversion is the oracle.
            let wide = (u128::from(middle) << 64 | u128::from(low)) >> shift;
            let sum = ExactSum([wide as u64, (wide >> 64) as u64, 0]);
            prop_assert_eq!(sum.to_f64(), wide as f64 * 2f64.powi(-96));
        }
    }

    #[test]
    fn a_million_constant_or_tiny_values_hold_twelve_digits() {
        for value in [1e-9, 0.1, 1e-12, 12345.678] {
            let sum = ExactSum::from_values(std::iter::repeat_n(value, 1_000_000)).to_f64();
            assert!((sum / (value * 1e6) - 1.0).abs() < 1e-12, "{value}: {sum}");
        }
    }

    #[test]
    fn a_million_lognormal_values_hold_twelve_digits() {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        // Twelve uniform numbers minus six are close enough to a normal distribution.
        let values: Vec<f64> = (0..1_000_000)
            .map(|_| 0.01 * (2.0 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0)).exp())
            .collect();
        // The oracle keeps the rounding error of each addition (Neumaier).
        let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
        for &value in &values {
            let next = sum + value;
            lost += if sum >= value { (sum - next) + value } else { (value - next) + sum };
            sum = next;
        }
        let exact = ExactSum::from_values(values.iter().copied()).to_f64();
        assert!((exact / (sum + lost) - 1.0).abs() < 1e-15, "{exact} instead of {}", sum + lost);
        let naive: f64 = values.iter().sum();
        assert!((naive / exact - 1.0).abs() > 1e-15, "the oracle is no better than a plain sum");
    }
}
