//! The check whether other processes see the records of this process: whether its segment is in a
//! file that still has its name.

use std::sync::atomic::Ordering::Relaxed;

use crate::{clock, directory::access::MetricsPath, observe::recorder::Recorder, segment::writer::Segment};

/// Interval, in nanoseconds, at which threads on the slow path check that the file still has its
/// name.
const CHECK_INTERVAL: u64 = 1_000_000;

impl Recorder {
    /// Whether this process records, or has recorded, in memory that other processes do not see.
    pub(crate) fn is_degraded(&self) -> bool {
        let Some(place) = self.place() else { return false };
        let main = self.current();
        let unseen = main.is_some_and(|main| !main.is_file_backed() || is_removed(place, &main));
        unseen || self.current_fallback().is_some() || !self.recovery.leaving().is_empty()
    }

    /// Checks whether the file of this process's segment was removed. Threads that create
    /// lanes call it, which costs them at most one system call in a millisecond. A thread that has its
    /// lanes makes no system call.
    pub(in crate::observe) fn check_file(&self) {
        let Some(place) = self.place() else { return };
        let (now, recovery) = (clock::monotonic(), &self.recovery);
        let at = recovery.check_at.load(Relaxed);
        if now < at || recovery.check_at.compare_exchange(at, now + CHECK_INTERVAL, Relaxed, Relaxed).is_err()
        {
            return;
        }
        if let Some(main) = self.current()
            && main.is_file_backed()
            && is_removed(place, &main)
        {
            self.degrade(|| removed(place));
        }
    }

    /// Checks the file at once, for a reader of this process.
    pub(crate) fn check_file_now(&self) {
        self.recovery.check_at.store(0, Relaxed);
        self.check_file();
    }
}

/// Whether the file of a segment has lost its name. Returns false if that cannot be determined.
pub(super) fn is_removed(place: &MetricsPath, segment: &Segment) -> bool {
    segment
        .standing
        .is_some_and(|standing| place.standing_segment(segment.id).is_ok_and(|now| now != standing))
}

fn removed(place: &MetricsPath) -> String {
    format!(
        "the file of this process's segment was removed from {}, or the directory was: another one is made, \
         and what this process recorded is written there",
        place.path().display()
    )
}
