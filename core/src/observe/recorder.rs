//! Where a process records: its families, and its present segment.

use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock, TryLockError, Weak},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::{HashMap, HashSet};

use super::{
    family_index::FamilyIndex,
    lane::GaugeLane,
    maker::Maker,
    recovery::Recovery,
    series::{FamilyDefinition, LabelValues},
    thread_lanes,
    unrecorded::Unrecorded,
};
use crate::{
    catalog::Kind,
    directory::{Directory, access::MetricsPath},
    error::{Error, Result},
    format::{
        descriptor::FamilyDescriptor,
        error::SegmentError,
        layout::{HEALTH_COUNTERS, HealthCounter},
    },
    options::Options,
    policy::agreement,
    reader::{
        overflowed::Overflowed,
        retire::{forget, note_overflowed, retire},
    },
    segment::{
        reservation,
        writer::{Segment, SeriesLocation},
    },
    sync::Mutex,
    sys::fork,
};

type FamiliesByName = HashMap<Box<str>, Arc<[Arc<FamilyIndex>]>>;
/// A family's name, and its label names as they were given.
pub(crate) type UnsortedLabels = (Box<str>, Box<[String]>);

/// What registries and handles share.
#[derive(Debug)]
pub(crate) struct Recorder {
    options: Options,
    /// None: memory of this process alone.
    place: Option<MetricsPath>,
    /// Made at the first observation; another one in every forked child.
    segment: ArcSwapOption<Segment>,
    /// For lanes that found no room there.
    fallback: ArcSwapOption<Segment>,
    /// Those of each name differ in their labels.
    families: ArcSwap<FamiliesByName>,
    /// Names of families with the label names as they were first given, where those were not sorted.
    unsorted: ArcSwap<Vec<UnsortedLabels>>,
    /// Lanes of removed gauges.
    gauges: Mutex<Vec<&'static GaugeLane>>,
    maker: Maker,
    fallback_maker: Maker,
    unrecorded: Unrecorded,
    /// Segments that are left for others.
    pub(super) recovery: Recovery,
    /// Itself, for its thread.
    handle: OnceLock<Weak<Recorder>>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.save();
    }
}

/// Watches forks from now on.
pub(crate) fn watch_forks() {
    extern "C" fn in_child() {
        reservation::keep_parents_addresses();
        thread_lanes::forget_parents_lanes();
    }
    fork::watch_forks(in_child);
}

impl Recorder {
    /// A recorder in memory of this process alone.
    pub(crate) fn in_memory(options: Options) -> Recorder {
        Recorder::new(None, options)
    }

    /// A recorder in a metrics directory, which is made where it is missing.
    pub(crate) fn open(directory: &Path, options: Options) -> Result<Recorder> {
        let place = MetricsPath::resolve(directory)?.shared_with(options.group);
        let made = place.make();
        clear_up(&made.map_err(|error| Error::io(place.path(), "use the metrics directory", error))?);
        Ok(Recorder::new(Some(place), options))
    }

    fn new(place: Option<MetricsPath>, options: Options) -> Recorder {
        // Before there is anything that a forked child must not share.
        watch_forks();
        Recorder {
            options,
            place,
            segment: ArcSwapOption::empty(),
            fallback: ArcSwapOption::empty(),
            families: ArcSwap::default(),
            unsorted: ArcSwap::default(),
            gauges: Mutex::default(),
            maker: Maker::default(),
            fallback_maker: Maker::default(),
            unrecorded: Unrecorded::default(),
            recovery: Recovery::default(),
            handle: OnceLock::new(),
        }
    }

