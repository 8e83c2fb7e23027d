//! Finds where to cut sorted lanes so that the newest observations of all remain.
//!
//! Each lane is sorted, so its remaining part is a suffix, and only the start of the suffix is
//! searched. Each step takes the middle of the lane with the widest undecided range, finds the
//! corresponding cuts of all other lanes, and continues with the half that contains the answer.
//! Nothing is moved or compared twice.

/// Returns, for each sorted run, the index of the first element among the newest `keep` of all
/// runs. Of equal keys, those of an earlier run are older.
pub(crate) fn newest<K: Ord>(lengths: &[usize], keep: usize, key: impl Fn(usize, usize) -> K) -> Vec<usize> {
    // The decided bounds: no cut is below `low` or above `high`.
    let mut low: Vec<usize> = lengths.iter().map(|length| length.saturating_sub(keep)).collect();
    let mut high = lengths.to_vec();
    let mut total: usize = lengths.iter().sum();
    if total <= keep {
        return low;
    }
    let mut cuts = low.clone();
    loop {
        let widths = low.iter().zip(&high).map(|(low, high)| high - low).enumerate();
        let Some((run, width)) = widths.max_by_key(|&(_, width)| width).filter(|&(_, width)| width > 0)
        else {
            return low;
        };
        let middle = low[run] + width / 2;
        let pivot = key(run, middle);
        total = 0;
        for other in 0..lengths.len() {
            cuts[other] = match other {
                _ if other == run => middle,
                _ => search(low[other], high[other], |at| match other < run {
                    true => key(other, at) <= pivot,
                    false => key(other, at) < pivot,
                }),
            };
            total += lengths[other] - cuts[other];
        }
        match total.cmp(&keep) {
            std::cmp::Ordering::Equal => return cuts,
            std::cmp::Ordering::Less => high.copy_from_slice(&cuts),
            std::cmp::Ordering::Greater => {
                low.copy_from_slice(&cuts);
                low[run] = middle + 1;
            }
        }
    }
}

/// Returns the first index for which `holds` is false.
fn search(mut low: usize, mut high: usize, holds: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::newest;
    use proptest::prelude::*;

    proptest! {
        /// Few keys, so that most are equal to others; and many.
        #[test]
        fn selection_equals_the_end_of_the_merged_order(
            mut runs in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(0_u32..5, 0..40),
                    prop::collection::vec(any::<u32>(), 0..40),
                    prop::collection::vec(1_000_000_u32..1_000_100, 0..300),
                ],
                0..9,
            ),
            keep in prop_oneof![0..50_usize, 0..2_000_usize],
        ) {
            runs.iter_mut().for_each(|run| run.sort_unstable());
            let lengths: Vec<usize> = runs.iter().map(Vec::len).collect();
            let cuts = newest(&lengths, keep, |run, at| runs[run][at]);
            let numbered = runs.iter().enumerate();
            let mut all: Vec<(u32, usize, usize)> = numbered
                .flat_map(|(run, keys)| keys.iter().enumerate().map(move |(at, &key)| (key, run, at)))
                .collect();
            all.sort_unstable();
            let mut expected = lengths.clone();
            all[all.len().saturating_sub(keep)..].iter().for_each(|&(_, run, _)| expected[run] -= 1);
            prop_assert_eq!(cuts, expected);
        }
    }
}
