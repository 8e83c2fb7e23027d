//! Source: renders a metrics directory, a registry or a function as the bytes of an exposition.
//!
//! A [`Source`] connects the core with the sinks: the endpoint, the file writer and the pushes.
//! Sinks may call it concurrently and at any rate. Calls that arrive while a snapshot is being taken
//! share the next one, so at most one snapshot is in progress at a time.
//!
//! A forked child gets its own state: another thread of the parent may have held the parent's locks.

mod cached_snapshot;

use std::{
    fmt, mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper::body::Bytes;
use ictus::{
    Reader, Registry, host,
    surface::{ShownFamily, View},
};

use self::cached_snapshot::Backend;
pub(crate) use self::cached_snapshot::CachedSnapshot;
use crate::{
    error::Result, error_log::ErrorLog, history::History, http::Security, query::Query, rendered::Rendered,
};

/// A hook that returns families of other libraries, shown together with those of Ictus in every
/// exposition.
///
/// ```
/// use std::sync::Arc;
///
/// use ictus::{Registry, surface::{ShownFamily, ShownType}};
/// use ictus_exporter::{Extra, Source};
///
/// let extra: Extra = Arc::new(|| {
///     let sample = ("celsius".to_owned(), Vec::new(), 21.5);
///     ShownFamily::external("celsius", "Temperature.", ShownType::Gauge, [sample]).into_iter().collect()
/// });
/// let source = Source::from_registry(Registry::new()).with_extra(extra);
/// let text = source.text(source.view())?;
/// assert!(String::from_utf8_lossy(&text).contains("celsius 21.5"));
/// # Ok::<(), ictus_exporter::Error>(())
/// ```
pub type Extra = Arc<dyn Fn() -> Arc<[ShownFamily]> + Send + Sync>;

/// The origin of a sink's exposition; clones share everything but their view and display options.
///
/// ```
/// use ictus_exporter::Source;
/// use ictus::surface::{Surface, View};
///
/// // All processes that record into the directory.
/// let directory = tempfile::tempdir()?;
/// let source = Source::open(directory.path())?.with_view(View::new(&[Surface::Canonical])?);
/// assert!(source.text(source.view())?.starts_with(b"# HELP "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Source {
    shared: Arc<ArcSwap<SourceState>>,
    view: View,
    native: bool,
    path_prefix: Arc<str>,
    directory: Option<PathBuf>,
}

/// State that the clones of a source share within one process. A forked child gets its own state,
/// because a thread of the parent that does not exist in the child may have held the locks.
struct SourceState {
    generation: u32,
    origin: Backend,
    extra: ArcSwapOption<Extra>,
    /// The authenticating endpoints among all endpoints that show this source.
    guards: ArcSwap<Vec<Security>>,
    history: ArcSwapOption<History>,
    /// Released while a snapshot is taken, so that later calls cannot repeatedly overtake the
    /// waiting ones.
    in_flight: Mutex<SingleFlight>,
    finished: Condvar,
    /// The failures reported to hosts that run their own HTTP server.
    errors: ErrorLog,
}

#[derive(Default)]
struct SingleFlight {
    /// The number of snapshots that were started.
    started: u64,
    /// Whether the newest snapshot is still being taken.
    running: bool,
    /// The number of threads that wait for it, or have not woken since it completed.
    waiting: usize,
    /// The newest complete snapshot.
    snapshot: Option<Arc<CachedSnapshot>>,
}

/// The time of a call: the number of the newest snapshot that may have begun before the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness(u64);

impl Source {
    /// Creates a source for a metrics directory. The directory need not exist yet: workers may start
    /// later.
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Source {
        let path = directory.as_ref().to_owned();
        let origin = Backend::from_snapshots(move || {
            let mut reader = Reader::new(&path);
            Box::new(move || reader.snapshot())
        });
        Source { directory: Some(directory.as_ref().to_owned()), ..Source::from_origin(origin) }
    }

