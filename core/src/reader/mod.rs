//! Reading: turns a metrics directory, or the memory of this process, into a [`Snapshot`],
//! repeatedly.
//!
//! ```text
//!  directory ─► SegmentFile ─► SegmentReader ─► SegmentCursor ─► Aggregator ─► Snapshot
//!               open file      header, checks   changed lanes    all processes
//!               TotalsFile ─────────────────────────────────────► (ended processes)
//! ```
//!
//! Between snapshots the reader copies only the lanes that changed. Segments of ended processes are
//! folded into the totals file ([`retire`]).
//!
//! The totals and the segments must be of one moment. The reader opens the totals file first, then
//! the segments that it does not contain. If the totals file was replaced meanwhile, the reader
//! starts again. It reads from open files, which no retirement removes.

pub(crate) mod age;
pub(crate) mod aggregate;
pub(crate) mod clear;
pub(crate) mod convert;
pub(crate) mod cursor;
pub(crate) mod expiry;
pub(crate) mod family_log;
#[cfg_attr(not(feature = "record"), path = "no_local_segments.rs")]
pub(crate) mod local_segments;
pub(crate) mod multiprocess;
pub(crate) mod overflowed;
pub(crate) mod placement;
pub(crate) mod read_totals;
pub(crate) mod retire;
pub(crate) mod segment_file;
pub(crate) mod segment_log;
pub(crate) mod segment_reader;
pub(crate) mod stored_observations;
pub(crate) mod totals;
pub(crate) mod totals_file;
mod update;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    clock::{self, Anchor},
    directory::{
        Directory,
        access::{self, MetricsPath},
        clock_epoch::{self, UNSHARED_EPOCH},
    },
    error::{Error, Result},
    log_once::LogOnce,
    printable::Printable,
    snapshot::{Health, HealthCounts, Snapshot, timeline::Timeline},
    sys::{self, fork},
};
use age::ReadTime;
use aggregate::{Aggregator, FamilyView};
use expiry::{ExpiredSeries, IdleTracker};
use local_segments::LocalSegments;
use read_totals::ReadTotals;
use segment_file::{Opened, SegmentFile, is_exhausted};
use segment_log::SegmentLog;

/// A reader of a metrics directory, which takes any number of snapshots.
///
/// A segment that becomes unreadable between two snapshots keeps its last good state.
///
/// ```
/// # let directory = tempfile::tempdir().unwrap();
/// let mut reader = ictus::Reader::new(directory.path());
/// assert_eq!(reader.snapshot()?.families, []);
/// ictus::Registry::open(directory.path())?.counter("jobs", "", &[])?.labels(&[])?.inc();
/// assert_eq!(reader.snapshot()?.families.len(), 1);
/// # Ok::<(), ictus::Error>(())
/// ```
///
/// If the reader may write in the directory, it retires the segments of ended processes. It folds
/// their totals and newest observations into the directory's totals file, and removes their files.
#[derive(Debug)]
pub struct Reader {
    path: Option<PathBuf>,
    metrics_path: Option<MetricsPath>,
    local_segments: Option<LocalSegments>,
    segments: HashMap<u64, SegmentFile>,
    totals: ReadTotals,
    merged: Aggregator,
    /// Whether the directory could be read at least once.
    was_good: bool,
    /// The order of observations that different clocks stamped.
    timeline: Timeline,
    idle: IdleTracker,
    expired: Vec<ExpiredSeries>,
    complaint_log: LogOnce,
    /// The fork generation of the process that took the last snapshot: a child logs everything again.
    generation: u32,
    segment_log: SegmentLog,
    may_retire: bool,
    /// The earliest time of the next retirement, set if one failed: a retirement reads all lanes of
    /// the segments that it folds.
    retry_retirement_at: Option<Instant>,
    /// Only the numbers of snapshots and of unreadable segments; a snapshot computes all others.
    health: Health,
}

/// Attempts to read totals and segments of one moment, before the last snapshot is returned again.
const MAX_ATTEMPTS: usize = 32;
/// Delay between a failed retirement and the next.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Passes over the segments in one snapshot. Each but the first reads lanes a second time.
const MAX_LISTINGS: usize = 4;

impl Reader {
    /// Returns a reader of a metrics directory, which need not exist yet: workers may start later.
    ///
    /// A relative path is resolved now. If the path does not name a folder, each snapshot returns
    /// an error; see [`open`](Reader::open).
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Reader {
        Reader::of(Some(directory.as_ref().to_owned()), None)
    }

