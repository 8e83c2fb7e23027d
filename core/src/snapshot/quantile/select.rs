//! Finds the values of some ranks without sorting all values.
//!
//! Observations are never negative, so their bits have the same order as the values, roughly on a
//! logarithmic scale. One pass counts the values in a thousand ranges of bits, which identifies the
//! few ranges that contain the requested ranks. A second pass gathers the values of these ranges,
//! and only those are sorted. If they are too many, each of these ranges is searched in the same
//! way.
//!
//! No loop over values branches on a value, and each loop does one thing, so that compilers
//! vectorize the loops that allow it.

use std::ops::Range;

/// The number of ranges in which values are counted.
const RANGES: usize = 1 << RANGE_BITS;
const RANGE_BITS: u32 = 10;
/// The number of ranges that are skipped together.
const BLOCK: usize = 64;
/// The maximum number of values that are sorted immediately.
const SMALL_INPUT: usize = 64;
/// The maximum number of gathered values that are sorted.
const MAX_GATHERED: usize = 128;
/// The maximum depth of ranges within ranges. Beyond it, values are found by selection.
const MAX_DEPTH: u32 = 3;

/// A range that contains requested ranks.
struct RankRange {
    range: u16,
    /// The number of values in lower ranges.
    below: usize,
    /// The number of values in this range.
    count: usize,
    /// Indices of the requested ranks that it contains.
    ranks: Range<usize>,
}

/// Finds the values of ascending ranks, which must all be below the number of values.
#[inline(always)]
pub(crate) fn at_ranks(values: &[f64], ranks: &[usize], results: &mut [f64]) {
    search(values, ranks, results, 0);
}

#[inline(always)]
fn search(values: &[f64], ranks: &[usize], results: &mut [f64], depth: u32) {
    if values.len() <= SMALL_INPUT {
        let mut keys: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        keys.sort_unstable();
        ranks.iter().zip(results).for_each(|(&rank, result)| *result = f64::from_bits(keys[rank]));
        return;
    }
    let (low, high) = (min(values), max(values));
    if low >= high {
        return results.fill(values[0]);
    }
    // Counts have 16 bits.
    if values.len() > usize::from(u16::MAX) || depth == MAX_DEPTH {
        return select(values, ranks, results);
    }
    let ranges = ranges(values, low, high);
    let holders = ranges_holding(&counts(&ranges), ranks);
    if holders.iter().map(|holder| holder.count).sum::<usize>() > MAX_GATHERED {
        return holders.into_iter().for_each(|holder| {
            in_range(
                values,
                &ranges,
                &holder,
                &ranks[holder.ranks.clone()],
                &mut results[holder.ranks.clone()],
                depth,
            );
        });
    }
    let mut keys = [0; MAX_GATHERED + 1];
    gather(values, &ranges, &holders, &mut keys);
    let mut gathered = 0;
    for holder in &holders {
        for at in holder.ranks.clone() {
            results[at] = f64::from_bits(keys[gathered + ranks[at] - holder.below]);
        }
        gathered += holder.count;
    }
}

/// Returns the smallest value.
#[inline(always)]
fn min(values: &[f64]) -> f64 {
    min_or_max(values, f64::INFINITY, |one, other| if one < other { one } else { other })
}

/// Returns the greatest value.
#[inline(always)]
fn max(values: &[f64]) -> f64 {
    min_or_max(values, 0.0, |one, other| if one > other { one } else { other })
}

#[inline(always)]
fn min_or_max(values: &[f64], start: f64, pick: impl Fn(f64, f64) -> f64) -> f64 {
    // Processes eight values at a time: each is compared with the value eight positions before it,
    // not with its neighbour.
    let mut extremes = [start; 8];
    let eights = values.chunks_exact(8);
    let rest = eights.remainder();
    for eight in eights {
        for (extreme, &value) in extremes.iter_mut().zip(eight) {
            *extreme = pick(value, *extreme);
        }
    }
    rest.iter().chain(&extremes).fold(start, |extreme, &value| pick(value, extreme))
}

