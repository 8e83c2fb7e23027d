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

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::{
    recorder::Recorder,
    thread_lanes::{self, Parked},
};
use crate::{
    clock,
    directory::{Directory, access::MetricsPath},
    format::layout::HealthCounter,
    log_once::LogOnce,
    segment::{copy::SegmentCopy, writer::Segment},
    sys::fork,
};

const THREAD: &str = "ictus-recover";
/// Delay of the first retry after a failure. It is doubled each time.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(10);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Interval at which a copy is compared with its segment.
const VERIFY_INTERVAL: Duration = Duration::from_millis(50);
/// Maximum time that recovery waits for a thread that is stopped inside an observation whose lane
/// was taken. A thread that uses any lane after that has left the observation, and recovery does
/// not wait for it.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval, in nanoseconds, at which threads on the slow path check that the file still has its
/// name.
const CHECK_INTERVAL: u64 = 1_000_000;
/// Interval, in nanoseconds, at which the calling thread tries to recover if no thread could be
/// started.
const RETRY_INTERVAL: u64 = 1_000_000_000;
/// Maximum time that the last attempt to write waits for the recovery thread.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Interval at which that attempt checks whether the recovery thread has finished.
const SAVE_INTERVAL: Duration = Duration::from_millis(2);
/// Interval at which a cause is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

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

/// Lets one thread at a time recover. A forked child does not wait for a thread of its parent.
#[derive(Debug, Default)]
struct RecoveryTurn(AtomicU64);

struct TurnGuard<'a>(&'a RecoveryTurn);

