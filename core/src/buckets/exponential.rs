//! Exponential buckets: which one a value falls into.
//!
//! Bucket `i` holds values in `(2^((i-1)/8), 2^(i/8)]`, as Prometheus defines schema 3
//! (<https://prometheus.io/docs/specs/native_histograms/>).

/// Values not above this are in the zero bucket.
pub(crate) const ZERO_THRESHOLD: f64 = 1.0 / (1u64 << 32) as f64;
/// Buckets of a page: eight doublings.
pub(crate) const PAGE_BUCKETS: usize = 64;
/// Pages that cover all values from the zero threshold to 2^96.
pub(crate) const PAGES: usize = 16;
/// The first page's place relative to bucket 0: the buckets (2^-32, …] start at index -255.
const FIRST_PAGE: i32 = -4;

/// Upper bounds of the eight buckets of a doubling, but for the last, as mantissas: a value whose
/// mantissa is greater than `n` of them is in bucket `n + 1` above the power of two.
///
/// Prometheus's own decimals, as fractions in [0.5, 1): some are a step below the nearest `f64`.
const MANTISSAS: [u64; 7] = [
    mantissa(0.5452538663326288),
    mantissa(0.5946035575013605),
    mantissa(0.6484197773255048),
    mantissa(0.7071067811865475),
    mantissa(0.7711054127039704),
    mantissa(0.8408964152537144),
    mantissa(0.9170040432046711),
];

const fn mantissa(value: f64) -> u64 {
    value.to_bits() & ((1 << 52) - 1)
}

/// The bucket of a value above the zero threshold and below 2^96.
#[inline]
pub(crate) fn index(value: f64) -> i32 {
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let mantissa = bits & ((1 << 52) - 1);
    if mantissa == 0 {
        // A power of two is the upper bound of its bucket.
        return exponent * 8;
    }
    let above = MANTISSAS.iter().filter(|&&bound| mantissa > bound).count() as i32;
    exponent * 8 + above + 1
}

/// The inclusive upper bound of a bucket.
pub(crate) fn upper_bound(index: i32) -> f64 {
    let (exponent, step) = (index.div_euclid(8), index.rem_euclid(8).cast_unsigned());
    let mantissa = step.checked_sub(1).and_then(|step| MANTISSAS.get(step as usize)).map_or(0, |bits| *bits);
    f64::from_bits(((exponent + 1023) as u64) << 52 | mantissa)
}

/// Whether a bucket holds values that can be observed.
pub(crate) fn is_known(index: i32) -> bool {
    let first = FIRST_PAGE * PAGE_BUCKETS as i32;
    (first + 1..=first + (PAGES * PAGE_BUCKETS) as i32).contains(&index)
}

/// The page of a bucket and its place there: index 1 is the first of its page, for a page ends
/// with a power of two.
#[inline]
pub(crate) fn page(index: i32) -> (usize, usize) {
    let shifted = index - 1;
    let page = shifted.div_euclid(PAGE_BUCKETS as i32) - FIRST_PAGE;
    (page as usize, shifted.rem_euclid(PAGE_BUCKETS as i32) as usize)
}

/// The bucket at a place of a page.
pub(crate) fn at(page: usize, place: usize) -> i32 {
    (page as i32 + FIRST_PAGE) * PAGE_BUCKETS as i32 + place as i32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::LIMIT;
    use proptest::prelude::*;

    /// Prometheus's own table of schema 3, for fractions in [0.5, 1).
    const BOUNDS: [f64; 8] = [
        0.5,
        0.5452538663326288,
        0.5946035575013605,
        0.6484197773255048,
        0.7071067811865475,
        0.7711054127039704,
        0.8408964152537144,
        0.9170040432046711,
    ];

    /// Prometheus's own way: fraction and exponent, then a search.
    fn oracle(value: f64) -> i32 {
        let exponent = value.log2().floor() as i32 + 1;
        let exponent = if value / 2f64.powi(exponent) >= 1.0 { exponent + 1 } else { exponent };
        let exponent = if value / 2f64.powi(exponent) < 0.5 { exponent - 1 } else { exponent };
        let fraction = value / 2f64.powi(exponent);
        BOUNDS.partition_point(|&bound| bound < fraction) as i32 + (exponent - 1) * 8
    }

    #[test]
    fn bounds_are_those_of_prometheus() {
        for (step, fraction) in BOUNDS.into_iter().enumerate() {
            assert_eq!(upper_bound(step as i32 - 8), fraction);
        }
    }

    #[test]
    fn a_bound_is_in_its_bucket_and_the_next_value_in_the_next() {
        for bucket in -255..=750 {
            let bound = upper_bound(bucket);
            assert_eq!((index(bound), index(bound.next_up())), (bucket, bucket + 1));
            let (page, place) = page(bucket);
            assert!(page < PAGES && place < PAGE_BUCKETS);
            assert_eq!(at(page, place), bucket);
            assert!(is_known(bucket));
        }
        assert_eq!(index(ZERO_THRESHOLD), -256);
        assert!(!is_known(-256) && is_known(-255) && is_known(768) && !is_known(769));
        assert_eq!(page(index(ZERO_THRESHOLD.next_up())), (0, 0));
        assert!(page(index(LIMIT.next_down())).0 < PAGES);
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_prometheus(value in prop_oneof![1e-9..1e7f64, 2.4e-10..1e-6, 1e7..1e28]) {
            prop_assert_eq!(index(value), oracle(value));
        }
    }
}
