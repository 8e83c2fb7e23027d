//! Ictus as a recorder.

use std::hint::black_box;

use ictus::{FamilyOptions, Registry, Stamp, Timer, snapshot::Value};

use super::Recorder;
use crate::data::labels;

/// The one family of these registries.
const FAMILY: &str = "task_seconds";

/// The data that a timer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// Window, count and exact sum.
    Plain,
    /// Classic and exponential buckets too: the default of a timer.
    Buckets,
}

impl Series {
    /// Returns the options of a timer that keeps this data.
    #[must_use]
    pub fn options(self) -> FamilyOptions {
        match self {
            Series::Plain => FamilyOptions::default().without_distribution(),
            Series::Buckets => FamilyOptions::default(),
        }
    }
}

/// Creates a number of timers of one family in a registry.
pub fn timers(registry: &Registry, data: Series, series: usize) -> Vec<Timer> {
    let family = registry
        .timer_with(FAMILY, "How long tasks take.", &["task_type", "status"], &data.options())
        .expect("a name and labels that are taken");
    labels(series).map(|[task, status]| family.labels(&[&task, &status]).expect("two labels")).collect()
}

/// A timer that receives the end of each observation.
#[derive(Clone, Debug)]
pub struct IctusTimer<const BUCKETS: bool> {
    timer: Timer,
    stamp: Stamp,
}

/// A timer that reads the clock itself.
#[derive(Clone, Debug)]
pub struct IctusClockTimer<const BUCKETS: bool>(Timer);

const fn series_data(buckets: bool) -> Series {
    if buckets { Series::Buckets } else { Series::Plain }
}

/// Returns the number of observations in all timers of a registry.
pub(crate) fn count(registry: &Registry) -> u64 {
    let snapshot = registry.snapshot().expect("memory of this process");
    let family = snapshot.family(FAMILY).expect("the family");
    let count = |value: &Value| match value {
        Value::Timer(timing) => timing.count,
        other => panic!("a timer, not {other:?}"),
    };
    family.series.iter().map(|series| count(&series.value)).sum()
}

impl<const BUCKETS: bool> Recorder for IctusTimer<BUCKETS> {
    const NAME: &'static str = if BUCKETS { "ictus with buckets" } else { "ictus" };
    type Value = f64;
    type SharedState = Registry;

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Self>, Registry) {
        let (registry, stamp) = (Registry::new(), Stamp::now());
        let timers = timers(&registry, series_data(BUCKETS), series);
        (timers.into_iter().map(|timer| IctusTimer { timer, stamp }).collect(), registry)
    }

    #[inline(always)]
    fn observe(&mut self, value: f64) {
        self.timer.observe_at(value, self.stamp);
    }

    fn count(registry: &Registry, _: &[Self]) -> u64 {
        count(registry)
    }

    fn read(registry: &Registry, _: &[Self]) {
        _ = black_box(registry.snapshot());
    }
}

impl<const BUCKETS: bool> Recorder for IctusClockTimer<BUCKETS> {
    const NAME: &'static str = if BUCKETS { "ictus observe with buckets" } else { "ictus observe" };
    type Value = f64;
    type SharedState = Registry;

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Self>, Registry) {
        let registry = Registry::new();
        (timers(&registry, series_data(BUCKETS), series).into_iter().map(IctusClockTimer).collect(), registry)
    }

    #[inline(always)]
    fn observe(&mut self, value: f64) {
        self.0.observe(value);
    }

    fn count(registry: &Registry, _: &[Self]) -> u64 {
        count(registry)
    }

    fn read(registry: &Registry, _: &[Self]) {
        _ = black_box(registry.snapshot());
    }
}
