//! The same selection, compiled for processors with AVX2. It has no code specific to them.
#![expect(unsafe_code, reason = "that the processor has the instructions is only known at run time")]

use std::arch::is_x86_feature_detected;

use super::select;

/// Finds the same values as [`select::at_ranks`]. Returns false, and does nothing, if the processor
/// lacks the instructions.
pub(crate) fn at_ranks(values: &[f64], ranks: &[usize], results: &mut [f64]) -> bool {
    let there = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2");
    if there {
        // SAFETY: the processor has the three features that the function is compiled for.
        unsafe { compiled(values, ranks, results) };
    }
    there
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn compiled(values: &[f64], ranks: &[usize], results: &mut [f64]) {
    select::at_ranks(values, ranks, results);
}
