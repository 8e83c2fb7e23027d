//! The check whether the file of a segment still has its name, so that other processes find it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{clock, directory::access::MetricsPath, segment::writer::Segment};

/// Interval, in nanoseconds, at which threads on the slow path check that the file still has its
/// name.
const CHECK_INTERVAL: u64 = 1_000_000;

/// The time of the next check, in nanoseconds of the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct FileCheck(AtomicU64);

impl FileCheck {
    /// Whether the calling thread is the one that checks now.
    pub(super) fn is_due(&self) -> bool {
        let now = clock::monotonic();
        let at = self.0.load(Relaxed);
        now >= at && self.0.compare_exchange(at, now + CHECK_INTERVAL, Relaxed, Relaxed).is_ok()
    }

    /// Makes the next check due at once.
    pub(super) fn make_due(&self) {
        self.0.store(0, Relaxed);
    }
}

/// Whether the file of a segment has lost its name. Returns false if that cannot be determined.
pub(in crate::observe) fn is_removed(metrics_path: &MetricsPath, segment: &Segment) -> bool {
    segment
        .standing
        .is_some_and(|standing| metrics_path.standing_segment(segment.id).is_ok_and(|now| now != standing))
}

/// Returns the log line about a file that lost its name.
pub(super) fn removed(metrics_path: &MetricsPath) -> String {
    format!(
        "the file of this process's segment was removed from {}, or the directory was: this process \
         creates another file and writes its data there; exclude the directory from cleaners of temporary files",
        metrics_path.path().display()
    )
}
