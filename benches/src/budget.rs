//! The budgets of `budgets.toml`.

use serde::Deserialize;

/// What a candidate may cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// `group/candidate`.
    pub id: String,
    /// What it does, in words.
    pub what: String,
    /// The candidate of the same run that it is measured by; the bare machine where it is alone.
    pub reference: String,
    /// The most that it may cost of that.
    pub ratio: f64,
    /// The same where the processor has AVX2, which is found out when the program runs.
    pub ratio_with_avx2: Option<f64>,
    /// The most instructions that callgrind may count of it.
    pub instructions: Option<f64>,
    /// Why it is no tighter.
    pub reason: Option<String>,
}

/// Whether a budget was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Kept,
    /// It was not.
    Exceeded,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    budget: Vec<Budget>,
}

/// All budgets.
#[must_use]
pub fn budgets() -> Vec<Budget> {
    let file: File = toml::from_str(include_str!("../budgets.toml")).expect("budgets.toml");
    file.budget
}

impl Budget {
    /// The most that it may cost of its reference on this machine.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.ratio_with_avx2.filter(|_| has_avx2()).unwrap_or(self.ratio)
    }
}

impl Verdict {
    /// Of something that was measured.
    #[must_use]
    pub fn of(measured: f64, most: f64) -> Verdict {
        // What is no number was not kept.
        if measured <= most { Verdict::Kept } else { Verdict::Exceeded }
    }

    /// The word in a table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Kept => "ok",
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
    fn each_budget_is_there_once_and_can_be_exceeded() {
        let budgets = budgets();
        let ids: BTreeSet<&str> = budgets.iter().map(|budget| budget.id.as_str()).collect();
        assert_eq!(ids.len(), budgets.len());
        for budget in &budgets {
            let most = [Some(budget.ratio), budget.ratio_with_avx2, budget.instructions];
            assert!(most.into_iter().flatten().all(|most| most > 0.0 && most.is_finite()), "{budget:?}");
        }
    }

    #[test]
    fn a_budget_is_kept_up_to_its_end() {
        assert_eq!(Verdict::of(0.35, 0.35), Verdict::Kept);
        assert_eq!(Verdict::of(0.36, 0.35), Verdict::Exceeded);
        assert_eq!(Verdict::of(f64::NAN, 0.35), Verdict::Exceeded);
    }
}
