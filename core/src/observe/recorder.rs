//! The recorder of a process: its families and its segments, and what needs both.

use std::{io, path::Path, sync::Arc, time::Duration};

use super::{
    families::{Families, UnsortedLabels},
    family_index::FamilyIndex,
    process_segments::{ProcessSegments, Progress, Recover, RecoveryThread},
    recovery::Recovery,
    thread_lanes,
};
use crate::{
    directory::access::MetricsPath,
    error::{Error, Result},
    format::{
        descriptor::FamilyDescriptor,
        layout::{HEALTH_COUNTERS, HealthCounter},
    },
    options::RegistryOptions,
    segment::{reservation, writer::Segment},
    sys::fork,
};

/// The state that registries and handles share.
#[derive(Debug)]
pub(crate) struct Recorder {
    options: RegistryOptions,
    /// Shared with the series, which free their lanes and descriptors there.
    pub(crate) segments: Arc<ProcessSegments>,
    pub(super) families: Families,
    recovery: Recovery,
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
        let metrics_path = MetricsPath::resolve(directory)?.with_group(options.group);
        metrics_path
            .create_or_open()
            .map_err(|error| Error::io(metrics_path.path(), "use the metrics directory", error))?;
        Ok(Recorder::new(Some(metrics_path), options))
    }

    fn new(metrics_path: Option<MetricsPath>, options: RegistryOptions) -> Recorder {
        // Before anything exists that a forked child must not share.
        watch_forks();
        Recorder {
            options,
            segments: Arc::new(ProcessSegments::new(metrics_path)),
            families: Families::default(),
            recovery: Recovery::default(),
        }
    }

    /// Returns the options of the registry.
    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// Returns the metrics directory; none if the segments are only in memory.
    pub(crate) fn metrics_path(&self) -> Option<&MetricsPath> {
        self.segments.metrics_path()
    }

    /// See [`Families::register`].
    pub(super) fn family(self: &Arc<Self>, record: FamilyDescriptor) -> Result<Arc<FamilyIndex>> {
        self.segments.recovery_thread.set_work(|| Arc::<Recorder>::downgrade(self));
        self.families.register(record, &self.segments)
    }

    /// See [`Families::unsorted_labels`].
    pub(crate) fn unsorted_labels(&self) -> Arc<Vec<UnsortedLabels>> {
        self.families.unsorted_labels()
    }

    /// See [`Families::named`].
    pub(crate) fn named(&self, name: &str, labels: &[&str]) -> Vec<Arc<FamilyIndex>> {
        self.families.named(name, labels)
    }

    /// See [`Families::expire`].
    pub(crate) fn expire(&self, family: &FamilyDescriptor, is_idle: impl Fn(&[String]) -> bool) -> usize {
        self.families.expire(family, is_idle)
    }

    /// See [`ProcessSegments::count_rejected`].
    #[cold]
    pub(super) fn count_rejected(&self, loss: HealthCounter) {
        self.segments.count_rejected(loss);
    }

    /// See [`ProcessSegments::unrecorded`].
    pub(crate) fn unrecorded(&self) -> [u64; HEALTH_COUNTERS] {
        self.segments.unrecorded()
    }

    /// See [`ProcessSegments::check_file_now`].
    pub(crate) fn check_file_now(&self) {
        self.segments.check_file_now();
    }

    /// See [`Recovery::unshared_segments`].
    pub(crate) fn unshared_segments(&self) -> Vec<Arc<Segment>> {
        self.recovery.unshared_segments(&self.segments)
    }

    /// See [`Recovery::local_segments`].
    pub(crate) fn local_segments(&self) -> Vec<Arc<Segment>> {
        self.recovery.local_segments(&self.segments)
    }

    /// See [`Recovery::refresh_copies`].
    pub(crate) fn refresh_copies(&self, timeout: Duration) -> bool {
        self.recovery.refresh_copies(timeout)
    }

    /// See [`Recovery::finished`].
    pub(crate) fn finished_recoveries(&self) -> usize {
        self.recovery.finished()
    }

    /// See [`Recovery::is_degraded`].
    pub(crate) fn is_degraded(&self) -> bool {
        self.recovery.is_degraded(&self.segments)
    }

    /// See [`Recovery::save`].
    pub(crate) fn save(&self) {
        self.recovery.save(&self.segments);
    }

    /// Moves new lanes to another segment if the clock of this segment's stamps was reset. The
    /// records of the old segment stay where they are for as long as this process lives.
    #[cold]
    pub(super) fn leave_outlived(&self) {
        let is_outlived = || self.segments.current().is_some_and(|main| main.has_outlived_clock());
        // If no other segment can be created, the old one stays in use.
        if is_outlived() && self.recover().is_err() {
            log::debug!("recording continues in a segment whose clock went back: no other can be created");
        }
    }
}

impl Recover for Recorder {
    fn recover(&self) -> io::Result<Progress> {
        self.recovery.attempt(&self.segments, &|from, to| self.families.move_gauges(from, to, &self.segments))
    }

    fn is_degraded(&self) -> bool {
        Recorder::is_degraded(self)
    }

    fn thread(&self) -> &RecoveryThread {
        &self.segments.recovery_thread
    }
}
