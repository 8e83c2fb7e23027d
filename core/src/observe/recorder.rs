//! Where a process records: its families, and its present segment.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::HashMap;

use super::{
    series::{Asked, Described, Series, Values},
    shard,
};
use crate::{
    error::{Error, Result},
    segment::{descriptor::FamilyRecord, directory::Directory, layout::Loss, map, writer::Segment},
};

/// What registries and handles share.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// None: memory of this process alone.
    directory: Option<Directory>,
    /// Made at the first observation; another one in every forked child.
    segment: ArcSwapOption<Segment>,
    families: ArcSwap<HashMap<Box<str>, Arc<FamilyIndex>>>,
}

/// A family and its series.
#[derive(Debug)]
pub(crate) struct FamilyIndex {
    pub(super) record: FamilyRecord,
    pub(super) described: Described,
    series: ArcSwap<HashMap<Values, Arc<Series>>>,
}

impl Recorder {
    /// A recorder in memory of this process alone.
    pub(crate) fn in_memory() -> Recorder {
        Recorder::new(None)
    }

    /// A recorder in a metrics directory, which is made where it is missing.
    pub(crate) fn open(directory: &Path) -> Result<Recorder> {
        let directory = Directory::create(directory)
            .map_err(|error| Error::io(directory, "use the metrics directory", error))?;
        Ok(Recorder::new(Some(directory)))
    }

    fn new(directory: Option<Directory>) -> Recorder {
        // Before there is anything that a forked child must not share.
        map::watch_forks(shard::forget_parents_lanes);
        Recorder { directory, segment: ArcSwapOption::empty(), families: ArcSwap::default() }
    }

    /// The family, registered where it is new.
    pub(super) fn family(&self, record: FamilyRecord) -> Result<Arc<FamilyIndex>> {
        let new =
            Arc::new(FamilyIndex { described: Described::default(), series: ArcSwap::default(), record });
        let name = &*new.record.name;
        self.families.rcu(|families| {
            let mut families = HashMap::clone(families);
            families.entry_ref(name).or_insert_with(|| Arc::clone(&new));
            families
        });
        let families = self.families.load();
        let family = families.get(name).unwrap_or(&new);
        let (existing, asked) = (&family.record, &new.record);
        if (existing.kind, existing.unit, &existing.labels) != (asked.kind, asked.unit, &asked.labels) {
            let shape = |record: &FamilyRecord| {
                format!("a {:?} in {:?} with labels {:?}", record.kind, record.unit, record.labels)
            };
            return Err(Error::Mismatch {
                name: name.to_owned(),
                existing: shape(existing),
                asked: shape(asked),
            });
        }
        Ok(Arc::clone(family))
    }

    /// This process's segment; made where it is missing or the parent's.
    pub(super) fn segment(&self) -> Option<Arc<Segment>> {
        let current = self.segment.load_full();
        if let Some(segment) = &current
            && segment.generation == map::generation()
        {
            return Some(Arc::clone(segment));
        }
        let new = Arc::new(self.new_segment()?);
        let before = self.segment.compare_and_swap(&current, Some(Arc::clone(&new)));
        if before.as_ref().map(|segment| segment.id) == current.as_ref().map(|segment| segment.id) {
            return Some(new);
        }
        // Another thread was first; nobody has seen ours.
        if let Some(directory) = &self.directory {
            directory.remove_segment(new.id);
        }
        before.clone()
    }

    fn new_segment(&self) -> Option<Segment> {
        if let Some(directory) = &self.directory {
            match Segment::create(directory) {
                Ok(segment) => return Some(segment),
                Err(error) => {
                    static SAID: AtomicBool = AtomicBool::new(false);
                    if !SAID.swap(true, Relaxed) {
                        log::error!(
                            "no segment can be made in {}: {error}; this process records in memory that \
                             other processes do not see",
                            directory.path().display(),
                        );
                    }
                }
            }
        }
        Segment::anonymous().ok()
    }

    /// The segment of this process that is in no file.
    pub(crate) fn memory(&self) -> Option<Arc<Segment>> {
        let segment = self.segment.load_full()?;
        (segment.generation == map::generation() && !segment.in_file()).then_some(segment)
    }

    /// Counts what was not recorded. Before the first observation nothing is there to count in.
    #[cold]
    pub(super) fn lose(&self, loss: Loss) {
        if let Some(segment) = self.segment() {
            segment.lose(loss);
        }
    }
}

impl FamilyIndex {
    /// The series with those label values, made where it is new. Does not allocate where it is not.
    pub(super) fn series(self: &Arc<Self>, asked: &Asked<'_>) -> Result<Arc<Series>> {
        if let Some(series) = self.series.load().get(asked) {
            return Ok(Arc::clone(series));
        }
        if asked.0.len() != self.record.labels.len() {
            return Err(Error::LabelCount {
                name: self.record.name.clone(),
                expected: self.record.labels.len(),
                given: asked.0.len(),
            });
        }
        let new = Arc::new(Series::new(Arc::clone(self), asked));
        self.series.rcu(|series| {
            let mut series = HashMap::clone(series);
            series.entry(new.values().clone()).or_insert_with(|| Arc::clone(&new));
            series
        });
        let series = self.series.load();
        Ok(Arc::clone(series.get(asked).unwrap_or(&new)))
    }
}
