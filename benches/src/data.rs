//! The observed values: realistic durations, the same in every run.

use std::hint::black_box;

/// The number of values in a table, after which it starts over.
pub const TABLE_LEN: usize = 4096;

/// A table of values that is used in a circle. The compiler cannot know the values.
#[derive(Clone, Debug)]
pub struct ValueTable<T>(Box<[T; TABLE_LEN]>);

impl<T: Copy> ValueTable<T> {
    /// Creates a table of the values that a function returns, in order.
    pub fn from_fn(value: impl FnMut() -> T) -> ValueTable<T> {
        let values: Vec<T> = std::iter::repeat_with(value).take(TABLE_LEN).collect();
        ValueTable(values.try_into().unwrap_or_else(|_| unreachable!("as many as were taken")))
    }

    /// Returns the value of a step. The compiler moves no other code across the call.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, step: u64) -> T {
        black_box(self.0[step as usize % TABLE_LEN])
    }
}

/// Pseudorandom numbers (SplitMix64), the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates a generator from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Returns a number evenly distributed in `0.0..1.0`.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns seconds with a median of 12.5 ms, in the lognormal distribution of latencies: one in
    /// six is above 34 ms.
    pub fn duration(&mut self) -> f64 {
        // Box–Muller transform; the argument of the logarithm is in (0, 1].
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        0.0125 * (radius * (std::f64::consts::TAU * self.uniform()).cos()).exp()
    }

    /// Returns one of a number of indexes, the first one most often (Zipf's law).
    pub fn zipf(&mut self, count: usize) -> usize {
        let total: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        let mut remaining = self.uniform() * total;
        let index = (1..count).find(|&rank| {
            remaining -= 1.0 / rank as f64;
            remaining < 0.0
        });
        index.unwrap_or(count) - 1
    }
}

/// Returns the label values of a number of series.
pub fn labels(series: usize) -> impl Iterator<Item = [String; 2]> {
    let outcome = |at: usize| ["SUCCESS", "FAILURE", "TIMED_OUT"][at % 3].to_owned();
    (0..series).map(move |at| [format!("task_type_{at:03}"), outcome(at)])
}
