//! The budgets of `budgets.toml`.

use serde::Deserialize;

/// The budget of one candidate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The candidate, as `group/candidate`.
    pub id: String,
    /// A description in words.
    pub what: String,
    /// The reference: a candidate of the same run, or the bare machine if the candidate is alone.
    pub reference: String,
    /// The maximum cost, as a multiple of the reference.
    pub ratio: f64,
    /// The maximum where the processor has AVX2, which is detected at run time.
    pub ratio_with_avx2: Option<f64>,
    /// The maximum number of instructions that callgrind may count.
    pub instructions: Option<f64>,
    /// The reason why the budget is no tighter.
    pub reason: Option<String>,
}

/// The result of comparing a measurement with its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The measurement is within the budget.
    Met,
    /// The measurement exceeds the budget, or is not a number.
    Exceeded,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    budget: Vec<Budget>,
}

/// Returns all budgets.
#[must_use]
pub fn budgets() -> Vec<Budget> {
    let file: File = toml::from_str(include_str!("../budgets.toml")).expect("budgets.toml");
    file.budget
}

impl Budget {
    /// Returns the maximum cost on this machine, as a multiple of the reference.
    #[must_use]
    pub fn max_ratio(&self) -> f64 {
        self.ratio_with_avx2.filter(|_| has_avx2()).unwrap_or(self.ratio)
    }
}

impl Verdict {
    /// Compares a measurement with its maximum.
    #[must_use]
    pub fn new(measured: f64, max: f64) -> Verdict {
        // NaN exceeds every budget.
        if measured <= max { Verdict::Met } else { Verdict::Exceeded }
    }

    /// Returns the word for tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Met => "ok",
            Verdict::Exceeded => "EXCEEDED",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{Verdict, budgets};
    use std::collections::BTreeSet;

    #[test]
    fn budgets_are_unique_and_can_be_exceeded() {
        let budgets = budgets();
        let ids: BTreeSet<&str> = budgets.iter().map(|budget| budget.id.as_str()).collect();
        assert_eq!(ids.len(), budgets.len());
        for budget in &budgets {
            let limits = [Some(budget.ratio), budget.ratio_with_avx2, budget.instructions];
            assert!(limits.into_iter().flatten().all(|max| max > 0.0 && max.is_finite()), "{budget:?}");
        }
    }

    #[test]
    fn measurement_equal_to_its_budget_passes() {
        assert_eq!(Verdict::new(0.35, 0.35), Verdict::Met);
        assert_eq!(Verdict::new(0.36, 0.35), Verdict::Exceeded);
        assert_eq!(Verdict::new(f64::NAN, 0.35), Verdict::Exceeded);
    }
}