impl RecoveryTurn {
    fn acquire(&self) -> Option<TurnGuard<'_>> {
        use std::sync::atomic::Ordering::{Acquire, Relaxed};
        let own = u64::from(fork::generation()) + 1;
        let current = self.0.load(Relaxed);
        let free = current != own && self.0.compare_exchange(current, own, Acquire, Relaxed).is_ok();
        free.then_some(TurnGuard(self))
    }

    fn acquire_within(&self, timeout: Duration) -> Option<TurnGuard<'_>> {
        let deadline = Instant::now() + timeout;
        loop {
            let held = self.acquire();
            if held.is_some() || Instant::now() > deadline {
                return held;
            }
            std::thread::sleep(SAVE_INTERVAL);
        }
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, std::sync::atomic::Ordering::Release);
    }
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
    /// Logs that other processes do not see the records of this process, and starts to recover.
    #[cold]
    pub(super) fn degrade(&self, cause: impl FnOnce() -> String) {
        let recovery = &self.recovery;
        let own = u64::from(fork::generation()) + 1;
        let running = recovery.thread.load(Relaxed);
        let claimed =
            running != own && recovery.thread.compare_exchange(running, own, Relaxed, Relaxed).is_ok();
        if !claimed {
            return;
        }
        recovery.cause.store(Some(Arc::new(cause())));
        let Some(recorder) = self.own_handle() else { return };
        let spawned = fork::with_signals_blocked(|| {
            let run = move || {
                if let Some(recorder) = recorder.upgrade() {
                    recorder.log_cause();
                }
                let mut delay = MIN_RETRY_DELAY;
                loop {
                    std::thread::sleep(delay);
                    // Released while the thread sleeps: dropping the registry ends the thread.
                    let Some(recorder) = recorder.upgrade() else { return };
                    delay = match recorder.recover() {
                        Ok(Progress::Done) => {
                            if recorder.end_thread(own) {
                                return;
                            }
                            MIN_RETRY_DELAY
                        }
                        Ok(Progress::Verifying | Progress::Busy) => VERIFY_INTERVAL,
                        Err(_) => (delay * 2).min(MAX_RETRY_DELAY),
                    };
                }
            };
            std::thread::Builder::new().name(THREAD.to_owned()).spawn(run)
        });
        if spawned.is_err() {
            // No thread can be started: the next thread that creates a lane tries to recover.
            recovery.thread.store(0, Relaxed);
            self.log_cause();
            self.try_to_recover();
        }
    }

    /// Ends the work of the thread. Returns false if there is something to recover again.
    fn end_thread(&self, own: u64) -> bool {
        self.recovery.thread.store(0, Relaxed);
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        if !self.is_degraded() {
            return true;
        }
        self.recovery.thread.compare_exchange(0, own, Relaxed, Relaxed).is_err()
    }

    fn log_cause(&self) {
        let Some(cause) = self.recovery.cause.load_full() else { return };
        if self.recovery.cause_log.is_due(LOG_INTERVAL) {
            log::error!("{cause}");
        } else {
            log::debug!("{cause}");
        }
    }

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
    pub(super) fn check_file(&self) {
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

    /// Moves new lanes to another segment if the clock of this segment's stamps was reset. The
    /// records of the old segment stay where they are for as long as this process lives.
    #[cold]
    pub(super) fn leave_outlived(&self) {
        let is_outlived = || self.current().is_some_and(|main| main.has_outlived_clock());
        // If no other segment can be created, the old one stays in use.
        if is_outlived() && self.recover().is_err() {
            log::debug!("a segment whose clock went back is recorded in, for no other can be made");
        }
    }

    /// Checks the file at once, for a reader of this process.
    pub(crate) fn check_file_now(&self) {
        self.recovery.check_at.store(0, Relaxed);
        self.check_file();
    }

    /// Tries to recover on the calling thread, at a limited rate. Used if no thread could be
    /// started.
    pub(super) fn try_to_recover(&self) {
        let (now, recovery) = (clock::monotonic(), &self.recovery);
        let at = recovery.retry_at.load(Relaxed);
        if now >= at && recovery.retry_at.compare_exchange(at, now + RETRY_INTERVAL, Relaxed, Relaxed).is_ok()
        {
            let _ = self.recover();
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

    /// Writes the records that are in no file, at the end of a recorder or of the process, while
    /// threads may still record.
    pub(crate) fn save(&self) {
        let Some(place) = self.place().filter(|_| self.is_degraded()) else { return };
        // A short program may end before the recovery thread has begun.
        self.log_cause();
        let saved = match self.recovery.turn.acquire_within(SAVE_TIMEOUT) {
            Some(_turn) => self.save_in(place),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        if let Err(error) = saved {
            log::error!("observations cannot be written to {}: {error}", place.path().display());
        }
    }

    fn save_in(&self, place: &MetricsPath) -> io::Result<()> {
        let is_noticed = self.recovery.thread.load(Relaxed) == u64::from(fork::generation()) + 1;
        let directory = match place.open()? {
            Some(directory) => directory,
            None if is_noticed => place.create_or_open()?,
            // The directory was removed after the last series was created: do not create an unused
            // directory again.
            None => return Ok(()),
        };
        for segment in self.unshared_segment() {
            if segment.is_file_backed() && !is_removed(place, &segment) {
                continue;
            }
            // Keep the file open: this process, which continues for a moment, owns the copy.
            self.recovery.begin_to_leave(&segment);
            let leaving = self.recovery.leaving.load_full();
            let Some(leaving) = leaving.iter().find(|one| one.segment.id == segment.id) else { continue };
            let mut state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((copy, _)) = &mut state.copy
                && !copy.hold(&directory, segment.id)?
            {
                // Other processes have its content.
                continue;
            }
            match &state.copy {
                Some((copy, _)) if copy.is_in(&directory, segment.id) => _ = copy.refresh(&segment)?,
                _ => state.copy = Some((SegmentCopy::create(&directory, &segment)?, Instant::now())),
            }
        }
        Ok(())
    }
}

/// Whether the file of a segment has lost its name. Returns false if that cannot be determined.
fn is_removed(place: &MetricsPath, segment: &Segment) -> bool {
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
