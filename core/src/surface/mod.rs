//! Which names, labels and types the recorded series are shown under.
//!
//! Stands between the snapshot and the formats: a pure function from a [`Snapshot`] to an
//! [`Exposition`]. Recorded once, chosen when read: nobody restarts a worker to change a dashboard.

use crate::{error::Result, snapshot::Snapshot};

/// A set of names, labels and types under which the Conductor metrics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// What the SDK's code emits by default.
    Legacy,
    /// The rows of the SDK's METRICS.md.
    Documented,
    /// The harmonised histograms.
    Canonical,
}

/// What a reader asked to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    surfaces: Vec<Surface>,
    /// Whether timers of `legacy` and `documented` are one summary instead of three gauge families.
    pub summaries: bool,
}

impl Default for View {
    /// Legacy and documented together, timers as the SDK's gauges.
    fn default() -> View {
        View { surfaces: vec![Surface::Legacy, Surface::Documented], summaries: false }
    }
}

impl View {
    /// A view of those surfaces.
    ///
    /// # Errors
    ///
    /// [`Error::SurfaceConflict`](crate::Error::SurfaceConflict) where canonical is asked for
    /// together with another.
    pub fn new(surfaces: &[Surface]) -> Result<View> {
        let _ = surfaces;
        Ok(View::default())
    }
}

/// Families ready to be written in any format, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The families, sorted by name, each name once.
    pub families: Vec<ShownFamily>,
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
    /// The snapshot as the view shows it.
    #[must_use]
    pub fn new(snapshot: &Snapshot, view: &View) -> Exposition {
        let _ = (snapshot, view);
        Exposition::default()
    }
}