    /// Creates a source for a metrics directory, and checks its path. The directory need not exist
    /// yet.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) if the path is empty, begins with `~`, or cannot be
    /// resolved: see [`Reader::open`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Source> {
        Reader::open(&directory).map_err(crate::Error::Read)?;
        Ok(Source::new(directory))
    }

    /// Creates a source for a registry. It shows the metrics of all processes in the registry's
    /// directory, or those of this process if the registry has no directory.
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
        Source::from_origin(Backend::from_snapshots(move || {
            let registry = registry.clone();
            Box::new(move || registry.snapshot())
        }))
    }

    /// Creates a source whose exposition is written by a function, as text 0.0.4. Such a source
    /// supports no other format.
    ///
    /// ```
    /// let source = ictus_exporter::Source::from_fn(|_view| "up 1.0\n".to_owned());
    /// assert_eq!(source.text(source.view())?, "up 1.0\n");
    /// # Ok::<(), ictus_exporter::Error>(())
    /// ```
    #[must_use]
    pub fn from_fn(write: impl Fn(&View) -> String + Send + 'static) -> Source {
        Source::from_origin(Backend::from_write(write))
    }

    fn from_origin(origin: Backend) -> Source {
        let shared = Arc::new(ArcSwap::from_pointee(SourceState::new(origin, None)));
        Source { shared, view: View::default(), native: false, path_prefix: Arc::default(), directory: None }
    }

    /// Sets the view that is shown if a client requests none.
    #[must_use]
    pub fn with_view(mut self, view: View) -> Source {
        self.view = view;
        self
    }

    /// Sets whether protobuf responses contain native histograms if the request does not specify it.
    /// The default is to omit them.
    #[must_use]
    pub fn with_native(mut self, native: bool) -> Source {
        self.native = native;
        self
    }

    /// Sets the path prefix of the endpoint, for use behind a proxy: with `/ictus`, the metrics are
    /// at `/ictus/metrics`.
    #[must_use]
    pub fn with_path_prefix(mut self, prefix: &str) -> Source {
        self.path_prefix = prefix.trim_end_matches('/').into();
        self
    }

    /// Adds a hook that returns further families, to this source and all its clones. Families whose
    /// names conflict with those of Ictus are left out ([`Exposition::with_families`]).
    ///
    /// The hook is called once for each snapshot, while sinks wait. It must not use this source, and
    /// callers of this source must not hold a lock that the hook acquires.
    ///
    /// [`Exposition::with_families`]: ictus::surface::Exposition::with_families
    #[must_use]
    pub fn with_extra(self, extra: Extra) -> Source {
        self.shared().extra.store(Some(Arc::new(extra)));
        self
    }

    /// Keeps the quantiles of past snapshots for the live page, of this length; a length of zero keeps
    /// none, which is the default. Applies to this source and all its clones.
    ///
    /// Points are recorded from snapshots that are taken for clients, at most one in ten seconds. The
    /// memory is bounded: by the length, and by 2,000 series.
    #[must_use]
    pub fn with_history(self, length: Duration) -> Source {
        let history = (!length.is_zero()).then(|| Arc::new(History::new(length)));
        self.shared().history.store(history);
        self
    }

    /// Returns the history, if the source keeps one.
    pub(crate) fn history(&self) -> Option<Arc<History>> {
        self.shared().history.load_full()
    }

    /// Adds the number of failed logins of an endpoint to the exposition, as
    /// `ictus_failed_logins_total`.
    pub(crate) fn count_failed_logins(&self, security: &Security) {
        self.shared().guards.rcu(|guards| {
            let others = guards.iter().filter(|guard| !guard.is(security));
            others.chain([security]).cloned().collect::<Vec<_>>()
        });
    }

    /// Returns the view that is shown if a client requests none.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Returns whether native histograms are shown if the request does not specify it.
    #[must_use]
    pub fn native(&self) -> bool {
        self.native
    }

    /// Returns the path prefix of the endpoint; empty for the root.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// Returns the metrics directory, if the source has one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Returns the text exposition of a view. It contains everything that was recorded before this
    /// call.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) if the metrics directory cannot be read.
    pub fn text(&self, view: &View) -> Result<Bytes> {
        Ok(self.render(&Query::from(view))?.bytes().clone())
    }

    /// Returns the exposition that a query selects. It contains everything that was recorded before
    /// this call.
    ///
    /// If a function writes the exposition, the format is always text 0.0.4: [`Rendered::format`]
    /// returns the actual one.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) if the metrics directory cannot be read.
    pub fn render(&self, query: &Query) -> Result<Arc<Rendered>> {
        self.render_since(self.freshness(), query)
    }

    /// Returns the time of a request that waits in a queue before its response is prepared. Such a
    /// request may share a snapshot that began while it waited.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness(lock(&self.shared().in_flight).started)
    }

    pub(crate) fn render_since(&self, since: Freshness, query: &Query) -> Result<Arc<Rendered>> {
        let shared = self.shared();
        let snapshot = shared.cached_since(since)?;
        Ok(snapshot.render(&shared.origin, query))
    }

    /// Returns a snapshot as it was recorded; an empty one if a function writes the exposition.
    pub(crate) fn snapshot_since(&self, since: Freshness) -> Result<Arc<CachedSnapshot>> {
        self.shared().cached_since(since)
    }

    /// Logs the cause of a failure once, until a call succeeds again.
    pub(crate) fn log_outcome<T>(&self, outcome: &Result<T>) {
        let shared = self.shared();
        match outcome {
            Ok(_) => shared.errors.recovered(&"the metrics can be read again"),
            Err(error) => shared.errors.failed(error),
        }
    }

    /// Returns the state of this process, which is a new one after a fork.
    fn shared(&self) -> Arc<SourceState> {
        let shared = self.shared.load_full();
        if shared.generation == host::generation() {
            return shared;
        }
        let own = Arc::new(SourceState::new(shared.origin.for_child(), shared.extra.load_full()));
        own.guards.store(shared.guards.load_full());
        let length = shared.history.load().as_ref().map(|history| history.length());
        own.history.store(length.map(|length| Arc::new(History::new(length))));
        // Never dropped: at the fork, threads of the parent may have been anywhere inside.
        mem::forget(shared);
        self.shared.store(own.clone());
        own
    }
}

