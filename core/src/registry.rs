//! The registry: the facade of recording and reading.

use std::{path::Path, sync::Arc};
#[cfg(feature = "read")]
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

#[cfg(feature = "read")]
use arc_swap::ArcSwap;

use crate::{
    at_exit,
    catalog::Definition,
    directory::access,
    error::Result,
    observe::{Counter, Family, Gauge, Recorder, Timer},
    options::{FamilyOptions, RegistryOptions},
};
#[cfg(feature = "read")]
use crate::{
    maintenance::{own_overflowed, retire_if_crowded},
    observe::UnsortedLabels,
    reader::Reader,
    snapshot::{Snapshot, Value},
    sys::fork,
};

/// A set of families that this process records, in its own memory or in a metrics directory that it
/// shares with other processes. Clones are cheap and refer to the same registry.
///
/// ```
/// use ictus::surface::{Exposition, View};
///
/// let registry = ictus::Registry::new();
/// let requests = registry.timer("request_seconds", "How long requests take.", &["route"])?;
/// let index = requests.labels(&["/"])?;
/// for milliseconds in 1..=100 {
///     index.observe(f64::from(milliseconds) / 1000.0);
/// }
/// let snapshot = registry.snapshot()?;
/// let text = ictus::expose::text(&Exposition::new(&snapshot, &View::default()));
/// assert!(text.contains(r#"request_seconds{quantile="0.99",route="/"} 0.09901"#), "{text}");
/// assert!(text.contains(r#"request_seconds_count{route="/"} 100.0"#));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    recorder: Arc<Recorder>,
    directory: Option<Arc<Path>>,
    #[cfg(feature = "read")]
    reader: Arc<ArcSwap<ProcessReader>>,
}

/// The label names of a registry's families, in the order in which they were registered.
///
/// Snapshots sort label names; this type finds series by label values in the registered order.
#[cfg(feature = "read")]
#[derive(Clone, Debug, Default)]
pub struct GivenLabels(Arc<Vec<UnsortedLabels>>);

#[cfg(feature = "read")]
impl GivenLabels {
    /// Returns what [`Registry::find`] returns, for the families that the registry had when
    /// [`Registry::given_labels`] was called.
    #[must_use]
    pub fn find<'a>(&self, snapshot: &'a Snapshot, name: &str, values: &[&str]) -> Option<&'a Value> {
        let is_it = |(family, labels): &&UnsortedLabels| **family == *name && labels.len() == values.len();
        if let Some((_, labels)) = self.0.iter().find(is_it) {
            let pairs = labels.iter().map(String::as_str).zip(values.iter().copied());
            return snapshot.get(name, &pairs.collect::<Vec<_>>());
        }
        snapshot.families_named(name).iter().find_map(|family| family.get(values))
    }
}

/// The cached reader of one process.
///
/// A forked child creates its own reader: a thread of the parent, which does not exist in the
/// child, may hold the parent's lock.
#[cfg(feature = "read")]
#[derive(Debug)]
struct ProcessReader {
    generation: u32,
    reader: Mutex<Reader>,
}

#[cfg(feature = "read")]
impl ProcessReader {
    fn new(recorder: &Arc<Recorder>, directory: Option<&Path>) -> Arc<ProcessReader> {
        // Weak: a forked child leaks the reader of its parent, and dropping the registry must end the
        // child's segment nevertheless.
        let memory = Arc::downgrade(recorder);
        let memory = move || memory.upgrade().map_or_else(Vec::new, |recorder| recorder.unshared_segment());
        let reader = Reader::with_local_segments(directory.map(Path::to_owned), memory);
        Arc::new(ProcessReader { generation: fork::generation(), reader: Mutex::new(reader) })
    }
}

impl Default for Registry {
    fn default() -> Registry {
        Registry::new()
    }
}

impl Registry {
    /// Creates a registry in the memory of this process only.
    #[must_use]
    pub fn new() -> Registry {
        Registry::with_options(RegistryOptions::default())
    }

    /// Creates a registry in the memory of this process only, with `options`, which
    /// can be [`RegistryOptions`] or [`FamilyOptions`] alone.
    #[must_use]
    pub fn with_options(options: impl Into<RegistryOptions>) -> Registry {
        Registry::from_recorder(Recorder::in_memory(options.into()), None)
    }

    /// Opens a registry in a metrics directory and creates the directory if it does not exist.
    ///
    /// The process creates its segment when it records its first series. A forked child creates its
    /// own segment when it records its first series. A relative path is resolved by this call, so
    /// later changes of the working directory have no effect.
    ///
    /// ```
    /// # let directory = tempfile::tempdir().unwrap();
    /// let registry = ictus::Registry::open(directory.path())?;
    /// registry.counter("jobs", "Jobs done.", &[])?.labels(&[])?.inc();
    /// // Any process can read it, this one included.
    /// let snapshot = ictus::Reader::new(directory.path()).snapshot()?;
    /// assert_eq!(snapshot.families, registry.snapshot()?.families);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`](crate::Error::Io) if the directory cannot be created, if users other
    /// than this one can write to it, or if it is on NFS, SMB, 9p or FUSE. Returns
    /// [`Error::Option`](crate::Error::Option) if the path is empty or begins with `~`.
    pub fn open(directory: impl AsRef<Path>) -> Result<Registry> {
        Registry::open_with(directory, RegistryOptions::default())
    }

