//! Which names, labels and types the recorded series are shown under.
//!
//! Stands between the snapshot and the formats: a pure function from a [`Snapshot`] to an
//! [`Exposition`]. Recorded once, chosen when read: nobody restarts a worker to change a dashboard.
//!
//! What a surface shows is data, one row a metric (`table`). A view's rows are joined to one family
//! a name (`plan`), each family's series are mapped to the shown labels and those that became equal
//! merged (`series`), and then spelled out as samples (`shape`). What users record beside the
//! Conductor metrics goes the same way under its own names (`guest`).

mod guest;
mod plan;
mod series;
mod shape;
mod table;
mod view;

pub use view::{Surface, View};

use std::collections::BTreeSet;

use crate::snapshot::Snapshot;

/// What the recorded names of Conductor's own metrics start with.
const RECORDED_PREFIX: &str = "conductor/";

/// Families ready to be written in any format, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The families, sorted by name, each name once.
    pub families: Vec<ShownFamily>,
}

/// Every name that any surface gives to a family of the Conductor metrics, `_total`, `_count` and
/// `_sum` included: what families of other origin must not be called.
#[must_use]
pub fn shown_names() -> BTreeSet<String> {
    let rows = Surface::ALL.iter().flat_map(|surface| surface.rows());
    let names = rows
        .flat_map(|row| ["", "_total", "_count", "_sum", "_bucket"].map(|end| format!("{}{end}", row.name)));
    names.collect()
}

/// The type that a format states for a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownType {
    /// `counter`.
    Counter,
    /// `gauge`.
    Gauge,
    /// `summary`.
    Summary,
    /// `histogram`.
    Histogram,
}

/// A family as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownFamily {
    /// Its name, without a counter's `_total`.
    pub name: String,
    /// Its help text, unescaped.
    pub help: String,
    /// Its type.
    pub shown_type: ShownType,
    /// Its samples, in the order in which they are written.
    pub samples: Vec<Sample>,
}

/// One line of an exposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What follows the family's name: empty, `_total`, `_count`, `_sum`, `_bucket`.
    pub suffix: &'static str,
    /// Label names and values, sorted by name, unescaped.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

impl Exposition {
    /// The snapshot as the view shows it. Families without a sample are left out; so are those of
    /// users whose names or labels no format could carry or another family has taken, each named
    /// in the log once.
    #[must_use]
    pub fn new(snapshot: &Snapshot, view: &View) -> Exposition {
        let mut families: Vec<ShownFamily> = plan::plan(view)
            .iter()
            .filter_map(|planned| planned.show(snapshot.family(planned.recorded.name)?, view.summaries))
            .flatten()
            .collect();
        families.retain(|family| !family.samples.is_empty());
        guest::add(&mut families, snapshot, view.own_state);
        families.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Exposition { families }
    }

    /// The family of that shown name (without a counter's `_total`).
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&ShownFamily> {
        let at = self.families.binary_search_by(|family| family.name.as_str().cmp(name)).ok()?;
        self.families.get(at)
    }
}

impl ShownType {
    /// The type's name in every text format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ShownType::Counter => "counter",
            ShownType::Gauge => "gauge",
            ShownType::Summary => "summary",
            ShownType::Histogram => "histogram",
        }
    }
}
