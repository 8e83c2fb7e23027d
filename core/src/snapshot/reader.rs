//! Reads a metrics directory into one [`Snapshot`], again and again.
//!
//! Totals and segments must be of one moment: the totals file is opened first, then the segments
//! that it does not name, and if by then the totals have been replaced, all over again. What is
//! read afterwards comes from open files, which no retirement takes away.

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Health, Snapshot,
    convert::Now,
    idle::{Expired, Idle},
    known::Known,
};
use crate::{
    error::{Error, Result},
    segment::{
        directory::{self, Directory, Standing},
        epoch,
        place::Place,
        reader::{Bad, SegmentReader},
        reading::Lanes,
        retire::{forget, retire},
        totals::Totals,
        totals_file::TotalsFile,
        writer::Segment,
    },
};

/// Reads a metrics directory, again and again: what goes bad in between keeps its last good state.
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
/// Where it may write, a reader retires what dead processes left: their totals and newest
/// observations move into the directory's totals file, and their segments are removed.
#[derive(Debug)]
pub struct Reader {
    path: Option<PathBuf>,
    place: Option<Place>,
    own: Option<Own>,
    segments: HashMap<u64, Known>,
    totals_file: Option<File>,
    /// What stood at the totals' name when it was last opened.
    totals_standing: Standing,
    /// The last that could be read.
    totals: TotalsFile,
    last: Option<Totals>,
    /// Lanes of this process's memory.
    memory: HashMap<u64, Lanes>,
    idle: Idle,
    expired: Vec<Expired>,
    complaint: Option<String>,
    may_retire: bool,
    /// Only its numbers of snapshots.
    health: Health,
}

/// Gives the segments of this process that no file holds.
struct Own(Box<dyn Fn() -> Vec<Arc<Segment>> + Send>);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

/// Retirements that may come between before the last snapshot is served again.
const ATTEMPTS: usize = 32;

impl Reader {
    /// A reader of a metrics directory, which need not exist yet: workers may start later.
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Reader {
        Reader::of(Some(directory.as_ref().to_owned()), None)
    }

    /// A reader of a directory and of what this process records in memory alone.
    pub(crate) fn with_memory(
        directory: Option<PathBuf>,
        memory: impl Fn() -> Vec<Arc<Segment>> + Send + 'static,
    ) -> Reader {
        Reader::of(directory, Some(Own(Box::new(memory))))
    }

    fn of(path: Option<PathBuf>, own: Option<Own>) -> Reader {
        Reader {
            place: path.as_deref().map(Place::of),
            path,
            own,
            segments: HashMap::new(),
            totals_file: None,
            totals_standing: Standing::default(),
            totals: TotalsFile::default(),
            last: None,
            memory: HashMap::new(),
            idle: Idle::default(),
            expired: Vec::new(),
            complaint: None,
            may_retire: true,
            health: Health::default(),
        }
    }

    /// The same reader, but it leaves what dead processes left to other readers.
    #[must_use]
    pub fn without_retiring(mut self) -> Reader {
        self.may_retire = false;
        self
    }

