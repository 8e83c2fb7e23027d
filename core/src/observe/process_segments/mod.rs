//! The segments in which this process records: the current one, and a fallback for lanes for which
//! the current one has no memory.
//!
//! Families and series are above this module. If a segment cannot be created or cannot grow, or if
//! its file was removed, the recovery thread is started.

mod file_check;
mod free_gauge_lanes;
mod maker;
mod recovery_thread;
mod unrecorded;

use std::{fmt::Display, path::Path, sync::Arc};

use arc_swap::ArcSwapOption;

use self::{file_check::FileCheck, maker::Maker, unrecorded::Unrecorded};
pub(super) use self::{
    file_check::is_removed,
    free_gauge_lanes::FreeGaugeLanes,
    recovery_thread::{Progress, Recover, RecoveryThread},
};
use crate::{
    directory::access::MetricsPath,
    format::layout::{HEALTH_COUNTERS, HealthCounter},
    segment::writer::{Segment, SeriesLocation},
};

/// The segments of a recorder that are in use, and the counts of rejected observations.
#[derive(Debug)]
pub(crate) struct ProcessSegments {
    /// None: the memory of this process only.
    metrics_path: Option<MetricsPath>,
    /// Created at the first observation, and again in every forked child.
    segment: ArcSwapOption<Segment>,
    /// For lanes for which the segment has no memory.
    fallback: ArcSwapOption<Segment>,
    maker: Maker,
    fallback_maker: Maker,
    unrecorded: Unrecorded,
    /// Lanes of removed gauges.
    pub(super) free_gauge_lanes: FreeGaugeLanes,
    file_check: FileCheck,
    pub(super) recovery_thread: RecoveryThread,
}

impl ProcessSegments {
    /// Creates no segment yet. `metrics_path` is the metrics directory; none for the memory of this
    /// process.
    pub(super) fn new(metrics_path: Option<MetricsPath>) -> ProcessSegments {
        ProcessSegments {
            metrics_path,
            segment: ArcSwapOption::empty(),
            fallback: ArcSwapOption::empty(),
            maker: Maker::default(),
            fallback_maker: Maker::default(),
            unrecorded: Unrecorded::default(),
            free_gauge_lanes: FreeGaugeLanes::default(),
            file_check: FileCheck::default(),
            recovery_thread: RecoveryThread::default(),
        }
    }

    /// Returns the metrics directory; none if the segments are only in memory.
    pub(super) fn metrics_path(&self) -> Option<&MetricsPath> {
        self.metrics_path.as_ref()
    }

    /// Calls `act` with this process's segment. If that segment has no memory for it, calls `act`
    /// with a fallback segment, which other processes do not see.
    pub(crate) fn with_segment<T>(&self, act: impl FnMut(&Arc<Segment>) -> Option<T>) -> Option<T> {
        let mut act = act;
        self.check_file();
        let segment = self.segment()?;
        if let Some(done) = act(&segment) {
            if !segment.is_file_backed() && self.metrics_path.is_some() {
                segment.count_rejected(HealthCounter::ProcessLocal);
                // The recovery thread could not be started, or has just ended.
                self.recovery_thread
                    .start(|| cannot_make(self.metrics_path.as_ref(), "it could not be created before"));
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
        self.recovery_thread.start(|| {
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
                if let Some(Ok(Some(directory))) = self.metrics_path.as_ref().map(MetricsPath::open)
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
        if let Some(metrics_path) = &self.metrics_path {
            match metrics_path.create_or_open().and_then(|directory| Segment::create(&directory)) {
                Ok(segment) => return Some(segment),
                Err(error) => self.recovery_thread.start(|| cannot_make(Some(metrics_path), error)),
            }
        }
        Segment::anonymous().ok()
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

    /// Frees the lines of a descriptor.
    pub(super) fn free_descriptor(&self, location: &SeriesLocation) {
        for segment in [self.segment.load_full(), self.fallback.load_full()].into_iter().flatten() {
            segment.free(location);
        }
    }

    /// Checks whether the file of this process's segment was removed. Threads that create
    /// lanes call it, which costs them at most one system call in a millisecond. A thread that has its
    /// lanes makes no system call.
    pub(super) fn check_file(&self) {
        let Some(metrics_path) = self.metrics_path() else { return };
        if !self.file_check.is_due() {
            return;
        }
        if let Some(main) = self.current()
            && main.is_file_backed()
            && is_removed(metrics_path, &main)
        {
            self.recovery_thread.start(|| file_check::removed(metrics_path));
        }
    }

    /// Checks the file at once, for a reader of this process.
    pub(super) fn check_file_now(&self) {
        self.file_check.make_due();
        self.check_file();
    }

    /// Counts a rejected observation.
    #[cold]
    pub(super) fn count_rejected(&self, loss: HealthCounter) {
        // Each observation beyond a limit comes here, and a guard costs less than a reference count.
        let current = self.segment.load();
        if let Some(segment) = &*current
            && segment.belongs_to_this_process()
        {
            self.unrecorded.move_to(segment);
            return segment.count_rejected(loss);
        }
        drop(current);
        match self.segment() {
            Some(segment) => segment.count_rejected(loss),
            None => self.unrecorded.count(loss),
        }
    }

    /// Returns the rejected observations that are not counted in a segment yet.
    pub(super) fn unrecorded(&self) -> [u64; HEALTH_COUNTERS] {
        self.unrecorded.get()
    }
}

fn cannot_make(metrics_path: Option<&MetricsPath>, why: impl Display) -> String {
    format!(
        "cannot create a segment in {}: {why}; until this succeeds, this process records in memory that other processes cannot read",
        metrics_path.map_or(Path::new(""), MetricsPath::path).display(),
    )
}
