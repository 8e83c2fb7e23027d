//! Which names, labels and types the recorded series are shown under.
//!
//! Stands between the snapshot and the formats: a pure function from a [`Snapshot`] to an
//! [`Exposition`]. Recorded once, chosen when read: nobody restarts a worker to change a dashboard.
//!
//! What a surface shows is data, one row a metric (`table`). A view's rows are joined to one family
//! a name (`planned`). Each family has its `slot` in the exposition: its series are mapped to the
//! shown labels and those that became equal brought together (`layout`), and then valued (`shape`,
//! `series`). What users record beside the Conductor metrics goes the same way under its own names
//! (`guest`), what another library recorded can be shown beside (`foreign`), and so is what Ictus says of
//! itself (`own`).
//!
//! Labels and their text cost more than all numbers, and hardly ever change. So a [`Renderer`] keeps
//! them from one snapshot to the next (`layout`, `heads`).
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
mod slot;
mod table;
mod user_families;
mod view;

pub use exposition::{Buckets, Exposition, ShownFamily, ShownSeries, ShownType, ShownValue};
pub use external::ExternalSample;
pub use labels::Labels;
pub use renderer::Renderer;
pub use sample::Sample;
pub use view::{Surface, View};

use std::collections::BTreeSet;

/// Every name that any surface gives to a family of the Conductor metrics, `_total`, `_count` and
/// `_sum` included: what families of other origin must not be called.
#[must_use]
pub fn shown_names() -> BTreeSet<String> {
    let rows = Surface::ALL.iter().flat_map(|surface| surface.rows());
    let names = rows
        .flat_map(|row| ["", "_total", "_count", "_sum", "_bucket"].map(|end| format!("{}{end}", row.name)));
    names.collect()
}
