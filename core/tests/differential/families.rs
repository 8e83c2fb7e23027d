//! The families and versions that programs use.

use std::time::Duration;

use ictus::{FamilyOptions, catalog::Kind};

/// A family: its name, kind and label names. Some share a name.
#[derive(Debug)]
pub(crate) struct FamilyCase {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
}

pub(crate) const FAMILIES: [FamilyCase; 8] = [
    FamilyCase { name: "jobs", kind: Kind::Counter, labels: &["queue"] },
    FamilyCase { name: "jobs", kind: Kind::Counter, labels: &["queue", "zone"] },
    FamilyCase { name: "level", kind: Kind::Gauge, labels: &["queue"] },
    FamilyCase { name: "work_seconds", kind: Kind::Timer, labels: &["queue"] },
    FamilyCase { name: "work_seconds", kind: Kind::Timer, labels: &[] },
    FamilyCase { name: "mixed", kind: Kind::Counter, labels: &["queue"] },
    FamilyCase { name: "mixed", kind: Kind::Timer, labels: &["queue"] },
    FamilyCase { name: "mixed", kind: Kind::Gauge, labels: &["queue"] },
];

/// The options of one version of the program that records.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) window: usize,
    pub(crate) max_series: usize,
    /// None: without buckets.
    pub(crate) bounds: Option<&'static [f64]>,
    /// Whether the maximum age is so short that no observation is shown.
    pub(crate) ages: bool,
}

const BOUNDS: &[f64] = &[1.0, 4.0, 16.0];
const OTHER_BOUNDS: &[f64] = &[1.0, 10.0, 16.0, 40.0];

pub(crate) const VERSIONS: [Version; 8] = [
    Version { window: 1000, max_series: 1000, bounds: Some(BOUNDS), ages: false },
    Version { window: 64, max_series: 2, bounds: Some(BOUNDS), ages: false },
    Version { window: 64, max_series: 3, bounds: Some(OTHER_BOUNDS), ages: false },
    Version { window: 5, max_series: 1, bounds: Some(BOUNDS), ages: false },
    Version { window: 5, max_series: 1000, bounds: None, ages: false },
    Version { window: 64, max_series: 1000, bounds: Some(OTHER_BOUNDS), ages: true },
    Version { window: 64, max_series: 2, bounds: None, ages: false },
    Version { window: 1000, max_series: 1, bounds: Some(BOUNDS), ages: false },
];

/// The versions whose series no program exhausts.
pub(crate) const UNLIMITED: [usize; 3] = [0, 4, 5];

impl Version {
    pub(crate) fn options(&self) -> FamilyOptions {
        let options = FamilyOptions::default().window(self.window as u32).max_series(self.max_series as u32);
        let options = options.max_age(self.ages.then_some(Duration::from_nanos(1)));
        match self.bounds {
            Some(bounds) => options.buckets(bounds),
            None => options.without_distribution(),
        }
    }
}

/// Returns the help text of a version.
pub(crate) fn help(version: usize) -> String {
    format!("help of {version}")
}

/// Returns the label values of a series, in the order of the sorted names.
pub(crate) fn values(family: usize, series: usize) -> Vec<String> {
    match FAMILIES[family].labels.len() {
        0 => Vec::new(),
        1 => vec![format!("q{series}")],
        _ => vec![format!("q{}", series % 3), format!("z{}", series / 3)],
    }
}
