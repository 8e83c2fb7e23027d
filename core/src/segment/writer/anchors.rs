//! Anchors: pairs of a stamp and the wall clock's time, stored while the process records. They also
//! show that the clock of the stamps was reset.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Segment;
use crate::{
    clock::{self, Anchor},
    format::anchors,
};

/// Maximum difference of stamps of one clock between two processors: a second or more.
const MAX_STEP_BACK: u64 = 1 << 32;
/// Whether a segment of this process has ever outlived its clock.
pub(crate) static OUTLIVED: AtomicBool = AtomicBool::new(false);
/// Interval between anchors, in stamp units: some hundredths of a second.
pub(crate) const ANCHOR_INTERVAL: u64 = 1 << 26;

impl Segment {
    /// Stores an anchor, which relates stamps to the wall clock, unless that was done a moment ago.
    /// Never waits.
    pub(crate) fn renew_anchor(&self) {
        // Models have no clock: a renewal would make their runs differ.
        let is_due =
            |now: u64| !cfg!(ictus_loom) && now.wrapping_sub(self.anchored.load(Relaxed)) >= ANCHOR_INTERVAL;
        if !is_due(clock::now()) || self.anchoring.swap(true, Relaxed) {
            return;
        }
        let anchor = Anchor::now();
        if anchor.stamp < self.anchored.load(Relaxed).saturating_sub(MAX_STEP_BACK) {
            // Later stamps belong to another epoch.
            self.outlived.store(true, Relaxed);
            OUTLIVED.store(true, Relaxed);
        } else if is_due(anchor.stamp) && !self.has_outlived_clock() {
            // Another thread may have stored an anchor just now.
            anchors::write(&self.header.anchors, &anchor);
            self.anchored.store(anchor.stamp, Relaxed);
        }
        clock::calibrate();
        self.anchoring.store(false, Relaxed);
    }

    /// Whether the clock of its stamps was reset: the counter started again.
    pub(crate) fn has_outlived_clock(&self) -> bool {
        self.outlived.load(Relaxed)
    }
    /// Ends the clock of its stamps, for tests of what follows.
    #[cfg(test)]
    pub(crate) fn outlive_clock(&self) {
        self.outlived.store(true, Relaxed);
    }
}
