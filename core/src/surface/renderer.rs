//! The renderer: the exposition of one view, reused from one snapshot to the next.

use super::{
    View,
    catalog_families::{self, CatalogFamilies},
    exposition::Exposition,
    internal_metrics,
    user_families::UserFamilies,
};
use crate::snapshot::Snapshot;

/// Maps consecutive snapshots to one view.
///
/// Names, labels and their text are created when the series of a family change, and are reused
/// until then. Rendering the same series again only sets their values. It allocates only if series
/// with equal shown labels have windows or buckets to merge. Only the state of the last snapshot is
/// kept.
///
/// ```
/// # use ictus::surface::{Renderer, View};
/// # let registry = ictus::Registry::new();
/// let jobs = registry.counter("jobs", "", &[])?.labels(&[])?;
/// let (mut plan, mut text) = (Renderer::new(&View::default()), String::new());
/// for expected in ["jobs_total 1.0", "jobs_total 2.0"] {
///     jobs.inc();
///     text.clear();
///     ictus::expose::text_into(&mut text, plan.show(&registry.snapshot()?));
///     assert!(text.lines().any(|line| line == expected), "{text}");
/// }
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Debug)]
pub struct Renderer {
    view: View,
    planned: Vec<CatalogFamilies>,
    /// The index of the first `ictus_*` family, if the view shows them.
    own: Option<usize>,
    user_families: UserFamilies,
    exposition: Exposition,
}

impl Exposition {
    /// Maps a snapshot to the surfaces of a view.
    ///
    /// Families without a sample are not shown. A family of a user is not shown if no format can
    /// represent its names or labels, or if another family has its name; each is logged once. For
    /// repeated snapshots use a [`Renderer`].
    #[must_use]
    pub fn new(snapshot: &Snapshot, view: &View) -> Exposition {
        let mut plan = Renderer::new(view);
        plan.show(snapshot);
        plan.into_exposition()
    }
}

impl Renderer {
    /// Creates a renderer for a view, with an empty exposition.
    #[must_use]
    pub fn new(view: &View) -> Renderer {
        let mut exposition = Exposition { utf8_names: view.utf8_names, ..Exposition::default() };
        let planned = catalog_families::add(&mut exposition, view);
        let own = view.own_state.then(|| internal_metrics::add(&mut exposition));
        let guests = UserFamilies::new(&exposition);
        exposition.sort();
        Renderer { view: view.clone(), planned, own, user_families: guests, exposition }
    }

    /// Returns the view.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Maps a snapshot to the view, and returns the same exposition as [`Exposition::new`].
    pub fn show(&mut self, snapshot: &Snapshot) -> &Exposition {
        for planned in &mut self.planned {
            planned.show(snapshot, &mut self.exposition);
        }
        if let Some(first) = self.own {
            internal_metrics::show(&mut self.exposition, first, snapshot);
        }
        self.user_families.show(snapshot, &mut self.exposition);
        if self.own.is_some() {
            internal_metrics::show_left_out(&mut self.exposition);
        }
        &self.exposition
    }

    pub(crate) fn into_exposition(self) -> Exposition {
        self.exposition
    }
}
