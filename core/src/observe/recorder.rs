//! The recorder of a process: its families and its current segment.

use std::{
    path::Path,
    sync::{Arc, OnceLock, TryLockError, Weak},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::HashMap;

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
    directory::access::MetricsPath,
    error::{Error, Result},
    format::{
        descriptor::FamilyDescriptor,
        layout::{HEALTH_COUNTERS, HealthCounter},
        limits::MAX_DEFINITIONS,
    },
    options::RegistryOptions,
    policy::agreement,
    segment::{
        reservation,
        writer::{Segment, SeriesLocation},
    },
    sync::Mutex,
    sys::fork,
};

type FamiliesByName = HashMap<Box<str>, Arc<[Arc<FamilyIndex>]>>;
/// A family's name, and its label names in the order in which they were given.
pub(crate) type UnsortedLabels = (Box<str>, Box<[String]>);

/// The state that registries and handles share.
#[derive(Debug)]
pub(crate) struct Recorder {
    options: RegistryOptions,
    /// None: the memory of this process only.
    place: Option<MetricsPath>,
    /// Created at the first observation, and again in every forked child.
    segment: ArcSwapOption<Segment>,
    /// For lanes for which the segment has no memory.
    fallback: ArcSwapOption<Segment>,
    /// Families of one name differ in their labels.
    families: ArcSwap<FamiliesByName>,
    /// Names of families whose label names were not given in sorted order, with the first order
    /// given.
    unsorted: ArcSwap<Vec<UnsortedLabels>>,
    /// Lanes of removed gauges.
    gauges: Mutex<Vec<&'static GaugeLane>>,
    maker: Maker,
    fallback_maker: Maker,
    unrecorded: Unrecorded,
    /// Segments that are being left, or that have been copied to a file.
    pub(super) recovery: Recovery,
    /// This recorder, for its recovery thread.
    handle: OnceLock<Weak<Recorder>>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.save();
    }
}

/// Registers the fork handlers.
pub(crate) fn watch_forks() {
    extern "C" fn in_child() {
        reservation::keep_parents_addresses();
        thread_lanes::reset_after_fork();
    }
    fork::install_fork_handlers(in_child);
}

impl Recorder {
    /// Creates a recorder in the memory of this process.
    pub(crate) fn in_memory(options: RegistryOptions) -> Recorder {
        Recorder::new(None, options)
    }

    /// Creates a recorder in a metrics directory. Creates the directory if it is missing.
    pub(crate) fn open(directory: &Path, options: RegistryOptions) -> Result<Recorder> {
        let place = MetricsPath::resolve(directory)?.with_group(options.group);
        place
            .create_or_open()
            .map_err(|error| Error::io(place.path(), "use the metrics directory", error))?;
        Ok(Recorder::new(Some(place), options))
    }

