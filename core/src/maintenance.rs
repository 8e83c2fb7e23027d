//! Changes to the data of ended processes, made by a process that records: removal of series, and
//! retirement in a crowded directory.
//!
//! Like the registry, this module knows recording and reading. Neither imports the other.

use std::{collections::HashSet, io, time::Duration};

use crate::{
    directory::Directory,
    error::{Error, Result},
    format::{
        descriptor::FamilyDescriptor,
        error::SegmentError,
        limits::{MAX_VALUE, cut},
    },
    observe::{Family, FamilyIndex, MetricHandle, Recorder},
    policy::series_limit::OVERFLOW,
    reader::{
        overflowed::Overflowed,
        retire::{self, retire},
    },
};

/// Minimum number of segments in a directory at which a process that opens it retires those of
/// ended processes.
const RETIRE_THRESHOLD: usize = 32;
/// Maximum time that a removal waits for an attempt to recover, which writes the changes of a copy.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);

impl<M: MetricHandle> Family<M> {
    /// Removes the series with the given label values. Returns false if there was none.
    ///
    /// The observations of this process and of ended processes are no longer shown, and the memory
    /// of the series is free for other series.
    ///
    /// After that, [`labels`](Family::labels) returns a new series, which starts at zero.
    /// Observations through handles of the removed series are rejected and counted in
    /// [`HealthCounts::removed`](crate::snapshot::HealthCounts::removed), as are concurrent observations of other
    /// threads. Other running processes of the directory still show their part of the series until
    /// they remove it too. If they allow fewer series than are left, that part may move to the
    /// [`OVERFLOW`](crate::OVERFLOW) series.
    ///
    /// The [`OVERFLOW`](crate::OVERFLOW) series cannot be removed, and neither can a series that is
    /// counted only in it.
    ///
    /// In a metrics directory this call waits up to five seconds for the lock of the directory. It
    /// retires the segments of ended processes, and rewrites the totals if they hold the series. Do
    /// not call it in hot loops.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// let jobs = registry.counter("jobs", "Jobs done.", &["tenant"])?;
    /// jobs.labels(&["acme"])?.inc();
    /// assert!(jobs.remove(&["acme"])?);
    /// assert!(!jobs.remove(&["acme"])?);
    /// assert_eq!(registry.snapshot()?.families, []);
    /// jobs.labels(&["acme"])?.inc();
    /// # use ictus::snapshot::Value;
    /// let snapshot = registry.snapshot()?;
    /// assert_eq!(snapshot.family("jobs").unwrap().get(&["acme"]), Some(&Value::Counter(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`] if the number of values is not the number of the family's labels.
    /// [`Error::Io`] if the directory's totals cannot be read or written, or if another process
    /// holds the lock. In that case the observations of ended processes stay.
    pub fn remove(&self, values: &[&str]) -> Result<bool> {
        self.sorted(values, |values| remove_series(self.recorder(), self.index(), values))
    }
}

/// Removes a series from this process and from what ended processes left. `values` are in the order
/// of the sorted label names.
pub(crate) fn remove_series(recorder: &Recorder, index: &FamilyIndex, values: &[&str]) -> Result<bool> {
    if !values.is_empty() && values.iter().all(|&value| value == OVERFLOW) {
        return Ok(false);
    }
    let family = index.descriptor();
    let stored: Vec<String> = values.iter().map(|&value| cut(value, MAX_VALUE).to_owned()).collect();
    let overflowed = note_overflowed(recorder, family);
    let is_over = overflowed.as_ref().is_ok_and(|overflowed| overflowed.contains(&stored));
    let own = !is_over && index.remove(values)?;
    // Before an error of the directory is returned: the series is removed from this process.
    recorder.refresh_copies(REFRESH_TIMEOUT);
    overflowed?;
    let dead = in_directory(recorder, |directory| {
        retire::drop_series(directory, family, &|series| *series == stored)
    })?;
    Ok(own || dead > 0)
}

/// Records in the directory which series are in a family's overflow series, before a series of the
/// family is removed. Returns the label values of this process's part.
fn note_overflowed(recorder: &Recorder, family: &FamilyDescriptor) -> Result<HashSet<Vec<String>>> {
    let noted = in_directory(recorder, |directory| retire::note_overflowed(directory, family))?;
    Ok(own_overflowed(recorder, family, &noted))
}

/// Returns the label values of a recorder's series in the overflow series of a family.
pub(crate) fn own_overflowed(
    recorder: &Recorder,
    family: &FamilyDescriptor,
    over: &Overflowed,
) -> HashSet<Vec<String>> {
    let Some(noted) = over.of(family) else { return HashSet::new() };
    let own: Vec<u64> = recorder.local_segments().iter().map(|segment| segment.id).collect();
    noted.iter().filter(|(segment, _)| own.contains(segment)).map(|(_, values)| values.clone()).collect()
}

/// Changes the data of ended processes. Returns the default if there is no directory.
fn in_directory<T: Default>(
    recorder: &Recorder,
    change: impl FnOnce(&Directory) -> std::result::Result<T, SegmentError>,
) -> Result<T> {
    let Some(metrics_path) = recorder.metrics_path() else { return Ok(T::default()) };
    let changed = match metrics_path.open() {
        Ok(None) => Ok(T::default()),
        Ok(Some(directory)) => change(&directory).map_err(|error| match error {
            SegmentError::Io(error) => error,
            error => io::Error::other(error.to_string()),
        }),
        Err(error) => Err(error),
    };
    changed.map_err(|error| Error::io(metrics_path.path(), "forget a removed series in", error))
}

/// Retires the segments of ended processes if no other process seems to do it. Short-lived jobs
/// whose directory has no reader must not fill the disk.
pub(crate) fn retire_if_crowded(recorder: &Recorder) {
    let Some(Ok(Some(directory))) = recorder.metrics_path().map(|metrics_path| metrics_path.open()) else {
        return;
    };
    let is_crowded = directory.segments().is_ok_and(|segments| segments.len() >= RETIRE_THRESHOLD);
    if is_crowded && let Err(error) = retire(&directory, &mut |_| None) {
        log::debug!(
            "segments of dead processes stay in {}: {error}",
            directory.metrics_path().path().display()
        );
    }
}
