//! Recovery: moves records from memory that other processes do not see into a file, once that is
//! possible.
//!
//! A process that cannot create a segment, or cannot grow one, records in anonymous memory. A
//! segment whose file was removed has the same effect: no other process finds it. A thread,
//! `ictus-recover`, runs as long as this state lasts. It retries until it can:
//!
//! 1. create a segment in the directory, in which lanes are created from then on;
//! 2. move the gauges there, each in one step;
//! 3. take all other lanes of the old segment from their threads, which create new ones;
//! 4. write the bytes of the old segment to a second file, under the old segment's id, and copy
//!    changes there until no thread can still be inside an observation that began earlier;
//! 5. close that file, which is retired like the file of an ended process.
//!
//! After each step, everything recorded is visible exactly once, so that the next step may fail.
//!
//! This file has the steps, and `left_segments` the segments that they are done to. The thread, and
//! what starts it, are part of [`ProcessSegments`]. `save` writes the remaining data when the
//! process ends.

mod left_segments;
mod save;
#[cfg(test)]
mod tests;
mod turn;

use std::{
    io,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use self::{
    left_segments::{Leaving, LeavingState, LeftSegments},
    turn::RecoveryTurn,
};
use super::{
    process_segments::{ProcessSegments, Progress, is_removed},
    thread_lanes::{self, Parked},
};
use crate::{
    directory::{Directory, access::MetricsPath},
    format::layout::HealthCounter,
    segment::{copy::SegmentCopy, writer::Segment},
};

/// Maximum time that recovery waits for a thread that is stopped inside an observation whose lane
/// was taken. A thread that uses any lane after that has left the observation, and recovery does
/// not wait for it.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);

/// The segments that a recorder leaves or has left.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    left_segments: LeftSegments,
    turn: RecoveryTurn,
}

impl Recovery {
    /// Makes one attempt to recover. `move_gauges` moves all gauges from one segment to another. It
    /// returns false if there is no memory for them.
    pub(super) fn attempt(
        &self,
        segments: &ProcessSegments,
        move_gauges: &dyn Fn(&Segment, &Segment) -> bool,
    ) -> io::Result<Progress> {
        let Some(metrics_path) = segments.metrics_path() else { return Ok(Progress::Done) };
        let Some(_turn) = self.turn.acquire() else { return Ok(Progress::Busy) };
        let directory = metrics_path.create_or_open()?;
        let main = self.leave_unseen_segments(segments, metrics_path, &directory)?;
        let mut progress = Progress::Done;
        for leaving in &**self.left_segments.entries() {
            if !leaving.segment.belongs_to_this_process() {
                continue;
            }
            if Recovery::move_out(leaving, &main, &directory, move_gauges)? {
                self.left_segments.finish(leaving);
            } else {
                progress = Progress::Verifying;
            }
        }
        if matches!(progress, Progress::Done) && segments.recovery_thread.clear_cause() {
            log::info!(
                "{} is recorded in again: observations that were recorded in memory meanwhile are there",
                metrics_path.path().display()
            );
        }
        Ok(progress)
    }

    /// Whether this process records, or has recorded, in memory that other processes do not see.
    pub(super) fn is_degraded(&self, segments: &ProcessSegments) -> bool {
        let Some(metrics_path) = segments.metrics_path() else { return false };
        let main = segments.current();
        let unseen = main.is_some_and(|main| !main.is_file_backed() || is_removed(metrics_path, &main));
        unseen || segments.current_fallback().is_some() || !self.left_segments.leaving().is_empty()
    }

    /// Returns the segments that hold this process's records, except records that other processes
    /// have taken over. Segments in a file are included, for readers that do not find the file.
    pub(super) fn unshared_segments(&self, segments: &ProcessSegments) -> Vec<Arc<Segment>> {
        let current = [segments.current(), segments.current_fallback()].into_iter().flatten();
        in_order(current.chain(self.left_segments.leaving()).collect())
    }

    /// Returns all segments of this process, wherever they are.
    pub(super) fn local_segments(&self, segments: &ProcessSegments) -> Vec<Arc<Segment>> {
        let mut all = self.unshared_segments(segments);
        all.extend(self.left_segments.left());
        in_order(all)
    }

