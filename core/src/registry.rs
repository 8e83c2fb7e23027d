//! The registry: the facade of recording and reading, and the only module that imports both.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;

use crate::{
    at_exit,
    catalog::Definition,
    directory::access,
    error::Result,
    observe::{Counter, Family, Gauge, Recorder, Timer, UnsortedLabels},
    options::Options,
    snapshot::{Reader, Snapshot, Value},
    sys::fork,
};

/// Families that this process records, in its own memory or in a metrics directory that it shares
/// with other processes. Cheap to clone.
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
    reader: Arc<ArcSwap<OwnReader>>,
}

/// The orders in which a registry was given the label names of its families: snapshots have them sorted.
#[derive(Clone, Debug, Default)]
pub struct GivenLabels(Arc<Vec<UnsortedLabels>>);

impl GivenLabels {
    /// As [`Registry::find`], by the families that the registry had when this was made.
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

/// The reader of one process. A forked child gets its own: its parent's may be held for ever by a
/// thread that did not come along.
#[derive(Debug)]
struct OwnReader {
    generation: u32,
    reader: Mutex<Reader>,
}

impl OwnReader {
    fn new(recorder: &Arc<Recorder>, directory: Option<&Path>) -> Arc<OwnReader> {
        let memory = Arc::clone(recorder);
        let reader = Reader::with_memory(directory.map(Path::to_owned), move || memory.memory());
        Arc::new(OwnReader { generation: fork::generation(), reader: Mutex::new(reader) })
    }
}

impl Default for Registry {
    fn default() -> Registry {
        Registry::new()
    }
}

impl Registry {
    /// A registry in this process's memory alone.
    #[must_use]
    pub fn new() -> Registry {
        Registry::with_options(Options::default())
    }

    /// A registry in this process's memory alone, whose families have those options.
    #[must_use]
    pub fn with_options(options: Options) -> Registry {
        Registry::with(Recorder::in_memory(options), None)
    }

    /// A registry in a metrics directory, which is made where it is missing. The process's segment
    /// is made with its first series; a forked child makes its own with the first that it records. A
    /// relative path is resolved here: a later change of the working directory moves nothing.
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
    /// [`Error::Io`](crate::Error::Io) where the directory cannot be made, or others than this user may write in
    /// it, or it lies on NFS, SMB, 9p or FUSE; [`Error::Option`](crate::Error::Option) where the path is
    /// empty or begins with `~`.
    pub fn open(directory: impl AsRef<Path>) -> Result<Registry> {
        Registry::open_with(directory, Options::default())
    }

    /// A registry in a metrics directory, whose families have those options.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) as [`Registry::open`], and
    /// [`Error::Option`](crate::Error::Option).
    pub fn open_with(directory: impl AsRef<Path>, options: Options) -> Result<Registry> {
        options.check()?;
        let directory = access::resolve(directory.as_ref())?;
        Ok(Registry::with(Recorder::open(&directory, options)?, Some(&directory)))
    }

    fn with(recorder: Recorder, directory: Option<&Path>) -> Registry {
        let recorder = Arc::new(recorder);
        if directory.is_some() {
            at_exit::watch(&recorder);
        }
        let reader = OwnReader::new(&recorder, directory);
        Registry { recorder, directory: directory.map(Arc::from), reader: Arc::new(ArcSwap::new(reader)) }
    }

    /// Returns the metrics directory as an absolute path, or none for a registry in memory.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// A family of counters; the one that exists where the name, kind and labels are the same. `_total` at the end
    /// of the name is left out: formats add it, and look-ups take both.
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
    /// [`Error::Name`](crate::Error::Name) and [`Error::Mismatch`](crate::Error::Mismatch).
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Counter>> {
        Family::new(&self.recorder, name, help, labels, self.recorder.options())
    }

    /// A family of gauges.
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
    /// [`Error::Name`](crate::Error::Name) and [`Error::Mismatch`](crate::Error::Mismatch).
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Gauge>> {
        Family::new(&self.recorder, name, help, labels, self.recorder.options())
    }

