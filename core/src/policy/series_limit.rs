//! The choice of series that are shown separately and series that are counted in the overflow
//! series.
//!
//! The part of a series that one process, or the totals, has recorded is a **contribution**.
//! Contributions are considered in the order in which they began. If the series already has a
//! place, its contribution is shown there. Otherwise, the series gets a place if fewer places are
//! taken than the process's definition allows. Otherwise, the contribution permanently belongs to
//! the overflow series.
//!
//! So the decision depends only on earlier contributions. It does not depend on the end of other
//! processes, on retirement, or on the limit of a later process. Therefore no total decreases. A
//! contribution of the totals that has a place keeps it, with the time at which it got it. When a
//! series is removed, contributions that were in the overflow series until then stay there
//! ([`overflowed`](crate::reader::overflowed)).

use std::collections::HashSet;

/// The value of every label of the overflow series, in which series beyond a family's `max_series`
/// are counted.
pub const OVERFLOW: &str = "ictus_overflow";

/// The part of one series that one process, or the totals, has recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contribution<'a> {
    pub(crate) labels: &'a [String],
    /// When the contribution began: nanoseconds since 1970, by the clock of its epoch.
    pub(crate) begun: u64,
    /// Breaks ties between contributions that began at the same time, in the same way in every
    /// reader.
    pub(crate) segment: u64,
    /// The `max_series` of its process. `None` in the totals, where the contribution already has a
    /// place.
    pub(crate) limit: Option<u32>,
    /// Whether the contribution was in the overflow series when a series of the family was removed.
    pub(crate) is_over: bool,
}