    /// Returns a reader of a metrics directory, which need not exist yet.
    ///
    /// ```
    /// assert!(ictus::Reader::open("").is_err());
    /// assert!(ictus::Reader::open("~/metrics").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Option`] if the path is empty or begins with `~`, which only a shell expands;
    /// [`Error::Io`] if the path is relative and there is no working directory.
    pub fn open(directory: impl AsRef<Path>) -> Result<Reader> {
        access::resolve(directory.as_ref()).map(Reader::new)
    }

    /// Returns a reader of a directory and of the segments that this process records in memory
    /// alone.
    #[cfg(feature = "record")]
    pub(crate) fn with_local_segments(
        directory: Option<PathBuf>,
        memory: impl Fn() -> Vec<std::sync::Arc<crate::segment::writer::Segment>> + Send + 'static,
    ) -> Reader {
        Reader::of(directory, Some(LocalSegments::new(memory)))
    }

    fn of(path: Option<PathBuf>, memory: Option<LocalSegments>) -> Reader {
        let path = path.map(|path| access::resolve(&path).unwrap_or(path));
        Reader {
            metrics_path: path.as_deref().and_then(|path| MetricsPath::resolve(path).ok()),
            path,
            local_segments: memory,
            segments: HashMap::new(),
            totals: ReadTotals::default(),
            merged: Aggregator::default(),
            was_good: false,
            timeline: Timeline::default(),
            idle: IdleTracker::default(),
            expired: Vec::new(),
            complaint_log: LogOnce::new(),
            generation: 0,
            segment_log: SegmentLog::default(),
            may_retire: true,
            retry_retirement_at: None,
            health: Health::default(),
        }
    }

    /// Returns the same reader, but it leaves the segments of ended processes to other readers.
    #[must_use]
    pub fn without_retiring(mut self) -> Reader {
        self.may_retire = false;
        self
    }