    /// The directory it reads, if it reads one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What all segments and the totals say now. Bad segments are skipped, or stay as they last
    /// were, and are named in the log once.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the directory exists and cannot be read.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        self.snapshot_within(None)
    }

    /// What expired at the last snapshot.
    pub(crate) fn expired(&self) -> &[Expired] {
        &self.expired
    }

    /// A snapshot in which series that have not moved for so many nanoseconds are expired, of all
    /// families.
    pub(crate) fn snapshot_within(&mut self, idle: Option<u64>) -> Result<Snapshot> {
        let mut totals = Totals::default();
        self.health.snapshots += 1;
        let mut directory = None;
        if let Some(place) = self.place.clone() {
            let failed = |error| Error::io(place.path(), "read the metrics directory", error);
            directory = place.open().map_err(failed)?;
            totals = match &directory {
                Some(directory) => self.read_directory(directory).map_err(failed)?,
                // Nothing is there, or not any more.
                None => {
                    let ids = self.listed(Vec::new());
                    self.merge(&place, &ids)
                }
            };
            self.last = Some(totals.clone());
        }
        let mut health = self.health.clone();
        self.segments.values().for_each(|known| known.count(&mut health));
        health.bytes += self.totals_file.as_ref().map_or(0, directory::bytes);
        let own = self.own.as_ref().map(|own| own.0()).unwrap_or_default();
        self.memory.retain(|id, _| own.iter().any(|segment| segment.id == *id));
        for segment in own {
            match read_memory(&segment, self.memory.entry(segment.id).or_default()) {
                Ok(own) => {
                    totals.merge(&own);
                    health.live_segments += 1;
                }
                Err(bad) => self.complain(format!("this process's own memory is left out: {bad}")),
            }
        }
        let epoch = directory.as_ref().and_then(epoch::current);
        self.expired = self.idle.expire(&mut totals, epoch, idle);
        let now = Now::in_epoch(epoch);
        let mut snapshot = Snapshot::new(totals, now);
        snapshot.health =
            Health { lost: snapshot.health.lost, unread_lanes: snapshot.health.unread_lanes, ..health };
        if let Some(directory) = &directory {
            self.retire_dead(directory);
            self.forget_expired(directory);
        }
        Ok(snapshot)
    }

    /// Drops expired series from the totals.
    fn forget_expired(&mut self, directory: &Directory) {
        let kept = |expired: &Expired| {
            let mut shapes = self.totals.totals.families.get(&expired.family.name).into_iter().flatten();
            shapes.any(|family| family.series.keys().any(|values| expired.series.contains(values)))
        };
        if !self.may_retire || !self.expired.iter().any(kept) {
            return;
        }
        for Expired { family, series } in &self.expired {
            match forget(directory, family, &|values| series.contains(values)) {
                Ok(_) => {}
                Err(Bad::Source(error)) if is_refusal(&error) => self.may_retire = false,
                Err(bad) => log::debug!("expired series of {} stay in the totals: {bad}", family.name),
            }
        }
    }

    fn read_directory(&mut self, directory: &Directory) -> io::Result<Totals> {
        for _ in 0..ATTEMPTS {
            self.open_totals(directory)?;
            let ids = self.open_segments(directory)?;
            if directory.standing_totals()? == self.totals_standing {
                return Ok(self.merge(directory.place(), &ids));
            }
        }
        self.health.stale_snapshots += 1;
        self.complain("the totals were replaced faster than they could be read".to_owned());
        self.last.clone().ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// Reads the totals file where it is another one than the last time.
    fn open_totals(&mut self, directory: &Directory) -> io::Result<()> {
        let standing = directory.standing_totals()?;
        if self.totals_file.is_some() && standing == self.totals_standing {
            return Ok(());
        }
        // For what cannot be opened: it is left out until something else stands there.
        self.totals_standing = standing;
        self.totals_file = None;
        match self.read_totals(directory) {
            Ok(Some(totals)) => self.totals = totals,
            Ok(None) => {}
            Err(bad) => self.complain(format!(
                "{} is left out, the last good totals stay: {bad}",
                directory.place().path().join("totals").display()
            )),
        }
        Ok(())
    }

    fn read_totals(&mut self, directory: &Directory) -> std::result::Result<Option<TotalsFile>, Bad> {
        let Some(mut file) = directory.open_totals()? else {
            self.totals_standing = Standing::default();
            return Ok(None);
        };
        self.totals_standing = directory::standing(&file)?;
        let totals = TotalsFile::read(&mut file);
        self.totals_file = Some(file);
        totals.map(Some)
    }

    /// Opens the segments that the totals do not contain; gives their ids, oldest segment first. That
    /// order breaks ties between equal stamps, and decides which series a full family has: a younger
    /// process never pushes out what an older one had.
    fn open_segments(&mut self, directory: &Directory) -> io::Result<Vec<u64>> {
        let mut ids = self.listed(directory.segments()?);
        for &id in &ids {
            self.segments.entry(id).or_default().open(directory, id);
        }
        ids.sort_by_key(|id| self.segments.get(id).map(Known::created));
        Ok(ids)
    }

    /// Forgets the segments that are gone; gives the ids of all others.
    fn listed(&mut self, mut ids: Vec<u64>) -> Vec<u64> {
        let folded = &self.totals.folded;
        // A segment whose file is gone while its owner lives goes on being read.
        self.segments.retain(|id, known| !folded.contains(id) && (ids.contains(id) || known.owner_lives()));
        ids.extend(self.segments.keys());
        ids.retain(|id| !folded.contains(id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn merge(&mut self, place: &Place, ids: &[u64]) -> Totals {
        let mut totals = self.totals.totals.clone();
        for id in ids {
            if let Some(segment) = self.segments.get_mut(id).and_then(|known| known.read(place, *id)) {
                totals.merge(segment);
            }
        }
        totals
    }

    fn retire_dead(&mut self, directory: &Directory) {
        if !self.may_retire || !self.segments.values().any(Known::is_to_be_retired) {
            return;
        }
        match retire(directory) {
            Ok(_) => {}
            Err(Bad::Source(error)) if is_refusal(&error) => {
                log::debug!("this reader may not write and leaves retirement to others: {error}");
                self.may_retire = false;
            }
            Err(bad) => self.complain(format!(
                "what dead processes left in {} cannot be folded: {bad}",
                directory.place().path().display()
            )),
        }
    }

    /// Logs a cause once in a row.
    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            log::warn!("{complaint}");
            self.complaint = Some(complaint);
        }
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn read_memory(segment: &Arc<Segment>, lanes: &mut Lanes) -> std::result::Result<Totals, Bad> {
    let mut reader = SegmentReader::open(Arc::clone(segment), segment.id)?;
    lanes.read(&mut reader, true)
}
