//! Options of families: the defaults of a registry, and those of a timer. An argument takes
//! precedence over its environment variable, and the variable over the default.

use std::{env, str::FromStr, time::Duration};

use ictus::FamilyOptions;
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::arguments;

/// The longest window that the core supports, in observations.
const MAX_WINDOW: u32 = 65_536;

/// The options that a caller may set for a registry's families or for one timer.
#[derive(Default)]
pub(crate) struct OptionOverrides {
    pub(crate) window: Option<u32>,
    pub(crate) max_age: Option<f64>,
    pub(crate) expire_after: Option<f64>,
    pub(crate) max_series: Option<u32>,
    pub(crate) buckets: Option<Vec<f64>>,
}

impl OptionOverrides {
    /// Returns the options of a call, after a check of each.
    pub(crate) fn from_arguments(
        window: Option<&Bound<'_, PyAny>>,
        max_age: Option<f64>,
        expire_after: Option<f64>,
        max_series: Option<&Bound<'_, PyAny>>,
        buckets: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<OptionOverrides> {
        Ok(OptionOverrides {
            window: arguments::whole_number("window", window, 1, MAX_WINDOW)?,
            max_age,
            expire_after,
            max_series: arguments::whole_number("max_series", max_series, 1, u32::MAX)?,
            buckets: buckets.map(|bounds| arguments::numbers("buckets", bounds)).transpose()?,
        })
    }

    /// Returns `options`, overridden by the options that are set here.
    pub(crate) fn apply_to(self, mut options: FamilyOptions) -> PyResult<FamilyOptions> {
        options = self.window.into_iter().fold(options, FamilyOptions::window);
        options = self.max_series.into_iter().fold(options, FamilyOptions::max_series);
        if let Some(age) = self.max_age {
            options = options.max_age(seconds("max_age", age)?);
        }
        if let Some(idle) = self.expire_after {
            options = options.expire_after(seconds("expire_after", idle)?);
        }
        Ok(match self.buckets {
            Some(bounds) if bounds.is_empty() => options.without_distribution(),
            Some(bounds) => options.buckets(&bounds),
            None => options,
        })
    }
}

/// Returns the options that environment variables set.
pub(crate) fn from_environment() -> PyResult<FamilyOptions> {
    OptionOverrides {
        window: parse_variable("ICTUS_WINDOW")?,
        max_series: parse_variable("ICTUS_MAX_SERIES")?,
        ..OptionOverrides::default()
    }
    .apply_to(FamilyOptions::default())
}

fn parse_variable<T: FromStr>(name: &str) -> PyResult<Option<T>> {
    let Some(text) = env::var_os(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.trim().parse().ok());
    let value_error =
        || PyValueError::new_err(format!("{name}={text:?} must be a whole number of at least 1"));
    number.map(Some).ok_or_else(value_error)
}

pub(crate) fn seconds(name: &str, given: f64) -> PyResult<Duration> {
    let value_error = |_| PyValueError::new_err(format!("{name} must be a number of seconds, not {given}"));
    Duration::try_from_secs_f64(given).map_err(value_error)
}
