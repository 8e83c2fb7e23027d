//! Reading through a registry: snapshots of what its processes recorded, and the removal of idle
//! series, for which a read finds the idle ones.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::Registry;
#[cfg(doc)]
use super::{Family, FamilyOptions};
use crate::{
    error::Result,
    maintenance::{own_overflowed, remove_series},
    observe::{Recorder, UnsortedLabels},
    reader::Reader,
    snapshot::{self, Snapshot, Value},
    sys::fork,
};

/// Maximum time that a snapshot waits for an attempt to recover, which writes the changes of a copy.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(10);

/// The label names of a registry's families, in the order in which they were registered.
///
/// Snapshots sort label names; this type finds series by label values in the registered order.
///
/// ```
/// use ictus::{Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// registry.counter("hits", "", &["route", "method"])?.labels(&["/", "GET"])?.inc();
/// let (labels, snapshot) = (registry.given_labels(), registry.snapshot()?);
/// assert_eq!(labels.find(&snapshot, "hits", &["/", "GET"]), Some(&Value::Counter(1.0)));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GivenLabels(Arc<Vec<UnsortedLabels>>);

impl GivenLabels {
    /// Returns what [`Registry::find`] returns, for the families that the registry had when
    /// [`Registry::given_labels`] was called.
    #[must_use]
    pub fn find<'a>(&self, snapshot: &'a Snapshot, name: &str, values: &[&str]) -> Option<&'a Value> {
        // A name may have several families, with other labels each.
        let families = || self.0.iter().filter(|(family, _)| **family == *name).map(|(_, labels)| labels);
        let mut given = families().filter(|labels| labels.len() == values.len());
        let value = given.find_map(|labels| {
            let pairs = labels.iter().map(String::as_str).zip(values.iter().copied());
            snapshot.get(name, &pairs.collect::<Vec<_>>())
        });
        value.or_else(|| {
            let is_given = |family: &&snapshot::Family| {
                let names = &family.label_names;
                families().any(|labels| {
                    labels.len() == names.len() && labels.iter().all(|label| names.contains(label))
                })
            };
            let mut others = snapshot.families_named(name).iter().filter(|family| !is_given(family));
            others.find_map(|family| family.get(values))
        })
    }
}

/// The cached reader of one process.
///
/// A forked child creates its own reader: a thread of the parent, which does not exist in the
/// child, may hold the parent's lock.
#[derive(Debug)]
pub(super) struct ProcessReader {
    generation: u32,
    reader: Mutex<Reader>,
}

impl ProcessReader {
    pub(super) fn new(recorder: &Arc<Recorder>, directory: Option<&Path>) -> Arc<ProcessReader> {
        // Weak: a forked child leaks the reader of its parent, and dropping the registry must end the
        // child's segment nevertheless.
        let memory = Arc::downgrade(recorder);
        let memory = move || memory.upgrade().map_or_else(Vec::new, |recorder| recorder.unshared_segments());
        let reader = Reader::with_local_segments(directory.map(Path::to_owned), memory);
        Arc::new(ProcessReader { generation: fork::generation(), reader: Mutex::new(reader) })
    }
}

/// Reading, with the feature `read`.
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
        snapshot.health.counts.add(self.recorder.unrecorded());
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

    /// Removes the series with the given name and labels, as [`Family::remove`] does. The labels
    /// may be in any order. Returns false if this registry has registered no family with that name
    /// and those label names, or if the family has no such series.
    ///
    /// Use it where no [`Family`] is at hand, for example in bindings for other languages. Names of
    /// counters are accepted with and without `_total`.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// registry.counter("jobs", "Jobs done.", &["tenant", "queue"])?.labels(&["acme", "mail"])?.inc();
    /// assert!(registry.remove("jobs", &[("tenant", "acme"), ("queue", "mail")])?);
    /// assert!(!registry.remove("jobs", &[("tenant", "acme"), ("queue", "mail")])?);
    /// assert_eq!(registry.snapshot()?.families, []);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`](crate::Error::Io) as [`Family::remove`] does.
    pub fn remove(&self, name: &str, labels: &[(&str, &str)]) -> Result<bool> {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        let (names, values): (Vec<&str>, Vec<&str>) = labels.into_iter().unzip();
        for index in self.recorder.named(name, &names) {
            if remove_series(&self.recorder, &index, &values)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes a snapshot and frees the series of this process that have expired.
    fn snapshot_and_expire(&self, idle: Option<u64>) -> Result<(Snapshot, usize)> {
        self.recorder.check_file_now();
        let finished = self.recorder.finished_recoveries();
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
        snapshot.health.counts.add(self.recorder.unrecorded());
        let expired = reader.expired().iter().map(|expired| {
            let over = own_overflowed(&self.recorder, &expired.family, &expired.over);
            let is_idle = |values: &[String]| expired.series.contains(values) && !over.contains(values);
            self.recorder.expire(&expired.family, is_idle)
        });
        let expired = expired.sum();
        if expired > 0
            && (!self.recorder.refresh_copies(REFRESH_TIMEOUT)
                || self.recorder.finished_recoveries() != finished)
        {
            // A copy that was finished since the reader dropped the series belongs to an ended
            // process, and would show them again.
            reader.forget_again();
        }
        Ok((snapshot, expired))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Registry, snapshot::Value};

    #[test]
    fn find_searches_each_family_of_a_name() {
        let registry = Registry::new();
        let count = |labels: &[&str], values: &[&str], number: f64| {
            registry.counter("hits", "", labels).unwrap().labels(values).unwrap().add(number);
        };
        count(&["route", "method"], &["/", "GET"], 1.0);
        count(&["zone", "host"], &["eu", "a"], 2.0);
        count(&["code", "text"], &["200", "ok"], 3.0);
        let snapshot = registry.snapshot().unwrap();
        let find = |values: [&str; 2]| match registry.find(&snapshot, "hits", &values) {
            Some(Value::Counter(total)) => Some(*total),
            _ => None,
        };
        assert_eq!(find(["/", "GET"]), Some(1.0));
        assert_eq!(find(["eu", "a"]), Some(2.0));
        // Registered in the order of the sorted names.
        assert_eq!(find(["200", "ok"]), Some(3.0));
        // The sorted order of names that were registered in another order.
        assert_eq!(find(["GET", "/"]), None);
    }
}
