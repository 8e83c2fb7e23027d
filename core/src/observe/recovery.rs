//! Recovery: out of memory that other processes do not see, back into a file, once that is possible.
//!
//! A process that can make no segment, or none that grows, records in anonymous memory. A segment whose
//! file was removed is the same: nobody else finds it. A thread, `ictus-recover`, lives for as long as
//! that lasts. It tries again and again, and once it can:
//!
//! 1. makes a segment in the directory, in which lanes are made from then on;
//! 2. moves gauges there, each in one step;
//! 3. takes all other lanes of the old segment from their threads, which make new ones;
//! 4. writes the old segment's bytes as a second file, under the old segment's id, and goes on copying
//!    what changes there until no thread can still be inside of an observation that began before;
//! 5. lets go of that file, which is retired like that of an ended process.
//!
//! Each step leaves all that was recorded visible exactly once, so that the next may fail.

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
    segment::{copy::SegmentCopy, writer::Segment},
    sys::fork::{self, OncePerProcess},
};

const THREAD: &str = "ictus-recover";
/// How long after a failure the next try is made; doubled each time.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(10);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often a copy is compared with its segment.
const VERIFY_INTERVAL: Duration = Duration::from_millis(50);
/// For how long a thread may be stopped inside of an observation whose lane was taken. A thread that uses
/// any lane after that has left the observation, and is not waited for.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often threads that look for a lane check that the file still has its name, in nanoseconds.
const CHECK_INTERVAL: u64 = 1_000_000;
/// How often the calling thread tries to recover where the system gave no thread, in nanoseconds.
const RETRY_INTERVAL: u64 = 1_000_000_000;
/// How long the last attempt to write waits for the thread that recovers.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it looks whether that thread is done.
const SAVE_INTERVAL: Duration = Duration::from_millis(2);
/// How often the same cause is logged, in nanoseconds.
const LOG_INTERVAL: u64 = 60_000_000_000;

/// What a recorder knows of segments that it leaves.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Segments that are being left.
    leaving: ArcSwap<Vec<Arc<Leaving>>>,
    /// Segments whose content others have. They are part of what this process recorded.
    left: ArcSwap<Vec<Arc<Segment>>>,
    turn: RecoveryTurn,
    /// The process whose thread runs: its generation, plus one.
    thread: AtomicU64,
    check_at: AtomicU64,
    retry_at: AtomicU64,
    log_at: AtomicU64,
    logged: OncePerProcess,
    /// Why, to be logged by the thread.
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

/// What came of one try.
enum Progress {
    /// Everything is in the directory.
    Done,
    /// Copies are being compared.
    Verifying,
    /// Another thread is at it.
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
    /// Segments whose content no file has, as far as is known.
    pub(super) fn leaving(&self) -> Vec<Arc<Segment>> {
        self.leaving.load().iter().map(|leaving| Arc::clone(&leaving.segment)).collect()
    }

    /// Segments whose content others have.
    pub(super) fn left(&self) -> Vec<Arc<Segment>> {
        Vec::clone(&self.left.load())
    }

    fn begin_to_leave(&self, segment: &Arc<Segment>) {
        self.leaving.rcu(|leaving| {
            let mut leaving = Vec::clone(leaving);
            leaving.retain(|one| one.segment.is_own());
            if !leaving.iter().any(|one| one.segment.id == segment.id) {
                leaving.push(Arc::new(Leaving { segment: Arc::clone(segment), state: Mutex::default() }));
            }
            leaving
        });
    }

    fn finish(&self, done: &Arc<Leaving>) {
        self.left.rcu(|left| {
            let mut left = Vec::clone(left);
            left.retain(|one| one.is_own() && one.id != done.segment.id);
            left.push(Arc::clone(&done.segment));
            left
        });
        self.leaving
            .rcu(|leaving| leaving.iter().filter(|one| !Arc::ptr_eq(one, done)).cloned().collect::<Vec<_>>());
    }
}

