//! Surfaces: the names, labels and types under which recorded series are shown.
//!
//! This module maps a [`Snapshot`] to an [`Exposition`] for the encoders of
//! [`expose`](crate::expose). The result depends on the snapshot and the [`View`] only. Metrics are
//! recorded once, and the reader chooses their names: dashboards can change without a restart of
//! the workers.
//!
//! - `table` has one row per metric and surface. `catalog_families` merges the rows of a view into
//!   one family per name.
//! - Each family has a `slot` in the exposition. `series_mapping` maps its series to the shown
//!   labels and groups series whose shown labels are equal; `series_group` merges their values, and
//!   `family_template` turns these into shown values.
//! - `shown_name` lists the names of a recorded family, for output that shows recorded series.
//! - `user_families` shows the families that users record, under their own names.
//! - `external` adds families of other libraries, and `internal_metrics` the `ictus_*` families.
//!
//! Labels and their text cost more than all numbers and rarely change. A [`Renderer`] therefore
//! keeps them from one snapshot to the next (`series_mapping`, `line_prefixes`).
//!
//! [`Snapshot`]: crate::Snapshot

mod catalog_families;
mod exposition;
mod external;
mod family_template;
mod internal_metrics;
mod labels;
mod line_prefixes;
mod names;
mod renderer;
mod sample;
mod series_group;
mod series_mapping;
mod shown_name;
mod shown_series;
mod slot;
mod table;
mod user_families;
mod view;

pub use exposition::{Exposition, ShownFamily, ShownType};
pub use external::ExternalSample;
pub use labels::Labels;
pub use renderer::Renderer;
pub use sample::Sample;
pub use shown_name::ShownName;
pub use shown_series::{Buckets, ShownSeries, ShownValue};
pub use view::{Surface, View};

use std::collections::BTreeSet;

/// Returns every name that a surface uses for a family of the Conductor metrics, including the
/// suffixes `_total`, `_count`, `_sum` and `_bucket`. Families of other origin must not have these
/// names.
///
/// ```
/// let names = ictus::surface::shown_names();
/// assert!(names.contains("task_poll_total") && !names.contains("jobs_total"));
/// ```
#[must_use]
pub fn shown_names() -> BTreeSet<String> {
    let rows = Surface::ALL.iter().flat_map(|surface| surface.rows());
    let names = rows
        .flat_map(|row| ["", "_total", "_count", "_sum", "_bucket"].map(|end| format!("{}{end}", row.name)));
    names.collect()
}