    /// A family of timers, in seconds.
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
    /// [`Error::Name`](crate::Error::Name) and [`Error::Mismatch`](crate::Error::Mismatch).
    pub fn timer(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family<Timer>> {
        Family::new(&self.recorder, name, help, labels, self.recorder.options())
    }

    /// A family of timers with options of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Name`](crate::Error::Name), [`Error::Mismatch`](crate::Error::Mismatch) and
    /// [`Error::Option`](crate::Error::Option).
    pub fn timer_with(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        options: &Options,
    ) -> Result<Family<Timer>> {
        Family::new(&self.recorder, name, help, labels, options)
    }

    /// The family of a catalogued Conductor counter.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`](crate::Error::Mismatch) where the definition is not a counter.
    pub fn recorded_counter(&self, definition: &Definition) -> Result<Family<Counter>> {
        Family::recorded(&self.recorder, definition)
    }

    /// The family of a catalogued Conductor gauge.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`](crate::Error::Mismatch) where the definition is not a gauge.
    pub fn recorded_gauge(&self, definition: &Definition) -> Result<Family<Gauge>> {
        Family::recorded(&self.recorder, definition)
    }

    /// The family of a catalogued Conductor timer.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`](crate::Error::Mismatch) where the definition is not a timer.
    pub fn recorded_timer(&self, definition: &Definition) -> Result<Family<Timer>> {
        Family::recorded(&self.recorder, definition)
    }

    /// What was recorded: here, or in the directory by all of its processes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the directory cannot be listed.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.look(None).map(|(snapshot, _)| snapshot)
    }

    /// The value of a series in a snapshot, with label values in the order in which this registry was first
    /// given the label names of the family; sorted, where it has no such family.
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

    /// The orders in which this registry was given label names, for [`GivenLabels::find`].
    #[must_use]
    pub fn given_labels(&self) -> GivenLabels {
        GivenLabels(self.recorder.unsorted_labels())
    }

    /// What was recorded through this registry by this process alone, also where others record in the
    /// same directory. Each call looks anew; who looks often takes [`snapshot`](Registry::snapshot).
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
    /// assert_eq!(jobs(mine.own_snapshot()?), Some(Value::Counter(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// None at present; as [`snapshot`](Registry::snapshot) for what may come.
    pub fn own_snapshot(&self) -> Result<Snapshot> {
        let recorder = Arc::clone(&self.recorder);
        // A reader of its own: no lock of another call or of a fork's parent is waited for.
        let mut snapshot = Reader::with_memory(None, move || recorder.own()).snapshot()?;
        snapshot.health.lost.add(self.recorder.unrecorded());
        Ok(snapshot)
    }

    /// Lets series expire that no process of the directory has moved for that long, of all families,
    /// as [`Options::expire_after`] does for those that have it. Gives how many series of this process
    /// that were.
    ///
    /// Counters and gauges are judged by looking twice: the first call begins to watch them. Call it
    /// every now and then in a process that takes no snapshots.
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
    /// [`Error::Io`](crate::Error::Io) where the directory cannot be listed.
    pub fn remove_idle(&self, idle: Duration) -> Result<usize> {
        let nanoseconds = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
        self.look(Some(nanoseconds.max(1))).map(|(_, expired)| expired)
    }

    /// A snapshot; what expired by it is freed here.
    fn look(&self, idle: Option<u64>) -> Result<(Snapshot, usize)> {
        self.recorder.check_file_now();
        let mut own = self.reader.load_full();
        if own.generation != fork::generation() {
            // Never dropped: the parent's thread may have been anywhere inside.
            std::mem::forget(own);
            own = OwnReader::new(&self.recorder, self.directory.as_deref());
            self.reader.store(Arc::clone(&own));
        }
        // A reader that panicked midway holds whole segments or none.
        let mut reader = own.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = reader.snapshot_within(idle)?;
        snapshot.health.lost.add(self.recorder.unrecorded());
        let expired = reader.expired().iter().map(|expired| {
            let over = self.recorder.own_overflowed(&expired.family, &expired.over);
            let is_idle = |values: &[String]| expired.series.contains(values) && !over.contains(values);
            self.recorder.expire(&expired.family, is_idle)
        });
        let expired = expired.sum();
        Ok((snapshot, expired))
    }
}
