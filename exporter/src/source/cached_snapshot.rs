//! One snapshot, and the expositions that were rendered from it.
//!
//! Requests for equal queries share one rendered exposition. The caches of views and expositions are
//! bounded, because clients may request any combination.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
};

use ictus::{
    Snapshot, expose,
    surface::{Exposition, Renderer, ShownFamily, ShownType, View},
};

use super::lock;
use crate::{
    error::Result,
    http::Security,
    query::{Escaping, Format, Query},
    rendered::Rendered,
};

/// Maximum number of cached views and cached expositions: clients may request any combination, and
/// memory stays bounded.
const MAX_KEPT: usize = 8;
/// Maximum total size of the cached expositions; the first one is always cached. Beyond it, each
/// request renders its own.
const MAX_KEPT_BYTES: usize = 16 << 20;

pub(super) type SnapshotFn = Box<dyn FnMut() -> ictus::Result<Snapshot> + Send>;
type WriteFn = Box<dyn Fn(&View) -> String + Send>;
/// Creates the function that takes snapshots; called again in each forked process.
type Open = Arc<dyn Fn() -> SnapshotFn + Send + Sync>;

/// The data that a source renders.
pub(super) enum Backend {
    SnapshotCache(SnapshotCache),
    Function(Arc<Mutex<WriteFn>>),
}

pub(super) struct SnapshotCache {
    open: Open,
    poll: Mutex<SnapshotFn>,
    /// Renderers of the most recently requested views, the newest at the end.
    plans: Mutex<Vec<Renderer>>,
}

/// One snapshot, and the expositions that were rendered from it.
pub(crate) struct CachedSnapshot {
    pub(super) number: u64,
    pub(crate) snapshot: Snapshot,
    /// Families of other libraries.
    external: Arc<[ShownFamily]>,
    /// Families of other libraries and the state of the endpoints; equal to `external` if there is no
    /// such state.
    with_endpoints: Arc<[ShownFamily]>,
    rendered: Mutex<Vec<(Query, Arc<Rendered>)>>,
}

impl Backend {
    pub(super) fn from_snapshots(open: impl Fn() -> SnapshotFn + Send + Sync + 'static) -> Backend {
        Backend::from_open(Arc::new(open))
    }

    fn from_open(open: Open) -> Backend {
        Backend::SnapshotCache(SnapshotCache { poll: Mutex::new(open()), plans: Mutex::default(), open })
    }

    /// Returns the backend for a forked child. If a function was running at the fork, its lock stays
    /// locked in the child, as do the locks that the function itself holds.
    pub(super) fn for_child(&self) -> Backend {
        match self {
            Backend::SnapshotCache(snapshots) => Backend::from_open(snapshots.open.clone()),
            Backend::Function(write) => Backend::Function(write.clone()),
        }
    }

    pub(super) fn from_write(write: impl Fn(&View) -> String + Send + 'static) -> Backend {
        Backend::Function(Arc::new(Mutex::new(Box::new(write))))
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        match self {
            Backend::SnapshotCache(snapshots) => Ok(lock(&snapshots.poll)()?),
            Backend::Function(_) => Ok(Snapshot::default()),
        }
    }
}

impl SnapshotCache {
    fn write(
        &self,
        snapshot: &Snapshot,
        external: &[ShownFamily],
        Query { view, format, filter, native, escaping }: &Query,
    ) -> Vec<u8> {
        let mut view = view.clone();
        view.utf8_names = *escaping == Escaping::Utf8;
        let mut plans = lock(&self.plans);
        let position = plans.iter().position(|plan| *plan.view() == view);
        let mut plan = position.map_or_else(|| Renderer::new(&view), |at| plans.remove(at));
        let own = plan.show(snapshot);
        let mut whole =
            if external.is_empty() { Cow::Borrowed(own) } else { Cow::Owned(own.with_families(external)) };
        if !view.labels.is_empty() {
            whole = Cow::Owned(whole.with_labels(&view.labels));
        }
        let bytes = format.write(&filter.exposition(&whole), *native);
        if plans.len() == MAX_KEPT {
            plans.remove(0);
        }
        plans.push(plan);
        bytes
    }
}

impl CachedSnapshot {
    pub(super) fn new(
        number: u64,
        snapshot: Snapshot,
        external: Arc<[ShownFamily]>,
        guards: &[Security],
    ) -> CachedSnapshot {
        let failed_logins = failed_logins(guards);
        let with_endpoints = match failed_logins {
            Some(family) => external.iter().cloned().chain([family]).collect(),
            None => external.clone(),
        };
        CachedSnapshot { number, snapshot, external, with_endpoints, rendered: Mutex::default() }
    }