    /// What families are given that are not given anything else.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The family, registered where it is new. Families of one name may have different labels, and must be
    /// of one kind and unit.
    pub(super) fn family(self: &Arc<Self>, record: FamilyDescriptor) -> Result<Arc<FamilyIndex>> {
        self.handle.get_or_init(|| Arc::downgrade(self));
        let new = Arc::new(FamilyIndex::new(FamilyDefinition::new(record, Arc::downgrade(self))));
        let requested = &new.family.record;
        self.families.rcu(|families| {
            let existing = families.get(&*requested.name).map_or(&[][..], |existing| existing);
            let is_settled = |family: &Arc<FamilyIndex>| {
                let record = &family.family.record;
                record.same_shape(requested) || !agreement::coexist(record, requested)
            };
            if existing.iter().any(is_settled) {
                return Arc::clone(families);
            }
            let all = existing.iter().chain([&new]).map(Arc::clone).collect();
            let mut families = HashMap::clone(families);
            families.insert(requested.name.as_str().into(), all);
            Arc::new(families)
        });
        self.known(requested).ok_or_else(|| {
            let families = self.families.load();
            let existing = families.get(&*requested.name).and_then(|existing| existing.first());
            let unsorted = self.unsorted_labels();
            // In the order in which they were given, as their programs have them.
            let given = |record: &FamilyDescriptor| {
                let is_it = |(name, labels): &&UnsortedLabels| {
                    **name == *record.name && record.labels.iter().all(|label| labels.contains(label))
                };
                let given = unsorted.iter().find(|one| one.1.len() == record.labels.len() && is_it(one));
                given.map_or_else(|| record.labels.clone(), |(_, labels)| labels.to_vec())
            };
            let shape = |record: &FamilyDescriptor| record.kind.described(record.unit, &given(record));
            Error::Mismatch {
                name: requested.name.clone(),
                existing: existing.map_or_else(String::new, |existing| shape(&existing.family.record)),
                asked: shape(requested),
            }
        })
    }

    /// Takes note of the order in which a family's label names were given.
    pub(super) fn note_labels(&self, family: &str, labels: &[&str]) {
        self.unsorted.rcu(|unsorted| {
            let is_known = |(name, known): &UnsortedLabels| {
                **name == *family
                    && known.len() == labels.len()
                    && labels.iter().all(|label| known.iter().any(|known| known == label))
            };
            if unsorted.iter().any(is_known) {
                return Arc::clone(unsorted);
            }
            let mut all = Vec::clone(unsorted);
            all.push((family.into(), labels.iter().map(|&label| label.to_owned()).collect()));
            Arc::new(all)
        });
    }

    /// Families whose label names were not given in sorted order, with the first order in which they were.
    pub(crate) fn unsorted_labels(&self) -> Arc<Vec<UnsortedLabels>> {
        self.unsorted.load_full()
    }

    /// A family that is registered.
    pub(super) fn known(&self, family: &FamilyDescriptor) -> Option<Arc<FamilyIndex>> {
        let families = self.families.load();
        let named = families.get(&*family.name)?;
        named.iter().find(|known| known.family.record.same_shape(family)).cloned()
    }

