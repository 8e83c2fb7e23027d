//! From a metrics directory to the bytes of an exposition.
//!
//! Stands between the core and the sinks. Sinks ask at the same time and as often as they like:
//! those that ask while a snapshot is being taken share the next one.

mod taken;

use std::{
    fmt, mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper::body::Bytes;
use ictus::{
    Reader, Registry, host,
    surface::{ShownFamily, View},
};

use self::taken::Backend;
pub(crate) use self::taken::CachedSnapshot;
use crate::{complaints::ErrorLog, error::Result, http::Security, query::Query, rendered::Rendered};

/// Yields families that Ictus did not record, to be shown beside its own in every exposition.
pub type Extra = Arc<dyn Fn() -> Arc<[ShownFamily]> + Send + Sync>;

/// Where a sink gets its exposition from; clones share everything but what they show.
#[derive(Clone)]
pub struct Source {
    shared: Arc<ArcSwap<SourceState>>,
    view: View,
    native: bool,
    path_prefix: Arc<str>,
    directory: Option<PathBuf>,
}

/// What the clones of a source share in one process. A forked child has its own: its parent's may be locked
/// for ever, by a thread that did not come along.
struct SourceState {
    generation: u32,
    origin: Backend,
    extra: ArcSwapOption<Extra>,
    /// Of the endpoints that show this source, those that ask for credentials.
    guards: ArcSwap<Vec<Security>>,
    /// Never held while a snapshot is taken, so that those who wait for one cannot be overtaken
    /// again and again by those who come later.
    flight: Mutex<Flight>,
    landed: Condvar,
    /// Of hosts that have an HTTP server of their own.
    complaints: ErrorLog,
}

#[derive(Default)]
struct Flight {
    /// How many snapshots have been started.
    started: u64,
    /// Whether the last of them is still being taken.
    running: bool,
    /// Threads that wait for it, or have not woken since it landed.
    waiting: usize,
    /// The newest that is complete.
    taken: Option<Arc<CachedSnapshot>>,
}

/// When somebody asked: the number of the newest snapshot that may have begun too early for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness(u64);

impl Source {
    /// The exposition of a metrics directory, which need not exist yet: workers may start later.
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Source {
        let path = directory.as_ref().to_owned();
        let origin = Backend::snapshots(move || {
            let mut reader = Reader::new(&path);
            Box::new(move || reader.snapshot())
        });
        Source { directory: Some(directory.as_ref().to_owned()), ..Source::from_origin(origin) }
    }

    /// Returns the exposition of a metrics directory, which need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) where the path names no folder: see [`Reader::open`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Source> {
        Reader::open(&directory).map_err(crate::Error::Read)?;
        Ok(Source::new(directory))
    }

    /// The exposition of a registry: what its directory's processes recorded, or this process where it
    /// has none.
    ///
    /// ```
    /// let registry = ictus::Registry::new();
    /// registry.counter("jobs", "Jobs done.", &[])?.labels(&[])?.inc();
    /// let source = ictus_exporter::Source::from_registry(registry);
    /// let text = source.text(source.view())?;
    /// assert!(text.ends_with(b"jobs_total 1.0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_registry(registry: Registry) -> Source {
        Source::from_origin(Backend::snapshots(move || {
            let registry = registry.clone();
            Box::new(move || registry.snapshot())
        }))
    }

    /// The exposition that a function writes, as text 0.0.4: the only format that such a source knows.
    #[must_use]
    pub fn from_fn(write: impl Fn(&View) -> String + Send + 'static) -> Source {
        Source::from_origin(Backend::function(write))
    }

    fn from_origin(origin: Backend) -> Source {
        let shared = Arc::new(ArcSwap::from_pointee(SourceState::new(origin, None)));
        Source { shared, view: View::default(), native: false, path_prefix: Arc::default(), directory: None }
    }

    /// This source showing another view where a sink's client asks for none.
    #[must_use]
    pub fn with_view(mut self, view: View) -> Source {
        self.view = view;
        self
    }

    /// This source with native histograms, or without, where a client of the endpoint asks for
    /// protobuf and does not say. They are left out unless this is called.
    #[must_use]
    pub fn with_native(mut self, native: bool) -> Source {
        self.native = native;
        self
    }

    /// This source below a path of the endpoint, as behind a proxy: with `/ictus`, at `/ictus/metrics`.
    #[must_use]
    pub fn with_path_prefix(mut self, prefix: &str) -> Source {
        self.path_prefix = prefix.trim_end_matches('/').into();
        self
    }

    /// This source and all its clones with a hook that yields more families; those whose names are taken
    /// are left out ([`Exposition::beside`]). It is called once a snapshot, while sinks wait: it must not
    /// ask this source, and who asks it must hold no lock that the hook takes.
    ///
    /// [`Exposition::beside`]: ictus::surface::Exposition::beside
    #[must_use]
    pub fn with_extra(self, extra: Extra) -> Source {
        self.shared().extra.store(Some(Arc::new(extra)));
        self
    }

    /// Shows how many logins fail at an endpoint, as `ictus_failed_logins_total`.
    pub(crate) fn count_failed_logins(&self, security: &Security) {
        self.shared().guards.rcu(|guards| {
            let others = guards.iter().filter(|guard| !guard.is(security));
            others.chain([security]).cloned().collect::<Vec<_>>()
        });
    }

    /// The view shown where a client asks for none.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Whether native histograms are shown where a client does not say.
    #[must_use]
    pub fn native(&self) -> bool {
        self.native
    }

    /// The path below which the endpoint shows it; empty for the root.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// The metrics directory, where the source has one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The text exposition under that view, with everything that was recorded before this call.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) where the metrics directory cannot be read.
    pub fn text(&self, view: &View) -> Result<Bytes> {
        Ok(self.render(&Query::from(view))?.bytes().clone())
    }

    /// What a query asks for, with everything that was recorded before this call. In text 0.0.4
    /// whatever the query says, where a function writes it: [`Rendered::format`] is the answer's.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) where the metrics directory cannot be read.
    pub fn render(&self, query: &Query) -> Result<Arc<Rendered>> {
        self.render_since(self.asked(), query)
    }

    /// For a sink that answers later than it is asked: the wait in its queue earns a share in a
    /// snapshot that began meanwhile.
    pub(crate) fn asked(&self) -> Freshness {
        Freshness(lock(&self.shared().flight).started)
    }

    pub(crate) fn render_since(&self, asked: Freshness, query: &Query) -> Result<Arc<Rendered>> {
        let shared = self.shared();
        let taken = shared.taken_since(asked)?;
        Ok(taken.render(&shared.origin, query))
    }

    /// A snapshot as it was recorded; nothing where a function writes the exposition.
    pub(crate) fn snapshot_since(&self, asked: Freshness) -> Result<Arc<CachedSnapshot>> {
        self.shared().taken_since(asked)
    }

    /// Logs the cause of a failure once, until all is well again.
    pub(crate) fn log_outcome<T>(&self, outcome: &Result<T>) {
        let shared = self.shared();
        match outcome {
            Ok(_) => shared.complaints.well(&"the metrics can be read again"),
            Err(error) => shared.complaints.failed(error),
        }
    }

    /// What this process shares.
    fn shared(&self) -> Arc<SourceState> {
        let shared = self.shared.load_full();
        if shared.generation == host::generation() {
            return shared;
        }
        let own = Arc::new(SourceState::new(shared.origin.forked(), shared.extra.load_full()));
        own.guards.store(shared.guards.load_full());
        // Never dropped: the parent's threads may have been anywhere inside.
        mem::forget(shared);
        self.shared.store(own.clone());
        own
    }
}