/// Returns the range of each value.
#[inline(always)]
fn ranges(values: &[f64], low: f64, high: f64) -> Vec<u16> {
    let low = low.to_bits();
    let bits = u64::BITS - high.to_bits().wrapping_sub(low).leading_zeros();
    let shift = bits.saturating_sub(RANGE_BITS);
    // For values between low and high, `%` changes nothing.
    let range = |value: &f64| (value.to_bits().wrapping_sub(low) >> shift) as u16 % RANGES as u16;
    values.iter().map(range).collect()
}

/// Returns the number of values in each range.
#[inline(always)]
fn counts(ranges: &[u16]) -> [u16; RANGES] {
    let mut counts = [0_u16; RANGES];
    ranges.iter().for_each(|&range| counts[usize::from(range) % RANGES] += 1);
    counts
}

/// Returns the ranges that contain the ranks, in ascending order.
#[inline(always)]
fn ranges_holding(counts: &[u16; RANGES], ranks: &[usize]) -> Vec<RankRange> {
    let mut blocks = [0_u16; RANGES / BLOCK];
    for (sum, block) in blocks.iter_mut().zip(counts.chunks_exact(BLOCK)) {
        *sum = block.iter().sum();
    }
    let mut holders: Vec<RankRange> = Vec::with_capacity(ranks.len());
    let (mut block, mut below_block) = (0, 0);
    let (mut range, mut below) = (0, 0);
    for (at, &rank) in ranks.iter().enumerate() {
        while rank - below_block >= usize::from(blocks[block]) {
            below_block += usize::from(blocks[block]);
            block += 1;
            (range, below) = (block * BLOCK, below_block);
        }
        while rank - below >= usize::from(counts[range]) {
            below += usize::from(counts[range]);
            range += 1;
        }
        match holders.last_mut() {
            Some(last) if usize::from(last.range) == range => last.ranks.end = at + 1,
            _ => {
                let (range, count) = (range as u16, usize::from(counts[range]));
                holders.push(RankRange { range, below, count, ranks: at..at + 1 });
            }
        }
    }
    holders
}

/// Gathers the sorted bits of the values in those ranges, at most [`MAX_GATHERED`].
#[inline(always)]
fn gather(values: &[f64], ranges: &[u16], holders: &[RankRange], keys: &mut [u64; MAX_GATHERED + 1]) {
    let mut wanted = [0_u8; RANGES];
    holders.iter().for_each(|holder| wanted[usize::from(holder.range)] = 1);
    // One element more than needed: each value is stored, and the length advances only if it is
    // kept.
    let mut length = 0;
    for (value, &range) in values.iter().zip(ranges) {
        keys[length] = value.to_bits();
        length += usize::from(wanted[usize::from(range) % RANGES]);
    }
    keys[..length].sort_unstable();
}

/// Searches the values of one range in the same way.
#[cold]
#[inline(never)]
fn in_range(
    values: &[f64],
    ranges: &[u16],
    holder: &RankRange,
    ranks: &[usize],
    results: &mut [f64],
    depth: u32,
) {
    let mut gathered = vec![0.0; holder.count + 1];
    let mut length = 0;
    for (&value, &range) in values.iter().zip(ranges) {
        gathered[length] = value;
        length += usize::from(range == holder.range);
    }
    let ranks: Vec<usize> = ranks.iter().map(|rank| rank - holder.below).collect();
    search(&gathered[..length], &ranks, results, depth + 1);
}

/// Selects the lowest rank first: each selection leaves the other ranks to its right, so the parts
/// shrink fastest.
#[cold]
#[inline(never)]
fn select(values: &[f64], ranks: &[usize], results: &mut [f64]) {
    let mut keys: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    let mut done = 0;
    for (&rank, result) in ranks.iter().zip(results) {
        if rank >= done {
            keys[done..].select_nth_unstable(rank - done);
            done = rank + 1;
        }
        *result = f64::from_bits(keys[rank]);
    }
}
