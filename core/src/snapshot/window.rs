//! The newest observations of a series, oldest first.

use std::sync::{Arc, OnceLock};

use super::quantile::{self, QUANTILES};
use crate::segment::totals::{Observation, keep_newest};

/// The newest observations of a series over all threads and processes, oldest first. Cheap to
/// clone: what was selected of one is known to all.
#[derive(Clone, Debug, Default)]
pub struct Window(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    observations: Vec<Observation>,
    quantiles: OnceLock<Option<[f64; QUANTILES.len()]>>,
}

impl PartialEq for Window {
    fn eq(&self, other: &Window) -> bool {
        self.observations() == other.observations()
    }
}

impl Window {
    /// The newest `length` of the observations of some lanes, each lane's in the order in which
    /// they were made.
    #[must_use]
    pub fn newest(mut observations: Vec<Observation>, length: usize) -> Window {
        keep_newest(&mut observations, u32::try_from(length).unwrap_or(u32::MAX));
        Window(Arc::new(Held { observations, quantiles: OnceLock::new() }))
    }

    /// The newest `length` observations of several windows.
    #[must_use]
    pub fn merge<'a>(windows: impl IntoIterator<Item = &'a Window>, length: usize) -> Window {
        Window::newest(windows.into_iter().flat_map(Window::observations).copied().collect(), length)
    }

    /// The observations, oldest first.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.0.observations
    }

    /// How many observations the window holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.observations().len()
    }

    /// Whether nothing was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.observations().is_empty()
    }

    /// The newest observation's value.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.observations().last().map(|observation| observation.value)
    }

    /// The quantile at `q` in `0.0..=1.0`: linear interpolation at index `q * (n - 1)` of the
    /// sorted window, as the Conductor SDK defines it. `None` where the window is empty or `q` is
    /// outside the range.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        quantile::select(&self.values(), &[q]).map(|[found]| found)
    }

    /// The five quantiles that every surface shows, in the order of [`QUANTILES`].
    #[must_use]
    pub fn quantiles(&self) -> Option<[f64; QUANTILES.len()]> {
        let select = || quantile::select(&self.values(), &QUANTILES);
        *self.0.quantiles.get_or_init(select)
    }

    fn values(&self) -> Vec<f64> {
        // What nobody can have observed, below nothing or no number, is nothing.
        let value = |one: &Observation| if one.value > 0.0 { one.value } else { 0.0 };
        self.observations().iter().map(value).collect()
    }
}
