//! Exponential buckets: the bucket of a value, and the bounds of a bucket.
//!
//! Bucket `i` holds values in `(2^((i-1)/8), 2^(i/8)]`, as Prometheus defines schema 3
//! (<https://prometheus.io/docs/specs/native_histograms/>).

use std::ops::Range;

pub(crate) use crate::format::layout::PAGE_BUCKETS;

/// Values not above this threshold are in the zero bucket.
pub(crate) const ZERO_THRESHOLD: f64 = 1.0 / (1u64 << 32) as f64;
/// Number of pages for all values from the zero threshold to 2^96.
pub(crate) const PAGES: usize = 16;
/// Number of exponential buckets from the zero threshold to 2^96. As dense numbers they are called
/// cells.
pub(crate) const DENSE_BUCKETS: usize = PAGES * PAGE_BUCKETS;
/// The bucket of cell 0.
const FIRST: i32 = -255;
/// The biased exponent of the values in cell 0.
const FIRST_EXPONENT: u64 = 1023 - 32;

/// Upper bounds of the eight buckets of a doubling, except the last, as mantissas. A value whose
/// mantissa is greater than `n` of them is in bucket `n + 1` above the power of two.
///
/// These are Prometheus's decimals, as fractions in [0.5, 1). Some are a step below the nearest
/// `f64`.
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
    value.to_bits() & MANTISSA
}

const MANTISSA: u64 = (1 << 52) - 1;

/// Number of sixteenths in all doublings.
pub(crate) const SUB_BUCKETS: usize = DENSE_BUCKETS * 2;

/// A sixteenth of a doubling: the bucket in which it begins, and the one bound that it may contain.
#[derive(Clone, Copy)]
struct SubBucket {
    /// Number of buckets of the doubling that end before it. A power of two is the bound of the
    /// bucket before.
    buckets: u32,
    /// Mantissas above this are in the next bucket.
    bound: u64,
}

/// The sixteenths of a doubling. No two bounds are as close to each other as a sixteenth.
const DOUBLING: [SubBucket; 16] = {
    let mut sub_buckets = [SubBucket { buckets: 0, bound: MANTISSA }; 16];
    let mut at = 0;
    while at < 16 {
        let (start, end) = ((at as u64) << 48, (at as u64 + 1) << 48);
        // The bound 0 is that of the power of two.
        let (mut below, mut inside) = (0, if at == 0 { 0 } else { MANTISSA });
        if at > 0 {
            below += 1;
        }
        let mut bound = 0;
        while bound < MANTISSAS.len() {
            if MANTISSAS[bound] < start {
                below += 1;
            } else if MANTISSAS[bound] < end {
                inside = MANTISSAS[bound];
            }
            bound += 1;
        }
        sub_buckets[at] = SubBucket { buckets: below, bound: inside };
        at += 1;
    }
    sub_buckets
};

/// Returns the cell of a value below 2^96, or `None` for a value in the zero bucket.
#[inline(always)]
pub(crate) fn dense_index(value: f64) -> Option<usize> {
    if value <= ZERO_THRESHOLD {
        return None;
    }
    let bits = value.to_bits();
    let SubBucket { buckets, bound } = DOUBLING[(bits >> 48) as usize % 16];
    let above = buckets + u32::from(bits & MANTISSA > bound);
    // Bucket 0 of a doubling is the last bucket of the doubling before. Cell -1 is that of the zero
    // threshold.
    let cell = 8 * ((bits >> 52) - FIRST_EXPONENT) as usize + above as usize;
    Some(cell.wrapping_sub(1) % DENSE_BUCKETS)
}

/// Returns the number of the sixteenth of a value that has a cell.
#[inline(always)]
pub(crate) fn sub_bucket(value: f64) -> usize {
    (value.to_bits() >> 48) as usize % SUB_BUCKETS
}

/// Returns the bits of the values in a sixteenth, from the least value to that of the next
/// sixteenth.
pub(crate) fn bits_of(number: usize) -> Range<u64> {
    let first = (FIRST_EXPONENT << 4) as usize;
    let start = (first + (number.wrapping_sub(first) % SUB_BUCKETS)) as u64;
    start << 48..(start + 1) << 48
}

