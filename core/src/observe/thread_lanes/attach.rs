//! Creation of a thread's lane of a series, from the lanes that its shard has.

use std::{
    iter,
    sync::{Arc, TryLockError},
};

use super::ThreadLanes;
use crate::{
    format::layout::HealthCounter,
    observe::{lane::LaneWriter, lane_pool::LanePool, process_segments::ProcessSegments, series::Series},
    sync::{
        Ordering::{AcqRel, Relaxed, Release, SeqCst},
        fence,
    },
};

/// Maximum attempts of one observation, which may meet the end of an incarnation or of a segment
/// each time.
pub(crate) const MAX_ATTEMPTS: usize = 4;

/// The reason why a series has no lane.
#[derive(Debug)]
pub(crate) enum AttachError {
    /// The observation is rejected.
    Rejected(HealthCounter),
    /// The incarnation of the series has ended.
    SeriesEnded,
}

impl ThreadLanes {
    /// Returns the shard's lane of a series. Creates it if it is missing.
    pub(super) fn attach(
        &self,
        series: &Series,
        segments: &ProcessSegments,
    ) -> Result<&'static LaneWriter, AttachError> {
        // Release, "visit": publishes the stores of its thread to other lanes.
        self.visits.fetch_add(1, std::sync::atomic::Ordering::Release);
        let mut stock = match self.stock.try_lock() {
            Ok(stock) => stock,
            // No panic under the lock leaves a cursor partly moved.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // A signal handler interrupted this function on its own thread.
            Err(TryLockError::WouldBlock) => return Err(AttachError::Rejected(HealthCounter::Reentered)),
        };
        for _ in 0..MAX_ATTEMPTS {
            if let Some(attached) = self.attach_once(&mut stock, series, segments) {
                return attached;
            }
        }
        Err(AttachError::Rejected(HealthCounter::NoMemory))
    }

    /// Makes one attempt. Returns none if the segment was left meanwhile.
    fn attach_once(
        &self,
        stock: &mut LanePool,
        series: &Series,
        segments: &ProcessSegments,
    ) -> Option<Result<&'static LaneWriter, AttachError>> {
        let slot = &self.grown_table(series.id)[series.id];
        if let Some(lane) = slot.load(Relaxed) {
            return Some(Ok(lane));
        }
        let Some(life) = series.incarnation() else { return Some(Err(AttachError::SeriesEnded)) };
        self.reclaim_lanes(stock);
        if !series.is_describable() {
            return Some(Err(AttachError::Rejected(HealthCounter::LabelTooLong)));
        }
        let attached = segments.with_segment(|segment| {
            let word = series.describe(segment, life)?;
            Some((stock.acquire(&series.family, segment)?, word, Arc::clone(segment)))
        });
        let Some((lane, word, segment)) = attached else {
            return Some(Err(AttachError::Rejected(HealthCounter::NoMemory)));
        };
        lane.assign(series.id, life, word);
        // Release, for the compiler: a signal handler of this thread finds a complete lane.
        slot.store(Some(lane), Release);
        // "end" and "leave": either the thread that ends the incarnation or leaves the segment sees
        // the lane, or this thread sees the end.
        fence(SeqCst);
        if series.incarnation() == Some(life) && !segment.is_left() && lane.publish(word) {
            series.note_published(life);
            return Some(Ok(lane));
        }
        if slot.compare_exchange(Some(lane), None, AcqRel).is_ok() {
            stock.release(lane);
        }
        if series.incarnation() == Some(life) && segment.is_left() {
            None
        } else {
            Some(Err(AttachError::SeriesEnded))
        }
    }

    /// Moves lanes that other threads took from this shard back to its pool.
    fn reclaim_lanes(&self, stock: &mut LanePool) {
        let mut newest = None;
        // Acquire, pairs with the release of `return_lane`.
        while let Err(other) = self.taken.compare_exchange(newest, None, AcqRel) {
            newest = other;
        }
        for lane in iter::successors(newest, |lane| lane.next.load(Relaxed)) {
            stock.release(lane);
        }
    }
}