    fn new(place: Option<MetricsPath>, options: RegistryOptions) -> Recorder {
        // Before anything exists that a forked child must not share.
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

    /// Returns the options of the registry.
    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// Returns the family. Registers it if it is new. Families of one name may have different
    /// labels, but must have the same kind and unit.
    pub(super) fn family(self: &Arc<Self>, record: FamilyDescriptor) -> Result<Arc<FamilyIndex>> {
        self.handle.get_or_init(|| Arc::downgrade(self));
        let new = Arc::new(FamilyIndex::new(FamilyDefinition::new(record, Arc::downgrade(self))));
        let requested = &new.family.record;
        self.families.rcu(|families| {
            let existing = families.get(&*requested.name).map_or(&[][..], |existing| existing);
            let is_settled = |family: &Arc<FamilyIndex>| {
                let record = &family.family.record;
                record.is_compatible(requested) || !agreement::coexist(record, requested)
            };
            // A reader refuses a segment with more definitions of one name.
            if existing.iter().any(is_settled) || existing.len() >= MAX_DEFINITIONS {
                return Arc::clone(families);
            }
            let all = existing.iter().chain([&new]).map(Arc::clone).collect();
            let mut families = HashMap::clone(families);
            families.insert(requested.name.as_str().into(), all);
            Arc::new(families)
        });
        self.family_index(requested).ok_or_else(|| {
            let families = self.families.load();
            let existing = families.get(&*requested.name).and_then(|existing| existing.first());
            let unsorted = self.unsorted_labels();
            // In the order in which the labels were given, as in the source of the program.
            let given = |record: &FamilyDescriptor| {
                let is_it = |(name, labels): &&UnsortedLabels| {
                    **name == *record.name && record.labels.iter().all(|label| labels.contains(label))
                };
                let given = unsorted.iter().find(|one| one.1.len() == record.labels.len() && is_it(one));
                given.map_or_else(|| record.labels.clone(), |(_, labels)| labels.to_vec())
            };
            if families.get(&*requested.name).is_some_and(|existing| existing.len() >= MAX_DEFINITIONS) {
                return Error::Name {
                    name: requested.name.clone(),
                    reason: "it exists with 256 sets of label names, the maximum",
                };
            }
            let shape = |record: &FamilyDescriptor| record.kind.described(record.unit, &given(record));
            Error::Mismatch {
                name: requested.name.clone(),
                existing: existing.map_or_else(String::new, |existing| shape(&existing.family.record)),
                requested: shape(requested),
            }
        })
    }

    /// Notes the order in which a family's label names were given.
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

    /// Returns the families whose label names were not given in sorted order, with the first order
    /// given.
    pub(crate) fn unsorted_labels(&self) -> Arc<Vec<UnsortedLabels>> {
        self.unsorted.load_full()
    }

    /// Returns a registered family.
    pub(super) fn family_index(&self, family: &FamilyDescriptor) -> Option<Arc<FamilyIndex>> {
        let families = self.families.load();
        let named = families.get(&*family.name)?;
        named.iter().find(|known| known.family.record.is_compatible(family)).cloned()
    }

    /// Returns the unpublished lane of a gauge that was removed from a segment.
    pub(super) fn take_free_gauge_lane(&self, segment: &Segment) -> Option<&'static GaugeLane> {
        self.with_free_gauges(|gauges| {
            let at = gauges.iter().rposition(|lane| lane.ordinal == segment.ordinal)?;
            Some(gauges.swap_remove(at))
        })?
    }

    /// Stores the hidden lane of a gauge that no thread can set any more.
    pub(super) fn release_gauge_lane(&self, lane: &'static GaugeLane) {
        if lane.generation == fork::generation() {
            self.with_free_gauges(|gauges| gauges.push(lane));
        }
    }

