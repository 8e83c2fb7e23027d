//! Measures the candidates of a group in turn, round by round. A disturbance affects all candidates
//! of its round, so their ratios stay the same.

use std::time::Duration;

use crate::candidate::Group;

/// The measured cost of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The name of the candidate.
    pub name: String,
    /// The median of its rounds.
    pub nanoseconds: f64,
    /// The median of the ratios to the first candidate's cost in the same round.
    pub ratio: f64,
}

/// The minimum time that each candidate works in a round.
const ROUND: Duration = Duration::from_millis(3);

/// Measures a group.
pub fn compare(group: &mut Group) -> Vec<Measured> {
    // Warms up pages, caches, and tables that grow.
    run_once(group);
    let rounds: Vec<Vec<f64>> = (0..group.rounds).map(|_| measure_round(group, ROUND)).collect();
    let names = group.candidates.iter().map(|candidate| candidate.name().to_owned());
    let column = |index: usize| rounds.iter().map(move |round| round[index]);
    let measured = |(index, name)| Measured {
        name,
        nanoseconds: median(column(index)),
        ratio: median(column(index).zip(column(0)).map(|(cost, first)| cost / first)),
    };
    names.enumerate().map(measured).collect()
}

/// Runs each candidate once, including the check of its effect.
pub fn run_once(group: &mut Group) {
    let _ = measure_round(group, Duration::ZERO);
}

fn measure_round(group: &mut Group, at_least: Duration) -> Vec<f64> {
    group.candidates.iter_mut().map(|candidate| candidate.nanoseconds(at_least)).collect()
}

/// Returns the median; of an even number of values, the upper of the middle two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}
