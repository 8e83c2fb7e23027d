//! Counts of observations that were rejected before there was a segment to count them in.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::{
    format::layout::{HEALTH_COUNTERS, HealthCounter},
    log_once::LogOnce,
    segment::writer::Segment,
    sys::fork,
};

/// Counts that the next segment takes over.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    counts: [AtomicU64; HEALTH_COUNTERS],
    /// The fork generation of the counts: the counts of a forked child begin at 0.
    generation: AtomicU32,
}

impl Unrecorded {
    /// Counts a rejected observation. Logs the first one without memory.
    pub(super) fn count(&self, loss: HealthCounter) {
        static LOG: LogOnce = LogOnce::new();
        self.begin();
        self.counts[loss as usize].fetch_add(1, Relaxed);
        if loss == HealthCounter::NoMemory && LOG.is_first() {
            log::error!(
                "observations are rejected: this process cannot map memory for them; raise its limits (`ulimit -v`, \
                 `ulimit -d`). They are counted as ictus_observations_rejected_total{{reason=\"no_memory\"}}, and \
                 Ictus tries again"
            );
        }
    }

    /// Moves the counts to a segment.
    pub(super) fn move_to(&self, segment: &Segment) {
        self.begin();
        for (count, in_segment) in self.counts.iter().zip(&segment.header.losses) {
            match count.load(Relaxed) {
                0 => {}
                _ => _ = in_segment.fetch_add(count.swap(0, Relaxed), Relaxed),
            }
        }
    }

    /// Returns the counts that no segment has yet.
    pub(super) fn get(&self) -> [u64; HEALTH_COUNTERS] {
        self.begin();
        std::array::from_fn(|loss| self.counts[loss].load(Relaxed))
    }

    fn begin(&self) {
        let generation = fork::generation();
        if self.generation.load(Relaxed) != generation
            && self.generation.swap(generation, Relaxed) != generation
        {
            self.counts.iter().for_each(|count| count.store(0, Relaxed));
        }
    }
}