    /// Returns the directory that the reader reads, if any.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the current state of all segments and the totals.
    ///
    /// A segment that cannot be read is left out, or keeps its last good state. The error is logged
    /// when it first occurs, not at every snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the directory exists and cannot be read.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        self.snapshot_in_epoch(None)
    }

    /// Returns the series that expired at the last snapshot.
    #[cfg(feature = "record")]
    pub(crate) fn expired(&self) -> &[ExpiredSeries] {
        &self.expired
    }

    /// Returns a snapshot without series that have been idle for more than `idle` nanoseconds. If
    /// `idle` is none, the idle time of each family counts.
    pub(crate) fn snapshot_in_epoch(&mut self, idle: Option<u64>) -> Result<Snapshot> {
        let (snapshot, directory) = self.take_snapshot(idle)?;
        if let Some(directory) = &directory {
            self.update(directory);
        }
        Ok(snapshot)
    }

    /// Returns a snapshot, and the directory that was read.
    fn take_snapshot(&mut self, idle: Option<u64>) -> Result<(Snapshot, Option<Directory>)> {
        if self.metrics_path.is_none()
            && let Some(path) = &self.path
        {
            self.metrics_path = Some(MetricsPath::resolve(path)?);
        }
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.log_again();
        }
        self.health.snapshots += 1;
        self.local_segments.iter_mut().for_each(LocalSegments::begin);
        let (directory, in_memory) = self.read_all()?;
        let epoch = directory.as_ref().and_then(clock_epoch::current);
        if let Some(metrics_path) = &self.metrics_path {
            self.segment_log.finish(metrics_path);
        }
        let mut health = self.health.clone();
        self.segments.values().for_each(|file| file.count_health(&mut health));
        health.bytes += self.totals.bytes();
        health.live_segments += in_memory;
        let (losses, unread_lanes) = self.merged.health_counters();
        let health = Health { counts: HealthCounts::from_losses(losses), unread_lanes, ..health };
        let now = ReadTime::new(Anchor::now(), epoch, &self.timeline);
        let mut families = self.merged.families();
        let expired = self.idle.expire(&mut families, &now, idle);
        let health = Health {
            hidden_families: families.iter().filter(|family| family.is_hidden).count() as u64,
            conflicting_definitions: families.iter().map(|family| family.conflicts as u64).sum(),
            saturated_sums: families.iter().map(FamilyView::saturated_sums).sum(),
            ..health
        };
        log_hidden(&families);
        let families = convert::families(&families, &now);
        self.expired = expired;
        Ok((Snapshot { families, health }, directory))
    }

    /// Reads the directory, if there is one, and memory. Returns the number of segments in memory.
    fn read_all(&mut self) -> Result<(Option<Directory>, u64)> {
        let Some(metrics_path) = self.metrics_path.clone() else {
            let read = self.merge(None, None).map_err(|error| Error::io("", "read", error))?;
            return Ok((None, read.unwrap_or(0)));
        };
        let mut read = self.read_directory(&metrics_path);
        if read.as_ref().is_err_and(is_exhausted) {
            // The files that this reader has open may have used up the descriptors.
            self.segments.values_mut().for_each(SegmentFile::close);
            self.totals.close();
            read = self.read_directory(&metrics_path);
        }
        read.map_err(|error| Error::io(metrics_path.path(), "read the metrics directory", error))
    }

    fn read_directory(&mut self, metrics_path: &MetricsPath) -> io::Result<(Option<Directory>, u64)> {
        for _ in 0..MAX_ATTEMPTS {
            let directory = metrics_path.open()?;
            let listed = match &directory {
                Some(directory) => self.list(directory)?,
                // The directory does not exist, or was removed.
                None => Some(self.list_consistently(Vec::new())),
            };
            if let Some(in_memory) = self.merge(listed.as_deref(), directory.as_ref())? {
                return Ok((directory, in_memory));
            }
        }
        self.give_up()?;
        let directory = metrics_path.open()?;
        let in_memory = self.merge(None, directory.as_ref())?.unwrap_or(0);
        Ok((directory, in_memory))
    }

    /// Falls back to the last snapshot. Returns an error if there is none.
    fn give_up(&mut self) -> io::Result<()> {
        self.health.stale_snapshots += 1;
        self.log_once("the totals were replaced faster than they could be read");
        if self.was_good { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    /// Returns the ids of the segments that count in addition to the totals, sorted.
    ///
    /// Returns none if the totals and the segments could not be read at one moment; the last
    /// snapshot is then returned again.
    fn list(&mut self, directory: &Directory) -> io::Result<Option<Vec<u64>>> {
        for _ in 0..MAX_ATTEMPTS {
            self.open_totals(directory)?;
            let ids = self.open_segments(directory)?;
            if self.totals.is(directory.totals_identity()?) {
                self.was_good = true;
                return Ok(Some(ids));
            }
        }
        self.give_up().map(|()| None)
    }

    /// Reads the totals file if it is not the one that was read last.
    fn open_totals(&mut self, directory: &Directory) -> io::Result<()> {
        if let Err(bad) = self.totals.poll(directory)? {
            self.log_once(&format!(
                "{} is left out, the last good totals stay: {bad}",
                directory.metrics_path().path().join("totals").display()
            ));
        }
        Ok(())
    }

    /// Opens the segments that the totals do not contain. Returns their ids.
    fn open_segments(&mut self, directory: &Directory) -> io::Result<Vec<u64>> {
        let (segments, set_aside) = directory.segments_and_set_aside()?;
        self.health.unreadable_segments = set_aside.len() as u64;
        let ids = self.list_consistently(segments);
        // A bounded number of files stays open. The other segments are opened for each reading.
        let max_open = sys::descriptor_share();
        let surplus = self.segments.values_mut().filter(|file| file.is_open()).skip(max_open);
        surplus.for_each(SegmentFile::close);
        let mut open = self.segments.values().filter(|file| file.is_open()).count();
        for &id in &ids {
            let file = self.segments.entry(id).or_default();
            // Once the header of such a segment was read, the segment is opened only to read its
            // lanes.
            if file.is_open() || file.order_key(id).is_some() && open >= max_open {
                continue;
            }
            // If the segment was retired after it was listed, the totals were replaced, which
            // `list` notices.
            file.open(directory, id, &mut self.segment_log)?;
            if open < max_open {
                open += usize::from(file.is_open());
            } else {
                file.close();
            }
        }
        Ok(ids)
    }

    /// Drops the segments that were removed or folded. Returns the ids of all others, sorted.
    fn list_consistently(&mut self, mut ids: Vec<u64>) -> Vec<u64> {
        let folded = &self.totals.folded;
        ids.sort_unstable();
        // A segment whose file was removed while its owner lives is still read.
        self.segments.retain(|id, file| {
            !folded.contains(id) && (ids.binary_search(id).is_ok() || file.is_owner_alive())
        });
        ids.extend(self.segments.keys());
        ids.retain(|id| !folded.contains(id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Merges the changes of the listed segments and of this process's memory. Returns the number
    /// of segments in memory.
    ///
    /// Returns `Ok(None)` if a segment was retired after it was listed, or if the totals must be read
    /// again and their file is not open any more. `listed` is sorted, and none if
    /// the segments could not be listed.
    fn merge(&mut self, listed: Option<&[u64]>, directory: Option<&Directory>) -> io::Result<Option<u64>> {
        let epoch = directory.and_then(clock_epoch::current);
        if let (Some(memory), Some(epoch)) = (&mut self.local_segments, epoch) {
            memory.join(epoch);
        }
        // The clocks of new segments, before their observations are merged.
        self.follow_clocks(epoch);
        if let Some(ids) = listed {
            self.merged.retain_segments(|key| key.in_memory || ids.binary_search(&key.id).is_ok());
            if let Some(totals) = self.totals.take_unmerged() {
                self.merged.apply_totals(totals);
            }
        }
        let mut in_memory = 0;
        for _ in 0..MAX_LISTINGS {
            match self.poll_segments(listed.unwrap_or_default(), directory)? {
                Some(read) => in_memory = read,
                None => return Ok(None),
            }
            self.follow_clocks(epoch);
            let again = self.merged.finish_update();
            if again.lanes.is_empty() && !again.totals {
                break;
            }
            for (key, lane) in again.lanes {
                match (&mut self.local_segments, self.segments.get_mut(&key.id)) {
                    (Some(memory), _) if key.in_memory => memory.invalidate(key.id, lane),
                    (_, Some(file)) if !key.in_memory => file.invalidate(lane),
                    _ => {}
                }
            }
            if again.totals {
                match self.totals.reread() {
                    Ok(totals) => self.merged.put_totals_again(totals.unwrap_or_default()),
                    Err(bad) => {
                        log::debug!("the totals are opened again: {bad}");
                        return Ok(None);
                    }
                }
            }
        }
        self.merged.accept();
        Ok(Some(in_memory))
    }

    /// Orders observations by the anchors known so far. `epoch` is the epoch of this process's
    /// clock.
    fn follow_clocks(&mut self, epoch: Option<u32>) {
        clock::calibrate();
        let mut clocks = self.totals.clocks.clone();
        self.segments.values().for_each(|file| file.add_clock(&mut clocks));
        let in_memory = self.local_segments.as_ref().map(LocalSegments::epoch);
        if clocks.epochs().chain(in_memory).all(|other| Some(other) == epoch) {
            // Timestamps of this process's clock need no anchors.
            return;
        }
        let now = Anchor::now();
        for own in epoch.into_iter().chain(in_memory.filter(|&own| own == UNSHARED_EPOCH)) {
            clocks.add(own, 0, [now]);
        }
        self.timeline = self.timeline.follow(&clocks);
        self.merged.put_timeline(&self.timeline);
    }

    fn poll_segments(&mut self, ids: &[u64], directory: Option<&Directory>) -> io::Result<Option<u64>> {
        if let Some(metrics_path) = &self.metrics_path {
            // Oldest first. A segment that precedes a merged one changes the ranks of all segments,
            // and so touches every series.
            let mut keys: Vec<_> =
                ids.iter().filter_map(|id| self.segments.get(id)?.order_key(*id)).collect();
            keys.sort_unstable();
            let mut superseded = Vec::new();
            for key in keys {
                let Some(file) = self.segments.get_mut(&key.id) else { continue };
                let was_open = file.is_open();
                if let Some(directory) = directory
                    && file.open(directory, key.id, &mut self.segment_log)? == Opened::Gone
                {
                    return Ok(None);
                }
                match file.read(metrics_path, key.id, &mut self.merged, &mut self.segment_log) {
                    Opened::Gone => superseded.push(key.id),
                    Opened::Yes if was_open => {}
                    Opened::Yes => file.close(),
                }
            }
            if !superseded.is_empty() {
                // Their copies are in the directory, or in totals that are not read yet.
                self.segments.retain(|id, _| !superseded.contains(id));
                return Ok(None);
            }
        }
        let Some(memory) = &mut self.local_segments else { return Ok(Some(0)) };
        let (segments, folded) = (&self.segments, &self.totals.folded);
        // A segment that moved from memory to a file has the same id there.
        let elsewhere = |id: u64| {
            folded.contains(&id) || segments.get(&id).is_some_and(|file| file.order_key(id).is_some())
        };
        let (read, bad) = memory.read(&mut self.merged, elsewhere);
        if let Some(bad) = bad {
            self.log_once(&format!("this process's own memory is left out: {bad}"));
        }
        Ok(Some(read))
    }

    /// Makes a forked child log again the messages that its parent process logged.
    fn log_again(&mut self) {
        self.totals.reopen();
        self.merged.log_again();
    }

    /// Logs a cause, but not twice in a row.
    fn log_once(&self, complaint: &str) {
        if self.complaint_log.is_new(complaint) {
            log::warn!("{}", Printable(complaint));
        }
    }
}

/// Logs the families that are hidden by a family of the same name with another type or unit.
fn log_hidden(families: &[FamilyView<'_>]) {
    for hidden in families.iter().filter(|family| family.is_hidden) {
        let is_shown =
            |family: &&FamilyView<'_>| !family.is_hidden && family.record.name == hidden.record.name;
        if let Some(holds) = families.iter().find(is_shown) {
            family_log::hidden(holds.record, hidden.record);
        }
    }
}