impl Recorder {
    /// Says that this process records where others do not see it, and begins to recover.
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
                    // Not held while it sleeps: a registry that is dropped ends this.
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
            // No thread is to be had: the next that makes a lane tries.
            recovery.thread.store(0, Relaxed);
            self.log_cause();
            self.try_to_recover();
        }
    }

    /// Ends the thread's part; false where there is something to recover again.
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
        let (now, recovery) = (clock::monotonic(), &self.recovery);
        let is_first = recovery.logged.is_first();
        if is_first || now >= recovery.log_at.load(Relaxed) {
            recovery.log_at.store(now + LOG_INTERVAL, Relaxed);
            log::error!("{cause}");
        } else {
            log::debug!("{cause}");
        }
    }

    /// Whether anything is recorded, or was, where other processes do not see it.
    pub(crate) fn is_degraded(&self) -> bool {
        let Some(place) = self.place() else { return false };
        let main = self.current();
        let unseen = main.is_some_and(|main| !main.in_file() || is_removed(place, &main));
        unseen || self.current_fallback().is_some() || !self.recovery.leaving().is_empty()
    }

    /// Notices that the file of this process's segment was removed. Costs a system call a millisecond, at most,
    /// of threads that make lanes, and one in a second or two of those that have them.
    pub(super) fn check_file(&self) {
        let Some(place) = self.place() else { return };
        let (now, recovery) = (clock::monotonic(), &self.recovery);
        let at = recovery.check_at.load(Relaxed);
        if now < at || recovery.check_at.compare_exchange(at, now + CHECK_INTERVAL, Relaxed, Relaxed).is_err()
        {
            return;
        }
        if let Some(main) = self.current()
            && main.in_file()
            && is_removed(place, &main)
        {
            self.degrade(|| removed(place));
        }
    }

    /// Has lanes made in another segment where the clock of this one's stamps is gone. What was recorded in it
    /// stays where it is, for as long as this process lives.
    #[cold]
    pub(super) fn leave_outlived(&self) {
        let is_outlived = || self.current().is_some_and(|main| main.has_outlived_clock());
        // Where no other can be made, this one goes on.
        if is_outlived() && self.recover().is_err() {
            log::debug!("a segment whose clock went back is recorded in, for no other can be made");
        }
    }

    /// The same at once, for a reader of this process.
    pub(crate) fn check_file_now(&self) {
        self.recovery.check_at.store(0, Relaxed);
        self.check_file();
    }

    /// Tries on the calling thread, where the system gave none, and not too often.
    pub(super) fn try_to_recover(&self) {
        let (now, recovery) = (clock::monotonic(), &self.recovery);
        let at = recovery.retry_at.load(Relaxed);
        if now >= at && recovery.retry_at.compare_exchange(at, now + RETRY_INTERVAL, Relaxed, Relaxed).is_ok()
        {
            let _ = self.recover();
        }
    }

    /// One try.
    fn recover(&self) -> io::Result<Progress> {
        let Some(place) = self.place() else { return Ok(Progress::Done) };
        let Some(_turn) = self.recovery.turn.acquire() else { return Ok(Progress::Busy) };
        let directory = place.make()?;
        let main = self.leave_what_is_not_seen(place, &directory)?;
        let mut progress = Progress::Done;
        for leaving in &**self.recovery.leaving.load() {
            if !leaving.segment.is_own() {
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
                "{} is recorded in again; what was recorded meanwhile is there, too",
                place.path().display()
            );
        }
        Ok(progress)
    }

    /// Makes a segment in the directory where there is none that other processes see and that grows;
    /// returns it.
    fn leave_what_is_not_seen(&self, place: &MetricsPath, directory: &Directory) -> io::Result<Arc<Segment>> {
        let main = match self.current() {
            Some(main) if main.in_file() && !is_removed(place, &main) && !main.has_outlived_clock() => main,
            current => {
                let outlived = current.as_ref().filter(|current| current.has_outlived_clock());
                let new = Segment::create_after(directory, outlived.map(|outlived| outlived.epoch))?;
                let new = Arc::new(new);
                if let Some(current) = &current {
                    self.recovery.begin_to_leave(current);
                    if current.in_file() && is_removed(place, current) {
                        new.lose(HealthCounter::FileRemoved);
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

    /// Moves what a segment holds; true once that is done.
    fn move_out(&self, leaving: &Leaving, main: &Arc<Segment>, directory: &Directory) -> io::Result<bool> {
        let segment = &leaving.segment;
        let mut state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
        segment.leave();
        if !self.move_gauges(segment, main) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if state.lanes.is_none() {
            let lanes = thread_lanes::park(segment.ordinal);
            // The first series that are used again must not take all room for their windows.
            main.reserve(lanes.lines());
            state.lanes = Some(lanes);
        }
        let LeavingState { lanes, copy } = &mut *state;
        if segment.has_outlived_clock() && segment.in_file() && !is_removed(directory.place(), segment) {
            // Others see all that it holds, and what threads still store there.
            return Ok(true);
        }
        if copy.as_ref().is_some_and(|(copy, _)| !copy.is_in(directory, segment.id)) {
            // Removed once more.
            *copy = None;
        }
        let Some((copy, since)) = copy else {
            *copy = Some((SegmentCopy::create(directory, segment)?, Instant::now()));
            return Ok(false);
        };
        // Before the comparison: what a thread stored before it left is seen.
        let all_left = lanes.as_ref().is_none_or(Parked::is_left) || since.elapsed() > VERIFY_TIMEOUT;
        match copy.refresh(segment) {
            Ok(has_changed) => Ok(all_left && !has_changed),
            // Where others have the file by now, they have what it holds.
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => {
                Ok(!copy.reopen(directory, segment.id))
            }
            Err(error) => Err(error),
        }
    }

    /// Has copies say what their segments do: for what is removed from both.
    pub(super) fn refresh_copies(&self) {
        let Some(_turn) = self.recovery.turn.acquire() else { return };
        for leaving in &**self.recovery.leaving.load() {
            let state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
            if leaving.segment.is_own()
                && let Some((copy, _)) = &state.copy
                && let Err(error) = copy.refresh(&leaving.segment)
            {
                log::debug!("a segment's copy is as it was: {error}");
            }
        }
    }

    /// Writes what no file has: at the end of a recorder, or of the process, where threads may still record.
    pub(crate) fn save(&self) {
        let Some(place) = self.place().filter(|_| self.is_degraded()) else { return };
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
            None if is_noticed => place.make()?,
            // Removed after the last series was begun: a directory that nobody uses any more is not made again.
            None => return Ok(()),
        };
        for segment in self.memory() {
            if segment.in_file() && !is_removed(place, &segment) {
                continue;
            }
            // Kept open: this process, which goes on for a moment, owns the copy.
            self.recovery.begin_to_leave(&segment);
            let leaving = self.recovery.leaving.load_full();
            let Some(leaving) = leaving.iter().find(|one| one.segment.id == segment.id) else { continue };
            let mut state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
            match &state.copy {
                Some((copy, _)) if copy.is_in(&directory, segment.id) => _ = copy.refresh(&segment)?,
                _ => state.copy = Some((SegmentCopy::create(&directory, &segment)?, Instant::now())),
            }
        }
        Ok(())
    }
}

/// Whether the file of a segment has lost its name; false where that cannot be found out.
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