impl SourceState {
    fn new(origin: Backend, extra: Option<Arc<Extra>>) -> SourceState {
        let (in_flight, finished, errors, guards, history) = Default::default();
        let (generation, extra) = (host::generation(), ArcSwapOption::new(extra));
        SourceState { generation, origin, extra, guards, history, in_flight, finished, errors }
    }

    /// Returns a snapshot that began after the request: a complete one, else the one in progress,
    /// else a new one.
    fn cached_since(&self, Freshness(previous): Freshness) -> Result<Arc<CachedSnapshot>> {
        let mut in_flight = lock(&self.in_flight);
        loop {
            if let Some(snapshot) = in_flight.snapshot.as_ref().filter(|snapshot| snapshot.number > previous)
            {
                return Ok(snapshot.clone());
            }
            if !in_flight.running {
                break;
            }
            in_flight.waiting += 1;
            in_flight = self.finished.wait(in_flight).unwrap_or_else(PoisonError::into_inner);
            in_flight.waiting -= 1;
        }
        in_flight.running = true;
        in_flight.started += 1;
        let number = in_flight.started;
        // No request needs the previous snapshot any more. Dropping it first lets the reader update
        // windows in place, because no other reference to them exists. While a thread that waited
        // for it has not woken yet, the snapshot stays.
        let outdated = if in_flight.waiting == 0 { in_flight.snapshot.take() } else { None };
        drop(in_flight);
        drop(outdated);
        let _guard = InFlightGuard(self);
        let snapshot = Arc::new(self.take(number)?);
        lock(&self.in_flight).snapshot = Some(snapshot.clone());
        Ok(snapshot)
    }

    fn take(&self, number: u64) -> Result<CachedSnapshot> {
        let snapshot = self.origin.snapshot()?;
        if let Some(history) = &*self.history.load() {
            history.record(&snapshot);
        }
        let extra = self.extra.load_full();
        let external = extra.map(|extra| extra()).unwrap_or_default();
        Ok(CachedSnapshot::new(number, snapshot, external, &self.guards.load()))
    }
}

/// Ends a snapshot in progress, also after an error or a panic of a hook; otherwise its waiters
/// would block forever.
struct InFlightGuard<'a>(&'a SourceState);

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        lock(&self.0.in_flight).running = false;
        self.0.finished.notify_all();
    }
}

/// Locks a mutex. No panic leaves the state of this module inconsistent, so a poisoned lock is used
/// as any other.
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