/// Returns, in the order of the contributions, whether each is shown separately. The others belong
/// to the overflow series.
pub(crate) fn placed(contributions: &[Contribution<'_>]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..contributions.len()).collect();
    order.sort_by(|&one, &other| {
        let key = |at: usize| {
            let Contribution { labels, begun, segment, limit, .. } = contributions[at];
            (begun, limit.is_some(), segment, labels)
        };
        key(one).cmp(&key(other))
    });
    let mut places: HashSet<&[String]> = HashSet::new();
    let mut placed = vec![false; contributions.len()];
    for at in order {
        let Contribution { labels, limit, is_over, .. } = contributions[at];
        if is_over || is_overflow(labels) {
            continue;
        }
        let is_full = limit.is_some_and(|limit| places.len() >= limit as usize);
        placed[at] = places.contains(labels) || !is_full;
        if placed[at] {
            places.insert(labels);
        }
    }
    placed
}

/// Returns whether these are the label values of the overflow series. A series without labels is
/// never one.
pub(crate) fn is_overflow(labels: &[String]) -> bool {
    !labels.is_empty() && labels.iter().all(|value| value == OVERFLOW)
}

/// Returns the label values of the overflow series of a family with `labels` labels.
pub(crate) fn overflow(labels: usize) -> Vec<String> {
    vec![OVERFLOW.to_owned(); labels]
}

#[cfg(test)]
mod tests {
    use super::{Contribution, overflow, placed};
    use proptest::prelude::*;

    /// Returns whether each of the contributions `(series, begun, segment, limit)` is placed.
    fn decide(contributions: &[(&str, u64, u64, Option<u32>)]) -> Vec<bool> {
        let labels: Vec<Vec<String>> =
            contributions.iter().map(|(series, ..)| vec![(*series).to_owned()]).collect();
        let contributions: Vec<Contribution<'_>> = contributions
            .iter()
            .zip(&labels)
            .map(|(&(_, begun, segment, limit), labels)| Contribution {
                labels,
                begun,
                segment,
                limit,
                is_over: false,
            })
            .collect();
        placed(&contributions)
    }

    #[test]
    fn first_series_get_the_slots() {
        let younger_first = [("c", 3, 1, Some(2)), ("a", 1, 2, Some(2)), ("b", 2, 1, Some(2))];
        assert_eq!(decide(&younger_first), [false, true, true]);
    }

    #[test]
    fn series_with_a_slot_is_shown_for_all_processes() {
        assert_eq!(
            decide(&[("a", 1, 1, Some(1)), ("a", 9, 2, Some(1)), ("b", 2, 1, Some(1))]),
            [true, true, false]
        );
    }

    /// A raised limit applies to the process that sets it; contributions in the overflow series
    /// stay there.
    #[test]
    fn a_raised_limit_moves_nothing_out_of_the_overflow() {
        let contributions = [("a", 1, 1, Some(1)), ("b", 2, 1, Some(1)), ("b", 3, 2, Some(9))];
        assert_eq!(decide(&contributions), [true, false, true]);
    }

    #[test]
    fn a_lowered_limit_moves_nothing_into_the_overflow() {
        let contributions = [("a", 1, 1, Some(9)), ("b", 2, 1, Some(9)), ("c", 3, 2, Some(1))];
        assert_eq!(decide(&contributions), [true, true, false]);
    }

    #[test]
    fn series_of_the_totals_keep_their_slots() {
        let contributions = [("x", 1, 1, Some(1)), ("a", 5, 0, None), ("b", 6, 0, None)];
        assert_eq!(decide(&contributions), [true, true, true]);
        // The totals' series takes a place from the time at which it got it.
        assert!(!decide(&[("x", 7, 1, Some(2)), ("a", 5, 0, None), ("b", 6, 0, None)])[0]);
    }

    #[test]
    fn overflow_series_takes_no_slot() {
        let labels = overflow(1);
        let over = Contribution { labels: &labels, begun: 0, segment: 1, limit: Some(1), is_over: false };
        let other = ["a".to_owned()];
        let contributions = [over, Contribution { labels: &other, begun: 1, ..over }];
        assert_eq!(placed(&contributions), [false, true]);
    }

    #[test]
    fn overflow_at_a_removal_stays_overflow_and_takes_no_slot() {
        let labels = ["a", "b", "c"].map(|label| [label.to_owned()]);
        let of = |at: usize, is_over| Contribution {
            labels: &labels[at],
            begun: at as u64,
            segment: 1,
            limit: Some(1),
            is_over,
        };
        assert_eq!(placed(&[of(0, false), of(1, false)]), [true, false]);
        // The first series is removed, and another one gets its place.
        assert_eq!(placed(&[of(1, true), of(2, false)]), [false, true]);
    }

    #[test]
    fn equal_times_are_decided_by_segment_then_labels() {
        assert_eq!(
            decide(&[("b", 1, 2, Some(1)), ("a", 1, 3, Some(1)), ("z", 1, 1, Some(1))]),
            [false, false, true]
        );
        assert_eq!(decide(&[("b", 1, 1, Some(1)), ("a", 1, 1, Some(1))]), [false, true]);
    }

    fn contribution() -> impl Strategy<Value = (usize, u64, u64, u32)> {
        (0..6_usize, 0..20_u64, 1..5_u64, 1..5_u32)
    }

    proptest! {
        /// Folding a segment into the totals does not change the decision for other segments, and
        /// neither do later contributions.
        #[test]
        fn retirement_and_later_series_change_no_decision(
            all in prop::collection::vec(contribution(), 1..25), folded in 1..5_u64, cut in 0..20_u64,
        ) {
            let names = ["a", "b", "c", "d", "e", "f"];
            let mut contributions: Vec<_> = all
                .into_iter()
                .map(|(series, begun, segment, limit)| (names[series], begun * 8 + segment, segment, Some(limit)))
                .collect();
            let cut = cut * 8;
            contributions.sort_unstable();
            contributions.dedup_by_key(|&mut (series, _, segment, _)| (series, segment));
            let before = decide(&contributions);
            // The totals contain the placed contributions of the folded segment, one per series.
            let mut after: Vec<_> =
                contributions.iter().copied().filter(|&(_, _, segment, _)| segment != folded).collect();
            let living = after.len();
            for (&(series, begun, segment, _), placed) in contributions.iter().zip(&before) {
                if segment == folded && *placed {
                    after.push((series, begun, 0, None));
                }
            }
            let kept = contributions.iter().zip(&before).filter(|((_, _, segment, _), _)| *segment != folded);
            let expected: Vec<bool> = kept.map(|(_, placed)| *placed).collect();
            prop_assert_eq!(&decide(&after)[..living], &expected[..]);
            // Contributions that begin later change nothing.
            let earlier: Vec<_> = contributions.iter().copied().filter(|&(_, begun, ..)| begun < cut).collect();
            let of_earlier: Vec<bool> = contributions
                .iter()
                .zip(&before)
                .filter(|((_, begun, ..), _)| *begun < cut)
                .map(|(_, placed)| *placed)
                .collect();
            prop_assert_eq!(decide(&earlier), of_earlier);
        }
    }
}