    /// Returns a segment that other processes see and that can grow. Creates it in the directory if
    /// there is none.
    fn leave_unseen_segments(
        &self,
        segments: &ProcessSegments,
        metrics_path: &MetricsPath,
        directory: &Directory,
    ) -> io::Result<Arc<Segment>> {
        let main = match segments.current() {
            Some(main)
                if main.is_file_backed()
                    && !is_removed(metrics_path, &main)
                    && !main.has_outlived_clock() =>
            {
                main
            }
            current => {
                let outlived = current.as_ref().filter(|current| current.has_outlived_clock());
                let new = Segment::create_after(directory, outlived.map(|outlived| outlived.epoch))?;
                let new = Arc::new(new);
                if let Some(current) = &current {
                    self.left_segments.begin_to_leave(current);
                    if current.is_file_backed() && is_removed(metrics_path, current) {
                        new.count_rejected(HealthCounter::FileRemoved);
                    }
                }
                segments.replace(current.as_ref(), &new);
                new
            }
        };
        if let Some(fallback) = segments.current_fallback() {
            if !main.can_grow() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.left_segments.begin_to_leave(&fallback);
            segments.drop_fallback(&fallback);
        }
        Ok(main)
    }

    /// Moves the content of a segment. Returns true once that is done.
    fn move_out(
        leaving: &Leaving,
        main: &Arc<Segment>,
        directory: &Directory,
        move_gauges: &dyn Fn(&Segment, &Segment) -> bool,
    ) -> io::Result<bool> {
        let segment = &leaving.segment;
        let mut state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
        segment.abandon();
        if !move_gauges(segment, main) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if state.lanes.is_none() {
            let lanes = thread_lanes::park(segment.ordinal);
            // The first series that are used again must not take all memory for their windows.
            main.reserve(lanes.lines());
            state.lanes = Some(lanes);
        }
        let LeavingState { lanes, copy } = &mut *state;
        if segment.has_outlived_clock()
            && segment.is_file_backed()
            && !is_removed(directory.metrics_path(), segment)
        {
            // Other processes see its whole content, and the stores that threads still make there.
            return Ok(true);
        }
        if let Some((copied, _)) = copy {
            if !copied.hold(directory, segment.id)? {
                return Ok(true);
            }
            if !copied.is_in(directory, segment.id) {
                // The copy was removed, too.
                *copy = None;
            }
        }
        let Some((copy, since)) = copy else {
            *copy = Some((SegmentCopy::create(directory, segment)?, Instant::now()));
            return Ok(false);
        };
        // Check this before the comparison, which then sees all stores of threads that have left.
        let all_left = lanes.as_ref().is_none_or(Parked::is_left) || since.elapsed() > VERIFY_TIMEOUT;
        is_moved(all_left, copy.refresh(segment))
    }

    /// Returns the number of segments of which other processes have the content.
    pub(super) fn finished(&self) -> usize {
        self.left_segments.finished()
    }

    /// Makes copies equal to their segments, after a series was removed from these. Waits, at most
    /// as long as `timeout`, for an attempt to recover that is running: it may have compared a copy
    /// before the removal. Returns false if the attempt takes longer.
    pub(super) fn refresh_copies(&self, timeout: Duration) -> bool {
        let Some(_turn) = self.turn.acquire_within(timeout) else { return false };
        for leaving in &**self.left_segments.entries() {
            // Before the lock: a thread of the parent may have held that of a parent's segment at the
            // fork.
            if !leaving.segment.belongs_to_this_process() {
                continue;
            }
            let state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((copy, _)) = &state.copy
                && let Err(error) = copy.refresh(&leaving.segment)
            {
                log::debug!("a segment's copy is as it was: {error}");
            }
        }
        true
    }
}

/// Whether a comparison has shown that a copy has all that its segment will ever have.
fn is_moved(all_left: bool, has_changed: io::Result<bool>) -> io::Result<bool> {
    match has_changed {
        Ok(has_changed) => Ok(all_left && !has_changed),
        // The host has closed the descriptor just now.
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns each segment of this process once, in the order of their ordinals.
fn in_order(mut segments: Vec<Arc<Segment>>) -> Vec<Arc<Segment>> {
    segments.retain(|segment| segment.belongs_to_this_process());
    segments.sort_by_key(|segment| segment.ordinal);
    segments.dedup_by_key(|segment| segment.ordinal);
    segments
}
