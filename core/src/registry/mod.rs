//! The registry: the facade of recording and reading.

#[cfg(feature = "read")]
mod reading;

use std::{path::Path, sync::Arc};

#[cfg(feature = "read")]
use arc_swap::ArcSwap;

#[cfg(feature = "read")]
pub use self::reading::GivenLabels;
#[cfg(feature = "read")]
use self::reading::ProcessReader;
#[cfg(feature = "read")]
use crate::maintenance::retire_if_crowded;
use crate::{
    at_exit,
    catalog::Definition,
    directory::access,
    error::Result,
    observe::{Counter, Family, Gauge, Recorder, Timer},
    options::{FamilyOptions, RegistryOptions},
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
    ///
    /// ```
    /// use ictus::{FamilyOptions, Registry};
    ///
    /// // Each timer's window has 10,000 observations unless the family sets another.
    /// let registry = Registry::with_options(FamilyOptions::default().window(10_000));
    /// assert_eq!(registry.directory(), None);
    /// ```
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
    /// ```
    /// use ictus::{FamilyOptions, Registry};
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// let registry = Registry::open_with(directory.path(), FamilyOptions::default().max_series(100))?;
    /// assert_eq!(registry.directory(), Some(directory.path()));
    /// assert!(Registry::open_with(directory.path(), FamilyOptions::default().max_series(0)).is_err());
    /// # Ok::<(), ictus::Error>(())
    /// ```
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
