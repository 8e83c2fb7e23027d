//! The split of a value in two parts, of which 64 are summed exactly, for every instruction set.

/// The constant that splits a value in two: adding and subtracting it leaves a multiple of 2^-34.
pub(crate) const SPLIT_BITS: f64 = (3_u64 << 17) as f64;
/// The range of values that [`sum_split`](super::batch::sum_split) accepts.
pub(crate) const MIN_SPLIT: f64 = 1.0 / (1 << 30) as f64;
pub(crate) const MAX_SPLIT: f64 = (1 << 13) as f64;
/// Adds a multiple of 2^-34 and one of 2^-82, both of at most 53 bits. The result is in units of
/// 2^-96.
#[inline(always)]
pub(crate) fn combine(high: f64, low: f64) -> u128 {
    let high = i128::from((high * (1_u64 << 34) as f64) as i64);
    let low = i128::from((low * (1_u64 << 41) as f64 * (1_u64 << 41) as f64) as i64);
    ((high << 62) + (low << 14)) as u128
}