    fn with_free_gauges<T>(&self, act: impl FnOnce(&mut Vec<&'static GaugeLane>) -> T) -> Option<T> {
        match self.gauges.try_lock() {
            Ok(mut gauges) => Some(act(&mut gauges)),
            Err(TryLockError::Poisoned(poisoned)) => Some(act(&mut poisoned.into_inner())),
            // Recording never waits: one more lane is created, or one is leaked.
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Frees the lines of a descriptor.
    pub(super) fn release_series(&self, place: &SeriesLocation) {
        for segment in [self.segment.load_full(), self.fallback.load_full()].into_iter().flatten() {
            segment.free(place);
        }
    }

    /// Expires the idle series of a family. Returns how many.
    pub(crate) fn expire(&self, family: &FamilyDescriptor, is_idle: impl Fn(&[String]) -> bool) -> usize {
        let is_idle = |values: &LabelValues| {
            is_idle(&values.as_strs().into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        self.family_index(family).map_or(0, |index| index.expire(is_idle))
    }

    /// Calls `act` with this process's segment. If that segment has no memory for it, calls `act`
    /// with a fallback segment, which other processes do not see.
    pub(crate) fn with_segment<T>(&self, act: impl FnMut(&Arc<Segment>) -> Option<T>) -> Option<T> {
        let mut act = act;
        self.check_file();
        let segment = self.segment()?;
        if let Some(done) = act(&segment) {
            if !segment.is_file_backed() && self.place.is_some() {
                segment.count_rejected(HealthCounter::ProcessLocal);
                // The recovery thread could not be started, or has just ended.
                self.degrade(|| cannot_make(self.place.as_ref(), "it could not be created before"));
            }
            return Some(done);
        }
        if segment.is_left() {
            // A recovery has replaced it meanwhile.
            return act(&self.segment().filter(|new| new.id != segment.id)?);
        }
        if !segment.is_file_backed() {
            return None;
        }
        segment.count_rejected(HealthCounter::ProcessLocal);
        let make = || Segment::anonymous().ok();
        let done = act(&self.fallback_maker.get_or_create(&self.fallback, make, |_| {})?);
        self.degrade(|| {
            "the segment of this process cannot grow (is the disk full?); until it can, new series are recorded in memory that other processes cannot read"
                .to_owned()
        });
        done
    }

    /// Returns this process's segment. Creates it if it is missing or belongs to the parent.
    fn segment(&self) -> Option<Arc<Segment>> {
        let segment = self.maker.get_or_create(
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
            match place.create_or_open().and_then(|directory| Segment::create(&directory)) {
                Ok(segment) => return Some(segment),
                Err(error) => self.degrade(|| cannot_make(Some(place), error)),
            }
        }
        Segment::anonymous().ok()
    }

    /// Returns the segments that hold this process's records, except records that other processes
    /// have taken over. Segments in a file are included, for readers that do not find the file.
    pub(crate) fn unshared_segment(&self) -> Vec<Arc<Segment>> {
        let present = [self.current(), self.current_fallback()].into_iter().flatten();
        let mut segments: Vec<_> = present.chain(self.recovery.leaving()).collect();
        segments.retain(|segment| segment.belongs_to_this_process());
        segments.sort_by_key(|segment| segment.ordinal);
        segments.dedup_by_key(|segment| segment.ordinal);
        segments
    }

    /// Returns all segments of this process, wherever they are.
    pub(crate) fn local_segments(&self) -> Vec<Arc<Segment>> {
        let mut segments = self.unshared_segment();
        segments.extend(self.recovery.left());
        segments.retain(|segment| segment.belongs_to_this_process());
        segments.sort_by_key(|segment| segment.ordinal);
        segments.dedup_by_key(|segment| segment.ordinal);
        segments
    }

    /// Returns the metrics directory; none if the segments are only in memory.
    pub(crate) fn place(&self) -> Option<&MetricsPath> {
        self.place.as_ref()
    }

    /// Returns this recorder, if it has a family.
    pub(super) fn own_handle(&self) -> Option<Weak<Recorder>> {
        self.handle.get().cloned()
    }

    /// Returns the segment in which lanes are created, if there is one.
    pub(super) fn current(&self) -> Option<Arc<Segment>> {
        self.segment.load_full().filter(|segment| segment.belongs_to_this_process())
    }

    /// Returns the segment of lanes for which the current segment has no memory.
    pub(super) fn current_fallback(&self) -> Option<Arc<Segment>> {
        self.fallback.load_full().filter(|segment| segment.belongs_to_this_process())
    }

    /// Makes `new` the segment in which lanes are created.
    pub(super) fn replace(&self, current: Option<&Arc<Segment>>, new: &Arc<Segment>) {
        self.segment.compare_and_swap(&current.cloned(), Some(Arc::clone(new)));
    }

    /// Drops the fallback: lanes for which there is no memory are created in another segment from
    /// now on.
    pub(super) fn drop_fallback(&self, fallback: &Arc<Segment>) {
        self.fallback.compare_and_swap(&Some(Arc::clone(fallback)), None);
    }

    /// Moves all gauges from one segment to another. Returns false if `to` has no memory for them.
    pub(super) fn move_gauges(&self, from: &Segment, to: &Segment) -> bool {
        let families = self.families.load_full();
        let gauges = families
            .values()
            .flat_map(|named| &**named)
            .filter(|index| index.family.record.kind == Kind::Gauge);
        gauges.flat_map(|index| index.each()).all(|series| series.move_gauge(from.ordinal, to, self))
    }

    /// Counts a rejected observation.
    #[cold]
    pub(super) fn count_rejected(&self, loss: HealthCounter) {
        match self.segment() {
            Some(segment) => segment.count_rejected(loss),
            None => self.unrecorded.count(loss),
        }
    }

    /// Returns the rejected observations that are not counted in a segment yet.
    pub(crate) fn unrecorded(&self) -> [u64; HEALTH_COUNTERS] {
        self.unrecorded.get()
    }
}

fn cannot_make(place: Option<&MetricsPath>, why: impl std::fmt::Display) -> String {
    format!(
        "cannot create a segment in {}: {why}; until this succeeds, this process records in memory that other processes cannot read",
        place.map_or(Path::new(""), MetricsPath::path).display(),
    )
}