    /// The lane of a gauge that was removed from a segment, not published.
    pub(super) fn freed_gauge(&self, segment: &Segment) -> Option<&'static GaugeLane> {
        self.with_gauges(|gauges| {
            let at = gauges.iter().rposition(|lane| lane.ordinal == segment.ordinal)?;
            Some(gauges.swap_remove(at))
        })?
    }

    /// Takes the hidden lane of a gauge that nobody can set any more.
    pub(super) fn free_gauge(&self, lane: &'static GaugeLane) {
        if lane.generation == fork::generation() {
            self.with_gauges(|gauges| gauges.push(lane));
        }
    }

    fn with_gauges<T>(&self, act: impl FnOnce(&mut Vec<&'static GaugeLane>) -> T) -> Option<T> {
        match self.gauges.try_lock() {
            Ok(mut gauges) => Some(act(&mut gauges)),
            Err(TryLockError::Poisoned(poisoned)) => Some(act(&mut poisoned.into_inner())),
            // Recording waits for nobody: a lane more is taken, or one is lost.
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Takes the lines of a descriptor back.
    pub(super) fn free(&self, place: &SeriesLocation) {
        for segment in [self.segment.load_full(), self.fallback.load_full()].into_iter().flatten() {
            segment.free(place);
        }
    }

    /// Lets series of a family expire. Gives how many there were.
    pub(crate) fn expire(&self, family: &FamilyDescriptor, is_idle: impl Fn(&[String]) -> bool) -> usize {
        let is_idle =
            |values: &LabelValues| is_idle(&values.strs().into_iter().map(str::to_owned).collect::<Vec<_>>());
        self.known(family).map_or(0, |index| index.expire(is_idle))
    }

    /// Takes note, in the directory, of what is in the overflow series of a family, before a series of it is
    /// removed. Returns what this process has there.
    pub(super) fn note_overflowed(&self, family: &FamilyDescriptor) -> Result<HashSet<Vec<String>>> {
        let Some(place) = &self.place else { return Ok(HashSet::new()) };
        let noted = match place.open() {
            Ok(None) => Ok(Overflowed::default()),
            Ok(Some(directory)) => note_overflowed(&directory, family).map_err(|bad| match bad {
                SegmentError::Io(error) => error,
                bad => io::Error::other(bad.to_string()),
            }),
            Err(error) => Err(error),
        };
        let noted = noted.map_err(|error| Error::io(place.path(), "forget a removed series in", error))?;
        Ok(self.own_overflowed(family, &noted))
    }

    /// The label values of what this process has in the overflow series of a family.
    pub(crate) fn own_overflowed(
        &self,
        family: &FamilyDescriptor,
        over: &Overflowed,
    ) -> HashSet<Vec<String>> {
        let Some(noted) = over.of(family) else { return HashSet::new() };
        let own: Vec<u64> = self.own().iter().map(|segment| segment.id).collect();
        noted.iter().filter(|(segment, _)| own.contains(segment)).map(|(_, values)| values.clone()).collect()
    }

    /// Drops series of a family from what dead processes left in the directory. Gives how many.
    pub(super) fn forget(
        &self,
        family: &FamilyDescriptor,
        gone: &dyn Fn(&[String]) -> bool,
    ) -> Result<usize> {
        let Some(place) = &self.place else { return Ok(0) };
        self.refresh_copies();
        let forgotten = match place.open() {
            Ok(None) => Ok(0),
            Ok(Some(directory)) => forget(&directory, family, gone).map_err(|bad| match bad {
                SegmentError::Io(error) => error,
                bad => io::Error::other(bad.to_string()),
            }),
            Err(error) => Err(error),
        };
        forgotten.map_err(|error| Error::io(place.path(), "forget a removed series in", error))
    }

    /// Does something in this process's segment; where that has no room for it, in memory that
    /// other processes do not see.
    pub(crate) fn with_segment<T>(&self, act: impl FnMut(&Arc<Segment>) -> Option<T>) -> Option<T> {
        let mut act = act;
        self.check_file();
        let segment = self.segment()?;
        if let Some(done) = act(&segment) {
            if !segment.in_file() && self.place.is_some() {
                segment.lose(HealthCounter::ProcessLocal);
                // Where the thread that recovers could not be started, or has just ended.
                self.degrade(|| cannot_make(self.place.as_ref(), "it could not be made before"));
            }
            return Some(done);
        }
        if !segment.in_file() || segment.is_left() {
            return None;
        }
        segment.lose(HealthCounter::ProcessLocal);
        let make = || Segment::anonymous().ok();
        let done = act(&self.fallback_maker.present(&self.fallback, make, |_| {})?);
        self.degrade(|| {
            "the segment of this process cannot grow (is the disk full?); until it can, new series are \
             recorded in memory that other processes do not see"
                .to_owned()
        });
        done
    }

    /// This process's segment; made where it is missing or the parent's.
    fn segment(&self) -> Option<Arc<Segment>> {
        let segment = self.maker.present(
            &self.segment,
            || self.new_segment(),
            |unused| {
                if let Some(Ok(Some(directory))) = self.place.as_ref().map(MetricsPath::open)
                    && let Err(error) = directory.remove_segment(unused.id)
                {
                    log::debug!("an unused segment stays: {error}");
                }
            },
        )?;
        self.unrecorded.move_to(&segment);
        Some(segment)
    }

    fn new_segment(&self) -> Option<Segment> {
        if let Some(place) = &self.place {
            match place.make().and_then(|directory| Segment::create(&directory)) {
                Ok(segment) => return Some(segment),
                Err(error) => self.degrade(|| cannot_make(Some(place), error)),
            }
        }
        Segment::anonymous().ok()
    }

    /// The segments of this process that hold what it has recorded, but for what others have by now. Those
    /// in a file are for readers that do not find the file.
    pub(crate) fn memory(&self) -> Vec<Arc<Segment>> {
        let present = [self.current(), self.current_fallback()].into_iter().flatten();
        let mut segments: Vec<_> = present.chain(self.recovery.leaving()).collect();
        segments.retain(|segment| segment.is_own());
        segments.sort_by_key(|segment| segment.ordinal);
        segments.dedup_by_key(|segment| segment.ordinal);
        segments
    }

    /// All segments of this process, wherever they are.
    pub(crate) fn own(&self) -> Vec<Arc<Segment>> {
        let mut segments = self.memory();
        segments.extend(self.recovery.left());
        segments.retain(|segment| segment.is_own());
        segments.sort_by_key(|segment| segment.ordinal);
        segments.dedup_by_key(|segment| segment.ordinal);
        segments
    }

    /// Where the segments lie; none where they are in memory alone.
    pub(super) fn place(&self) -> Option<&MetricsPath> {
        self.place.as_ref()
    }

    /// Itself, where it has a family.
    pub(super) fn own_handle(&self) -> Option<Weak<Recorder>> {
        self.handle.get().cloned()
    }

    /// The segment in which lanes are made, where there is one.
    pub(super) fn current(&self) -> Option<Arc<Segment>> {
        self.segment.load_full().filter(|segment| segment.is_own())
    }

    /// The segment of lanes that found no memory there.
    pub(super) fn current_fallback(&self) -> Option<Arc<Segment>> {
        self.fallback.load_full().filter(|segment| segment.is_own())
    }

    /// Has lanes made in another segment from now on.
    pub(super) fn replace(&self, current: Option<&Arc<Segment>>, new: &Arc<Segment>) {
        self.segment.compare_and_swap(&current.cloned(), Some(Arc::clone(new)));
    }

    /// Has lanes that find no memory made in another segment from now on.
    pub(super) fn drop_fallback(&self, fallback: &Arc<Segment>) {
        self.fallback.compare_and_swap(&Some(Arc::clone(fallback)), None);
    }

    /// Moves all gauges from one segment to another; false where that has no memory for them.
    pub(super) fn move_gauges(&self, from: &Segment, to: &Segment) -> bool {
        let families = self.families.load_full();
        let gauges = families
            .values()
            .flat_map(|named| &**named)
            .filter(|index| index.family.record.kind == Kind::Gauge);
        gauges.flat_map(|index| index.each()).all(|series| series.move_gauge(from.ordinal, to, self))
    }

    /// Counts what was not recorded.
    #[cold]
    pub(super) fn lose(&self, loss: HealthCounter) {
        match self.segment() {
            Some(segment) => segment.lose(loss),
            None => self.unrecorded.count(loss),
        }
    }

    /// What was not recorded, and is counted in no segment yet.
    pub(crate) fn unrecorded(&self) -> [u64; HEALTH_COUNTERS] {
        self.unrecorded.get()
    }
}

fn cannot_make(place: Option<&MetricsPath>, why: impl std::fmt::Display) -> String {
    format!(
        "no segment can be made in {}: {why}; until one can, this process records in memory that other \
         processes do not see",
        place.map_or(Path::new(""), MetricsPath::path).display(),
    )
}

/// Segments that may lie in a directory before a process that opens it retires those of the dead.
const RETIRE_THRESHOLD: usize = 32;

/// Retires what dead processes left, where nobody else seems to do it: short-lived jobs whose
/// directory nobody reads must not fill the disk.
fn clear_up(directory: &Directory) {
    let many = directory.segments().is_ok_and(|segments| segments.len() >= RETIRE_THRESHOLD);
    if many && let Err(error) = retire(directory, &mut |_| None) {
        log::debug!("segments of dead processes stay in {}: {error}", directory.place().path().display());
    }
}
