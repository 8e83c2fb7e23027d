//! Makes a failing program shorter.

use super::program::Step;

/// The number of programs that are tried at most.
const MAX_ATTEMPTS: usize = 400;

/// Returns a short program for which `fails` still returns true: steps are left out, then their
/// numbers are reduced.
pub(crate) fn shrink(program: &[Step], fails: &dyn Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut shortest = program.to_vec();
    let mut attempts = 0;
    let mut attempt = |candidate: &[Step]| {
        attempts += 1;
        attempts <= MAX_ATTEMPTS && fails(candidate)
    };
    let mut length = shortest.len().div_ceil(2);
    while length > 0 {
        let mut from = 0;
        let mut is_shorter = false;
        while from < shortest.len() {
            let mut candidate = shortest.clone();
            candidate.drain(from..(from + length).min(shortest.len()));
            if attempt(&candidate) {
                (shortest, is_shorter) = (candidate, true);
            } else {
                from += length;
            }
        }
        if !is_shorter || length > 1 {
            length /= 2;
        }
    }
    for at in 0..shortest.len() {
        let simpler: [fn(&mut Step); 5] = [
            |step| step.times = 1,
            |step| step.amount = 8,
            |step| step.version = 0,
            |step| step.registry = 0,
            |step| step.series = 0,
        ];
        for simplify in simpler {
            let mut candidate = shortest.clone();
            simplify(&mut candidate[at]);
            if candidate != shortest && attempt(&candidate) {
                shortest = candidate;
            }
        }
    }
    shortest
}
