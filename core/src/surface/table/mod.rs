//! The tables of all surfaces: one row per recorded metric and surface.
//!
//! Names, labels and help texts are those of the Conductor SDK for Python (`metric_name.py`,
//! `metric_label.py`, `metric_documentation.py`, the two collectors) and of its METRICS.md.

mod canonical;
mod documented;
mod help;
mod legacy;

use super::Surface;
use crate::catalog::Definition;

/// The family under which one surface shows one recorded metric.
#[derive(Debug)]
pub(super) struct Row {
    /// The recorded metric.
    pub(super) recorded: &'static Definition,
    /// The name of the family, without a counter's `_total`.
    pub(super) name: &'static str,
    /// The help text of the family.
    pub(super) help: &'static str,
    /// The presentation of the recorded values.
    pub(super) shape: MetricShape,
    /// The shown labels, and the recorded labels of their values.
    pub(super) labels: &'static [Label],
}

/// The presentation of a family's recorded values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricShape {
    /// The total of a counter.
    Counter,
    /// The state of a gauge.
    Gauge,
    /// The newest observation of a timer, as a gauge.
    Newest,
    /// The quantiles, count and sum of a timer.
    Timer,
    /// The buckets, count and sum of a timer.
    Histogram,
}

/// A shown label and the recorded label that has its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// The name under which the label is shown.
    pub(super) shown: &'static str,
    /// The name of the recorded label.
    pub(super) recorded: &'static str,
    /// A recorded label whose value `"1"` marks a missing value, and the text shown instead.
    pub(super) absent: Option<(&'static str, &'static str)>,
}

impl Surface {
    /// Returns the table of the surface.
    pub(super) const fn rows(self) -> &'static [Row] {
        match self {
            Surface::Legacy => legacy::ROWS,
            Surface::Documented => documented::ROWS,
            Surface::Canonical => canonical::ROWS,
        }
    }
}

const fn row(
    shape: MetricShape,
    recorded: &'static Definition,
    name: &'static str,
    help: &'static str,
    labels: &'static [Label],
) -> Row {
    Row { recorded, name, help, shape, labels }
}

/// Creates a label with the same name as the recorded label.
const fn same(name: &'static str) -> Label {
    renamed(name, name)
}

const fn renamed(recorded: &'static str, shown: &'static str) -> Label {
    Label { shown, recorded, absent: None }
}

/// Creates the version label of a workflow, which shows `instead` if the caller passed no version.
const fn version_or(instead: &'static str) -> Label {
    Label { shown: "version", recorded: "version", absent: Some(("absent", instead)) }
}

// Label sets of several rows.
const NONE: &[Label] = &[];
const TASK: &[Label] = &[same("taskType")];
const TASK_STATUS: &[Label] = &[same("taskType"), same("status")];
const TASK_EXCEPTION: &[Label] = &[same("taskType"), same("exception")];
const WORKFLOW_EXCEPTION: &[Label] = &[same("workflowType"), same("exception")];
const REQUEST: &[Label] = &[same("method"), same("uri"), same("status")];

#[cfg(test)]
mod tests {
    use super::{MetricShape, Surface};
    use crate::catalog::{self, Kind};

    #[test]
    fn rows_match_the_catalog() {
        for row in Surface::ALL.iter().copied().flat_map(Surface::rows) {
            let kind = match row.shape {
                MetricShape::Counter => Kind::Counter,
                MetricShape::Gauge => Kind::Gauge,
                MetricShape::Newest | MetricShape::Timer | MetricShape::Histogram => Kind::Timer,
            };
            assert_eq!(row.recorded.kind, kind, "{}", row.name);
            for label in row.labels {
                assert!(row.recorded.labels.contains(&label.recorded), "{} {label:?}", row.name);
                let absent = label.absent.map_or("absent", |(flag, _)| flag);
                assert!(label.absent.is_none() || row.recorded.labels.contains(&absent), "{}", row.name);
            }
        }
    }

    #[test]
    fn a_surface_shows_each_name_once() {
        for &surface in Surface::ALL {
            let mut names: Vec<_> = surface.rows().iter().map(|row| row.name).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{surface}");
        }
    }

    #[test]
    fn every_recorded_metric_is_shown_by_a_surface() {
        for recorded in catalog::ALL {
            let mut rows = Surface::ALL.iter().copied().flat_map(Surface::rows);
            assert!(rows.any(|row| row.recorded == recorded), "{}", recorded.name);
            assert!(recorded.name.starts_with(catalog::PREFIX), "{}", recorded.name);
        }
    }
    /// docs/metrics.md has the documented names, docs/sdks.md those that other SDKs have, too.
    #[test]
    fn docs_name_every_metric() {
        let page = |name: &str| {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/");
            std::fs::read_to_string(format!("{path}{name}")).unwrap()
        };
        let (metrics, sdks) = (page("metrics.md"), page("sdks.md"));
        let spelled = |row: &super::Row| {
            let total = if row.shape == MetricShape::Counter { "_total" } else { "" };
            format!("`{}{total}`", row.name)
        };
        for row in Surface::Documented.rows() {
            assert!(metrics.contains(&spelled(row)), "docs/metrics.md lacks {}", spelled(row));
        }
        for recorded in catalog::ALL.iter().filter(|recorded| !recorded.name.ends_with("_message")) {
            let mut rows =
                Surface::ALL.iter().copied().flat_map(Surface::rows).filter(|row| row.recorded == recorded);
            let is_named = rows.any(|row| [&metrics, &sdks].iter().any(|page| page.contains(&spelled(row))));
            assert!(is_named, "docs/metrics.md and docs/sdks.md lack {}", recorded.name);
        }
    }
}