/// Returns the cell of the least value in a sixteenth, as a number that wraps below 0, and the bits
/// of the greatest value in that cell.
pub(crate) fn first_dense_index(bits: &Range<u64>) -> (u32, u64) {
    let SubBucket { buckets, bound } = DOUBLING[(bits.start >> 48) as usize % 16];
    let doublings = ((bits.start >> 52) - FIRST_EXPONENT) as u32;
    ((8 * doublings + buckets).wrapping_sub(1), bits.start & !MANTISSA | bound)
}

/// Returns the inclusive upper bound of a bucket.
pub(crate) fn upper_bound(index: i32) -> f64 {
    let (exponent, step) = (index.div_euclid(8), index.rem_euclid(8).cast_unsigned());
    let mantissa = step.checked_sub(1).and_then(|step| MANTISSAS.get(step as usize)).map_or(0, |bits| *bits);
    f64::from_bits(((exponent + 1023) as u64) << 52 | mantissa)
}

/// Returns whether a bucket can contain observations.
pub(crate) fn has_bucket(bucket: i32) -> bool {
    (FIRST..FIRST + DENSE_BUCKETS as i32).contains(&bucket)
}

/// Returns the bucket at an index of a page.
pub(crate) fn bucket_at(page: usize, index: usize) -> i32 {
    bucket_of(page * PAGE_BUCKETS + index)
}

/// Returns the bucket of a dense index.
pub(crate) fn bucket_of(index: usize) -> i32 {
    index as i32 + FIRST
}

/// Returns the bucket of a value, or `None` for the zero bucket.
pub(crate) fn bucket_index(value: f64) -> Option<i32> {
    dense_index(value).map(bucket_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::LIMIT;
    use proptest::prelude::*;

    /// Prometheus's table of schema 3, for fractions in [0.5, 1).
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

    /// Prometheus's method: fraction and exponent, then a search.
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
    fn sub_buckets_cover_all_dense_buckets() {
        for value in
            [ZERO_THRESHOLD, ZERO_THRESHOLD.next_up(), 1e-3, 1.0_f64.next_down(), 1.0, LIMIT.next_down()]
        {
            assert!(bits_of(sub_bucket(value)).contains(&value.to_bits()), "{value:e}");
        }
        let mut starts: Vec<u64> = (0..SUB_BUCKETS).map(|number| bits_of(number).start).collect();
        starts.sort_unstable();
        assert_eq!(starts[0], ZERO_THRESHOLD.to_bits());
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == 1 << 48));
    }

    #[test]
    fn upper_bound_is_inclusive() {
        for bucket in -255..=750 {
            let bound = upper_bound(bucket);
            assert_eq!(
                (bucket_index(bound), bucket_index(bound.next_up())),
                (Some(bucket), Some(bucket + 1))
            );
            let cell = dense_index(bound).unwrap();
            assert_eq!(bucket_at(cell / PAGE_BUCKETS, cell % PAGE_BUCKETS), bucket);
            assert!(has_bucket(bucket));
        }
        assert!(!has_bucket(-256) && has_bucket(-255) && has_bucket(768) && !has_bucket(769));
        assert_eq!((upper_bound(FIRST - 1), dense_index(ZERO_THRESHOLD)), (ZERO_THRESHOLD, None));
        assert_eq!((dense_index(0.0), dense_index(f64::MIN_POSITIVE)), (None, None));
        assert_eq!(dense_index(ZERO_THRESHOLD.next_up()), Some(0));
        assert!(dense_index(LIMIT.next_down()).unwrap() < DENSE_BUCKETS - 8);
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_prometheus(value in prop_oneof![1e-9..1e7f64, 2.4e-10..1e-6, 1e7..1e28]) {
            prop_assert_eq!(bucket_index(value), Some(oracle(value)).filter(|_| value > ZERO_THRESHOLD));
        }
    }
}
