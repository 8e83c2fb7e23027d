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
//! This file has the steps. `file_check` finds out that they are needed, and `thread` retries them.
//! `save` writes the remaining data when the process ends.

mod file_check;
mod save;
mod thread;
mod turn;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use self::{file_check::is_removed, turn::RecoveryTurn};
use super::{
    recorder::Recorder,
    thread_lanes::{self, Parked},
};
use crate::{
    directory::{Directory, access::MetricsPath},
    format::layout::HealthCounter,
    log_once::LogOnce,
    segment::{copy::SegmentCopy, writer::Segment},
};

/// Maximum time that recovery waits for a thread that is stopped inside an observation whose lane
/// was taken. A thread that uses any lane after that has left the observation, and recovery does
/// not wait for it.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);

/// The segments that a recorder leaves, and the state of its recovery thread.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Segments that are being left.
    leaving: ArcSwap<Vec<Arc<Leaving>>>,
    /// Segments whose content other processes have. They are part of the records of this process.
    left: ArcSwap<Vec<Arc<Segment>>>,
    turn: RecoveryTurn,
    /// The fork generation, plus one, of the process whose thread runs.
    thread: AtomicU64,
    check_at: AtomicU64,
    retry_at: AtomicU64,
    cause_log: LogOnce,
    /// The cause, to be logged by the thread.
    cause: ArcSwapOption<String>,
}

/// A segment that is being left.
#[derive(Debug)]
struct Leaving {
    segment: Arc<Segment>,
    state: Mutex<LeavingState>,
}

#[derive(Debug, Default)]
struct LeavingState {
    lanes: Option<Parked>,
    copy: Option<(SegmentCopy, Instant)>,
}

/// The result of one attempt.
enum Progress {
    /// Everything is in the directory.
    Done,
    /// Copies are being compared.
    Verifying,
    /// Another thread is recovering.
    Busy,
}

impl Recovery {
    /// Returns the segments whose content is in no file, as far as is known.
    pub(super) fn leaving(&self) -> Vec<Arc<Segment>> {
        let leaving = self.leaving.load();
        // A forked child inherits the list, but not the work.
        let own = leaving.iter().filter(|leaving| leaving.segment.belongs_to_this_process());
        own.map(|leaving| Arc::clone(&leaving.segment)).collect()
    }

    /// Returns the segments whose content other processes have.
    pub(super) fn left(&self) -> Vec<Arc<Segment>> {
        Vec::clone(&self.left.load())
    }

    fn begin_to_leave(&self, segment: &Arc<Segment>) {
        self.leaving.rcu(|leaving| {
            let mut leaving = Vec::clone(leaving);
            leaving.retain(|one| one.segment.belongs_to_this_process());
            if !leaving.iter().any(|one| one.segment.id == segment.id) {
                leaving.push(Arc::new(Leaving { segment: Arc::clone(segment), state: Mutex::default() }));
            }
            leaving
        });
    }

    fn finish(&self, done: &Arc<Leaving>) {
        self.left.rcu(|left| {
            let mut left = Vec::clone(left);
            left.retain(|one| one.belongs_to_this_process() && one.id != done.segment.id);
            left.push(Arc::clone(&done.segment));
            left
        });
        self.leaving
            .rcu(|leaving| leaving.iter().filter(|one| !Arc::ptr_eq(one, done)).cloned().collect::<Vec<_>>());
    }
}

impl Recorder {
    /// Moves new lanes to another segment if the clock of this segment's stamps was reset. The
    /// records of the old segment stay where they are for as long as this process lives.
    #[cold]
    pub(super) fn leave_outlived(&self) {
        let is_outlived = || self.current().is_some_and(|main| main.has_outlived_clock());
        // If no other segment can be created, the old one stays in use.
        if is_outlived() && self.recover().is_err() {
            log::debug!("recording continues in a segment whose clock went back: no other can be created");
        }
    }

    /// Makes one attempt to recover.
    fn recover(&self) -> io::Result<Progress> {
        let Some(place) = self.place() else { return Ok(Progress::Done) };
        let Some(_turn) = self.recovery.turn.acquire() else { return Ok(Progress::Busy) };
        let directory = place.create_or_open()?;
        let main = self.leave_what_is_not_seen(place, &directory)?;
        let mut progress = Progress::Done;
        for leaving in &**self.recovery.leaving.load() {
            if !leaving.segment.belongs_to_this_process() {
                continue;
            }
            if self.move_out(leaving, &main, &directory)? {
                self.recovery.finish(leaving);
            } else {
                progress = Progress::Verifying;
            }
        }
        if matches!(progress, Progress::Done)
            && let Some(_cause) = self.recovery.cause.swap(None)
        {
            log::info!(
                "{} is recorded in again: observations that were recorded in memory meanwhile are there",
                place.path().display()
            );
        }
        Ok(progress)
    }

    /// Returns a segment that other processes see and that can grow. Creates it in the directory if
    /// there is none.
    fn leave_what_is_not_seen(&self, place: &MetricsPath, directory: &Directory) -> io::Result<Arc<Segment>> {
        let main = match self.current() {
            Some(main)
                if main.is_file_backed() && !is_removed(place, &main) && !main.has_outlived_clock() =>
            {
                main
            }
            current => {
                let outlived = current.as_ref().filter(|current| current.has_outlived_clock());
                let new = Segment::create_after(directory, outlived.map(|outlived| outlived.epoch))?;
                let new = Arc::new(new);
                if let Some(current) = &current {
                    self.recovery.begin_to_leave(current);
                    if current.is_file_backed() && is_removed(place, current) {
                        new.count_rejected(HealthCounter::FileRemoved);
                    }
                }
                self.replace(current.as_ref(), &new);
                new
            }
        };
        if let Some(fallback) = self.current_fallback() {
            if !main.can_grow() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.recovery.begin_to_leave(&fallback);
            self.drop_fallback(&fallback);
        }
        Ok(main)
    }

    /// Moves the content of a segment. Returns true once that is done.
    fn move_out(&self, leaving: &Leaving, main: &Arc<Segment>, directory: &Directory) -> io::Result<bool> {
        let segment = &leaving.segment;
        let mut state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
        segment.abandon();
        if !self.move_gauges(segment, main) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if state.lanes.is_none() {
            let lanes = thread_lanes::park(segment.ordinal);
            // The first series that are used again must not take all memory for their windows.
            main.reserve(lanes.lines());
            state.lanes = Some(lanes);
        }
        let LeavingState { lanes, copy } = &mut *state;
        if segment.has_outlived_clock() && segment.is_file_backed() && !is_removed(directory.place(), segment)
        {
            // Other processes see its whole content, and the stores that threads still make there.
            return Ok(true);
        }
        if let Some((held, _)) = copy {
            if !held.hold(directory, segment.id)? {
                return Ok(true);
            }
            if !held.is_in(directory, segment.id) {
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
        match copy.refresh(segment) {
            Ok(has_changed) => Ok(all_left && !has_changed),
            // The host has closed the descriptor just now.
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes copies equal to their segments, before a series is removed from both.
    pub(crate) fn refresh_copies(&self) {
        let Some(_turn) = self.recovery.turn.acquire() else { return };
        for leaving in &**self.recovery.leaving.load() {
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
    }
}