    /// Opens a registry in a metrics directory, with `options`, which can be [`RegistryOptions`] or
    /// [`FamilyOptions`] alone.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`](crate::Error::Io) and [`Error::Option`](crate::Error::Option) as
    /// [`Registry::open`] does, and [`Error::Option`](crate::Error::Option) if an option has an
    /// invalid value.
    pub fn open_with(directory: impl AsRef<Path>, options: impl Into<RegistryOptions>) -> Result<Registry> {
        let options = options.into();
        options.validate()?;
        let directory = access::resolve(directory.as_ref())?;
        let recorder = Recorder::open(&directory, options)?;
        #[cfg(feature = "read")]
        retire_if_crowded(&recorder);
        Ok(Registry::from_recorder(recorder, Some(&directory)))
    }

    fn from_recorder(recorder: Recorder, directory: Option<&Path>) -> Registry {
        let recorder = Arc::new(recorder);
        if directory.is_some() {
            at_exit::watch(&recorder);
        }
        Registry {
            #[cfg(feature = "read")]
            reader: Arc::new(ArcSwap::new(ProcessReader::new(&recorder, directory))),
            recorder,
            directory: directory.map(Arc::from),
        }
    }

    /// Returns the metrics directory as an absolute path, or none for a registry in memory.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Registers a family of counters, or returns the existing one if name, kind and labels are the
    /// same.
    ///
    /// A `_total` suffix of the name is removed: formats add it, and look-ups accept both.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// let polls = registry.counter("polls", "Polls made.", &["queue"])?;
    /// polls.labels(&["mail"])?.inc();
    /// # use ictus::snapshot::Value;
    /// let snapshot = registry.snapshot()?;
    /// assert_eq!(snapshot.family("polls").unwrap().get(&["mail"]), Some(&Value::Counter(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Name`](crate::Error::Name) for an invalid metric or label name, and
    /// [`Error::Mismatch`](crate::Error::Mismatch) if a family of that name exists with another
    /// kind or unit.
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Counter>> {
        Family::new(&self.recorder, name, help, labels, &self.recorder.options().families)
    }

    /// Registers a family of gauges, or returns the existing one if name, kind and labels are the
    /// same.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// let active = registry.gauge("active", "Jobs being done now.", &[])?.labels(&[])?;
    /// active.add(2.0);
    /// active.add(-1.0);
    /// # use ictus::snapshot::Value;
    /// assert_eq!(registry.snapshot()?.family("active").unwrap().get(&[]), Some(&Value::Gauge(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Name`](crate::Error::Name) and [`Error::Mismatch`](crate::Error::Mismatch),
    /// as [`Registry::counter`] does.
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Gauge>> {
        Family::new(&self.recorder, name, help, labels, &self.recorder.options().families)
    }

    /// Registers a family of timers, in seconds, or returns the existing one if name, kind and
    /// labels are the same.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// let jobs = registry.timer("job_seconds", "How long a job takes.", &[])?.labels(&[])?;
    /// jobs.observe(0.25);
    /// let running = jobs.start();
    /// let seconds = running.stop();
    /// # use ictus::snapshot::Value;
    /// let snapshot = registry.snapshot()?;
    /// let Some(Value::Timer(timing)) = snapshot.family("job_seconds").unwrap().get(&[]) else { panic!() };
    /// assert_eq!((timing.count, timing.sum), (2, 0.25 + seconds));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Name`](crate::Error::Name) and [`Error::Mismatch`](crate::Error::Mismatch),
    /// as [`Registry::counter`] does.
    pub fn timer(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Timer>> {
        Family::new(&self.recorder, name, help, labels, &self.recorder.options().families)
    }

    /// Registers a family of timers with its own options instead of those of the registry.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Name`](crate::Error::Name) and [`Error::Mismatch`](crate::Error::Mismatch)
    /// as [`Registry::counter`] does, and [`Error::Option`](crate::Error::Option) if an option has
    /// an invalid value.
    pub fn timer_with(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        options: &FamilyOptions,
    ) -> Result<Family<Timer>> {
        Family::new(&self.recorder, name, help, labels, options)
    }

    /// Registers the family of a catalogued Conductor counter, or returns the existing one.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Mismatch`](crate::Error::Mismatch) if the definition is not a counter.
    pub fn catalog_counter(&self, definition: &Definition) -> Result<Family<Counter>> {
        Family::recorded(&self.recorder, definition)
    }

    /// Registers the family of a catalogued Conductor gauge, or returns the existing one.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Mismatch`](crate::Error::Mismatch) if the definition is not a gauge.
    pub fn catalog_gauge(&self, definition: &Definition) -> Result<Family<Gauge>> {
        Family::recorded(&self.recorder, definition)
    }

    /// Registers the family of a catalogued Conductor timer, or returns the existing one.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Mismatch`](crate::Error::Mismatch) if the definition is not a timer.
    pub fn catalog_timer(&self, definition: &Definition) -> Result<Family<Timer>> {
        Family::recorded(&self.recorder, definition)
    }
}

/// Reading, with the feature `read`.
#[cfg(feature = "read")]
impl Registry {
    /// Returns the merged state of all processes of the directory, or of this process for a
    /// registry in memory.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`](crate::Error::Io) if the directory cannot be listed.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.snapshot_and_expire(None).map(|(snapshot, _)| snapshot)
    }

