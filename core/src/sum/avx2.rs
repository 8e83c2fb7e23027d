//! The sum of `batch`, with four values per instruction, for processors with AVX2.
#![expect(unsafe_code, reason = "that the processor has the instructions is only known at run time")]

use std::arch::{
    is_x86_feature_detected,
    x86_64::{
        __m256d, _mm_add_pd, _mm_add_sd, _mm_cvtsd_f64, _mm_max_pd, _mm_min_pd, _mm_unpackhi_pd,
        _mm256_add_pd, _mm256_castpd256_pd128, _mm256_extractf128_pd, _mm256_max_pd, _mm256_min_pd,
        _mm256_set_pd, _mm256_set1_pd, _mm256_setzero_pd, _mm256_sub_pd,
    },
};

use super::split::{MAX_SPLIT, MIN_SPLIT, SPLIT_BITS, combine};

/// As [`sum_split`](super::batch::sum_split). Returns `None` if the processor lacks the
/// instructions.
#[inline]
#[expect(clippy::option_option, reason = "whether the call was tried, and its result")]
pub(super) fn sum_split<const COUNT: usize>(value: impl Fn(usize) -> f64) -> Option<Option<u128>> {
    // SAFETY: the processor has the feature that the function is compiled for.
    is_x86_feature_detected!("avx2").then(|| unsafe { compiled::<COUNT>(value) })
}

#[target_feature(enable = "avx2")]
fn compiled<const COUNT: usize>(value: impl Fn(usize) -> f64) -> Option<u128> {
    if !COUNT.is_multiple_of(4) {
        return None;
    }
    let split = _mm256_set1_pd(SPLIT_BITS);
    let (mut highs, mut lows) = (_mm256_setzero_pd(), _mm256_setzero_pd());
    let (mut least, mut greatest) = (_mm256_set1_pd(MAX_SPLIT), _mm256_set1_pd(MIN_SPLIT));
    for at in (0..COUNT).step_by(4) {
        let values = _mm256_set_pd(value(at + 3), value(at + 2), value(at + 1), value(at));
        let high = _mm256_sub_pd(_mm256_add_pd(values, split), split);
        highs = _mm256_add_pd(highs, high);
        lows = _mm256_add_pd(lows, _mm256_sub_pd(values, high));
        least = _mm256_min_pd(least, values);
        greatest = _mm256_max_pd(greatest, values);
    }
    let sum = |parts: __m256d| {
        let pair = _mm_add_pd(_mm256_castpd256_pd128(parts), _mm256_extractf128_pd::<1>(parts));
        _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)))
    };
    let least = _mm_min_pd(_mm256_castpd256_pd128(least), _mm256_extractf128_pd::<1>(least));
    let greatest = _mm_max_pd(_mm256_castpd256_pd128(greatest), _mm256_extractf128_pd::<1>(greatest));
    let least = _mm_cvtsd_f64(_mm_min_pd(least, _mm_unpackhi_pd(least, least)));
    let greatest = _mm_cvtsd_f64(_mm_max_pd(greatest, _mm_unpackhi_pd(greatest, greatest)));
    (least >= MIN_SPLIT && greatest < MAX_SPLIT).then(|| combine(sum(highs), sum(lows)))
}