    /// Returns the families that are not part of the snapshot. The state of the endpoints belongs to
    /// Ictus's own state.
    fn others(&self, view: &View) -> &[ShownFamily] {
        if view.own_state { &self.with_endpoints } else { &self.external }
    }

    /// Returns the exposition of a view, including families of other libraries, with all names as
    /// they were recorded.
    #[cfg(feature = "otlp")]
    pub(crate) fn exposition(&self, view: &View) -> Exposition {
        let mut view = view.clone();
        view.utf8_names = true;
        Exposition::new(&self.snapshot, &view).with_families(&self.external)
    }

    /// Returns the exposition of a query, in a format that the backend can write.
    pub(super) fn render(&self, origin: &Backend, query: &Query) -> Arc<Rendered> {
        let text = &Query { format: Format::Text, escaping: Escaping::Unstated, ..query.clone() };
        let query = if matches!(origin, Backend::SnapshotCache(_)) { query } else { text };
        // Held while rendering: another thread with the same query would only repeat the work.
        let mut rendered = lock(&self.rendered);
        if let Some((_, rendered)) = rendered.iter().find(|(cached, _)| cached == query) {
            return rendered.clone();
        }
        let bytes = match origin {
            Backend::SnapshotCache(snapshots) => {
                snapshots.write(&self.snapshot, self.others(&query.view), query)
            }
            Backend::Function(write) => {
                let mut text = query.filter.text(lock(write)(&query.view).into()).into_owned();
                let external = Exposition::default().with_families(self.others(&query.view));
                expose::text_into(&mut text, &query.filter.exposition(&external));
                text.into_bytes()
            }
        };
        let new = Arc::new(Rendered::new(query.format, query.escaping, bytes));
        let kept_bytes: usize = rendered.iter().map(|(_, kept)| kept.bytes().len()).sum();
        let fits = rendered.is_empty() || kept_bytes + new.bytes().len() <= MAX_KEPT_BYTES;
        if rendered.len() < MAX_KEPT && fits {
            rendered.push((query.clone(), new.clone()));
        }
        new
    }
}

/// Returns the family of failed logins, if an endpoint requires authentication.
fn failed_logins(guards: &[Security]) -> Option<ShownFamily> {
    let mut asking = guards.iter().filter(|guard| guard.is_authenticated()).peekable();
    asking.peek()?;
    let count: u64 = asking.map(Security::failed_logins).sum();
    let help = "Requests to this exporter whose token or password was wrong.";
    let sample = ("ictus_failed_logins_total".to_owned(), Vec::new(), count as f64);
    ShownFamily::external("ictus_failed_logins", help, ShownType::Counter, [sample]).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ictus::Registry;

    use super::{Backend, CachedSnapshot};
    use crate::{
        filter::Filter,
        query::{Format, Query},
    };

    #[test]
    fn equal_responses_are_written_and_compressed_once() {
        let registry = Registry::new();
        for name in ["jobs", "mails"] {
            registry.counter(name, "", &[]).unwrap().labels(&[]).unwrap().inc();
        }
        let shown = registry.clone();
        let origin = Backend::from_snapshots(move || {
            let shown = shown.clone();
            Box::new(move || shown.snapshot())
        });
        let snapshot = CachedSnapshot::new(1, registry.snapshot().unwrap(), Arc::default(), &[]);
        let mut answers = Vec::new();
        for names in [&[][..], &["jobs"]] {
            for format in Format::ALL {
                let query = Query { format, filter: Filter::new(names.iter().copied()), ..Query::default() };
                let answer = snapshot.render(&origin, &query);
                assert!(Arc::ptr_eq(&snapshot.render(&origin, &query), &answer), "{query:?}");
                if let Some(gzipped) = answer.gzipped() {
                    assert_eq!(answer.gzipped().unwrap().as_ptr(), gzipped.as_ptr());
                }
                answers.push(answer.bytes().clone());
            }
        }
        assert!(snapshot.render(&origin, &Query::default()).gzipped().is_some());
        answers.sort();
        answers.dedup();
        assert_eq!(answers.len(), 6, "each is its own");
    }

    #[test]
    fn unknown_format_shares_the_text() {
        let origin = Backend::from_write(|_| String::new());
        let snapshot = CachedSnapshot::new(1, origin.snapshot().unwrap(), Arc::default(), &[]);
        let text = snapshot.render(&origin, &Query::default());
        let requested = Query { format: Format::OpenMetrics, ..Query::default() };
        assert!(Arc::ptr_eq(&snapshot.render(&origin, &requested), &text));
    }
}