impl SourceState {
    fn new(origin: Backend, extra: Option<Arc<Extra>>) -> SourceState {
        let (flight, landed, complaints, guards) = Default::default();
        let (generation, extra) = (host::generation(), ArcSwapOption::new(extra));
        SourceState { generation, origin, extra, guards, flight, landed, complaints }
    }

    /// A snapshot that began after somebody asked: a complete one, else the one that is being taken,
    /// else a new one.
    fn taken_since(&self, Freshness(before): Freshness) -> Result<Arc<CachedSnapshot>> {
        let mut flight = lock(&self.flight);
        loop {
            if let Some(taken) = flight.taken.as_ref().filter(|taken| taken.number > before) {
                return Ok(taken.clone());
            }
            if !flight.running {
                break;
            }
            flight.waiting += 1;
            flight = self.landed.wait(flight).unwrap_or_else(PoisonError::into_inner);
            flight.waiting -= 1;
        }
        flight.running = true;
        flight.started += 1;
        let number = flight.started;
        // Nobody asks for it any more, and windows that nobody else has are changed where they are. Whoever
        // waited for it and has not woken yet still finds it.
        let outdated = if flight.waiting == 0 { flight.taken.take() } else { None };
        drop(flight);
        drop(outdated);
        let _landing = InFlightGuard(self);
        let taken = Arc::new(self.take(number)?);
        lock(&self.flight).taken = Some(taken.clone());
        Ok(taken)
    }

    fn take(&self, number: u64) -> Result<CachedSnapshot> {
        let snapshot = self.origin.snapshot()?;
        let extra = self.extra.load_full();
        let foreign = extra.map(|extra| extra()).unwrap_or_default();
        Ok(CachedSnapshot::new(number, snapshot, foreign, &self.guards.load()))
    }
}

/// Ends a flight, also where it failed or a hook panicked: nobody may wait for it for ever.
struct InFlightGuard<'a>(&'a SourceState);

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        lock(&self.0.flight).running = false;
        self.0.landed.notify_all();
    }
}

/// Nothing here is left half done by a panic, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("directory", &self.directory)
            .field("view", &self.view)
            .field("native", &self.native)
            .finish_non_exhaustive()
    }
}