    /// Returns the value of a series in a snapshot.
    ///
    /// `values` are in the order in which this registry first registered the label names of the
    /// family. If the registry has no such family, they are in the order of the sorted label names.
    ///
    /// ```
    /// # use ictus::snapshot::Value;
    /// # let registry = ictus::Registry::new();
    /// registry.counter("hits", "", &["route", "method"])?.labels(&["/", "GET"])?.inc();
    /// let snapshot = registry.snapshot()?;
    /// assert_eq!(registry.find(&snapshot, "hits", &["/", "GET"]), Some(&Value::Counter(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn find<'a>(&self, snapshot: &'a Snapshot, name: &str, values: &[&str]) -> Option<&'a Value> {
        self.given_labels().find(snapshot, name, values)
    }

    /// Returns the registered orders of label names, for [`GivenLabels::find`].
    #[must_use]
    pub fn given_labels(&self) -> GivenLabels {
        GivenLabels(self.recorder.unsorted_labels())
    }

    /// Returns only the values that this process recorded through this registry, even if other
    /// registries or processes record in the same directory.
    ///
    /// Rebuilds its state on every call. For repeated reads use [`snapshot`](Registry::snapshot).
    ///
    /// ```
    /// # let directory = tempfile::tempdir().unwrap();
    /// # use ictus::{Registry, snapshot::Value};
    /// let (mine, other) = (Registry::open(directory.path())?, Registry::open(directory.path())?);
    /// for registry in [&mine, &other] {
    ///     registry.counter("jobs", "", &[])?.labels(&[])?.inc();
    /// }
    /// let jobs = |snapshot: ictus::Snapshot| snapshot.family("jobs").unwrap().get(&[]).cloned();
    /// assert_eq!(jobs(mine.snapshot()?), Some(Value::Counter(2.0)));
    /// assert_eq!(jobs(mine.local_snapshot()?), Some(Value::Counter(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns no error at present. Callers must expect those of [`snapshot`](Registry::snapshot).
    pub fn local_snapshot(&self) -> Result<Snapshot> {
        let recorder = Arc::clone(&self.recorder);
        // A new reader for each call: waits for no lock of another call or of a fork's parent.
        let mut snapshot = Reader::with_local_segments(None, move || recorder.local_segments()).snapshot()?;
        snapshot.health.lost.add(self.recorder.unrecorded());
        Ok(snapshot)
    }

    /// Expires every series that no process of the directory has updated for `idle`, in all
    /// families, as [`FamilyOptions::expire_after`] does for families that set it. Returns the
    /// number of series removed from this process.
    ///
    /// Counters and gauges count as idle if their values are the same in two reads: the first call
    /// starts to watch them. Call this method from time to time in a process that takes no
    /// snapshots.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let registry = ictus::Registry::new();
    /// registry.counter("jobs", "", &["tenant"])?.labels(&["acme"])?.inc();
    /// assert_eq!(registry.remove_idle(Duration::from_millis(20))?, 0);
    /// std::thread::sleep(Duration::from_millis(50));
    /// assert_eq!(registry.remove_idle(Duration::from_millis(20))?, 1);
    /// assert_eq!(registry.snapshot()?.families, []);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`](crate::Error::Io) if the directory cannot be listed.
    pub fn remove_idle(&self, idle: Duration) -> Result<usize> {
        let nanoseconds = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
        self.snapshot_and_expire(Some(nanoseconds.max(1))).map(|(_, expired)| expired)
    }

    /// Takes a snapshot and frees the series of this process that have expired.
    fn snapshot_and_expire(&self, idle: Option<u64>) -> Result<(Snapshot, usize)> {
        self.recorder.check_file_now();
        let mut own = self.reader.load_full();
        if own.generation != fork::generation() {
            // Leaked: a thread of the parent may have been anywhere inside it at the fork.
            std::mem::forget(own);
            own = ProcessReader::new(&self.recorder, self.directory.as_deref());
            self.reader.store(Arc::clone(&own));
        }
        // A reader that panicked has merged each segment entirely or not at all.
        let mut reader = own.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = reader.snapshot_in_epoch(idle)?;
        snapshot.health.lost.add(self.recorder.unrecorded());
        let expired = reader.expired().iter().map(|expired| {
            let over = own_overflowed(&self.recorder, &expired.family, &expired.over);
            let is_idle = |values: &[String]| expired.series.contains(values) && !over.contains(values);
            self.recorder.expire(&expired.family, is_idle)
        });
        let expired = expired.sum();
        Ok((snapshot, expired))
    }
}
