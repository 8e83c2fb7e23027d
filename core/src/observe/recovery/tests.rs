//! Attempts to recover, one at a time: no recovery thread runs.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Weak, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{Recovery, VERIFY_TIMEOUT, is_moved};
use crate::{
    directory::{Directory, access::MetricsPath},
    format::layout::HealthCounter,
    observe::{
        Family, Recorder, Timer,
        process_segments::{ProcessSegments, Progress},
    },
    options::FamilyOptions,
    segment::writer::Segment,
    sync::Ordering::Relaxed,
};

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3600);

/// The segments of a process, in a directory.
struct Process {
    parent: tempfile::TempDir,
    recorder: Arc<Recorder>,
    recovery: Recovery,
}

impl Process {
    /// Creates no segment yet.
    fn new() -> Process {
        let parent = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(parent.path(), FamilyOptions::default().into()).unwrap();
        // A thread without work ends at once.
        recorder.segments.recovery_thread.set_work(|| Weak::<Recorder>::new());
        Process { parent, recorder: Arc::new(recorder), recovery: Recovery::default() }
    }

    fn in_memory() -> Process {
        let process = Process::new();
        process.record_in(Segment::anonymous().unwrap());
        process
    }

    fn in_a_file() -> Process {
        let process = Process::new();
        process.record_in(Segment::create(&process.directory()).unwrap());
        process
    }

    fn record_in(&self, segment: Segment) {
        self.segments().replace(self.segments().current().as_ref(), &Arc::new(segment));
    }

    /// Records a lane for which the segment in the file has no memory.
    fn record_in_the_fallback(&self) -> Arc<Segment> {
        self.segments().with_segment(|segment| (!segment.is_file_backed()).then_some(())).unwrap();
        self.segments().current_fallback().unwrap()
    }

    fn segments(&self) -> &ProcessSegments {
        &self.recorder.segments
    }

    fn main(&self) -> Arc<Segment> {
        self.segments().current().unwrap()
    }

    fn directory(&self) -> Directory {
        MetricsPath::new(self.parent.path()).create_or_open().unwrap()
    }

    fn file(&self, segment: &Segment) -> PathBuf {
        MetricsPath::new(self.parent.path()).segment_path(segment.id)
    }

    /// Makes an attempt that has memory for the gauges.
    fn attempt(&self) -> Progress {
        self.recovery.attempt(self.segments(), &|_, _| true).unwrap()
    }

    #[track_caller]
    fn expect_verifying(&self) {
        assert!(matches!(self.attempt(), Progress::Verifying));
    }

    #[track_caller]
    fn expect_done(&self) {
        assert!(matches!(self.attempt(), Progress::Done));
    }

    fn is_degraded(&self) -> bool {
        self.recovery.is_degraded(self.segments())
    }

    fn save(&self) {
        self.recovery.save(self.segments());
    }

    /// Calls `act` with the copy of a segment that is being left, if there is one.
    fn with_copy<T>(
        &self,
        segment: &Segment,
        act: impl FnOnce(&mut (super::SegmentCopy, Instant)) -> T,
    ) -> Option<T> {
        let entries = self.recovery.left_segments.entries();
        let entry = entries.iter().find(|entry| entry.segment.id == segment.id)?;
        entry.state.lock().unwrap().copy.as_mut().map(act)
    }

    /// Whether the copy of a segment in the directory has all that the segment has.
    fn is_copied(&self, segment: &Segment) -> bool {
        let is_equal = |(copy, _): &mut (super::SegmentCopy, Instant)| {
            copy.is_in(&self.directory(), segment.id) && !copy.refresh(segment).unwrap()
        };
        self.with_copy(segment, is_equal).unwrap_or(false)
    }
}

/// Stores something in a segment.
fn change(segment: &Segment) {
    segment.count_rejected(HealthCounter::Nan);
}

fn rejected(segment: &Segment, reason: HealthCounter) -> u64 {
    segment.header.losses[reason as usize].load(Relaxed)
}

fn ids(segments: &[Arc<Segment>]) -> Vec<u64> {
    segments.iter().map(|segment| segment.id).collect()
}

#[test]
fn process_without_a_directory_has_nothing_to_recover() {
    let (segments, recovery) = (ProcessSegments::new(None), Recovery::default());
    segments.replace(None, &Arc::new(Segment::anonymous().unwrap()));
    assert!(!recovery.is_degraded(&segments));
    assert!(matches!(recovery.attempt(&segments, &|_, _| false), Ok(Progress::Done)));
    recovery.save(&segments);
    assert_eq!(recovery.local_segments(&segments).len(), 1);
}

#[test]
fn process_that_has_not_recorded_is_not_degraded() {
    assert!(!Process::new().is_degraded());
}

#[test]
fn records_in_memory_move_to_a_file() {
    let process = Process::in_memory();
    let old = process.main();
    assert!(process.is_degraded());
    process.expect_verifying();
    let new = process.main();
    assert!(new.is_file_backed() && process.is_copied(&old) && process.is_degraded());
    assert_eq!(ids(&process.recovery.unshared_segments(process.segments())), [old.id, new.id]);
    assert_eq!(process.recovery.finished(), 0);
    process.expect_done();
    assert!(!process.is_degraded() && process.file(&old).exists());
    assert_eq!(ids(&process.recovery.unshared_segments(process.segments())), [new.id]);
    assert_eq!(ids(&process.recovery.local_segments(process.segments())), [old.id, new.id]);
    // The records were never in a file that was removed.
    assert_eq!(rejected(&new, HealthCounter::FileRemoved), 0);
    process.expect_done();
    assert_eq!((process.main().id, process.recovery.finished()), (new.id, 1));
}

#[test]
fn segment_in_its_file_stays() {
    let process = Process::in_a_file();
    let main = process.main();
    assert!(!process.is_degraded());
    process.expect_done();
    assert_eq!(process.main().id, main.id);
    assert_eq!(ids(&process.recovery.local_segments(process.segments())), [main.id]);
    assert_eq!(process.recovery.finished(), 0);
}

#[test]
fn records_of_a_removed_file_move_to_a_new_one() {
    let process = Process::in_a_file();
    let old = process.main();
    fs::remove_file(process.file(&old)).unwrap();
    assert!(process.is_degraded());
    process.expect_verifying();
    assert!(process.file(&old).exists() && process.is_copied(&old));
    assert_eq!(rejected(&process.main(), HealthCounter::FileRemoved), 1);
    process.expect_done();
    assert_ne!(process.main().id, old.id);
}

#[test]
fn records_in_the_fallback_move_once_the_file_can_grow() {
    let process = Process::in_a_file();
    let (main, fallback) = (process.main(), process.record_in_the_fallback());
    assert!(process.is_degraded());
    assert_eq!(ids(&process.recovery.unshared_segments(process.segments())), [main.id, fallback.id]);
    process.expect_verifying();
    assert!(process.segments().current_fallback().is_none() && process.is_degraded());
    assert!(process.is_copied(&fallback));
    process.expect_done();
    assert!(!process.is_degraded());
    assert_eq!(process.main().id, main.id);
}

#[test]
fn segment_whose_clock_was_reset_is_left_without_a_copy() {
    let process = Process::in_a_file();
    let old = process.main();
    old.outlive_clock();
    process.expect_done();
    let new = process.main();
    assert!(new.is_file_backed() && new.epoch > old.epoch);
    assert_eq!(rejected(&new, HealthCounter::FileRemoved), 0);
    assert_eq!(process.recovery.finished(), 1);
    assert!(old.is_left());
}

#[test]
fn unseen_segment_whose_clock_was_reset_is_copied() {
    for process in [Process::in_memory(), Process::in_a_file()] {
        let old = process.main();
        old.outlive_clock();
        if old.is_file_backed() {
            fs::remove_file(process.file(&old)).unwrap();
        }
        process.expect_verifying();
        assert!(process.is_copied(&old));
        process.expect_done();
    }
}

#[test]
fn gauges_without_memory_stop_an_attempt() {
    let process = Process::in_memory();
    let old = process.main();
    let attempt = process.recovery.attempt(process.segments(), &|from, to| {
        assert_eq!((from.id, to.id), (old.id, process.main().id));
        false
    });
    assert_eq!(attempt.err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    assert!(process.is_degraded() && !process.file(&old).exists());
    process.expect_verifying();
    process.expect_done();
}

#[test]
fn attempt_beside_another_one_does_nothing() {
    let process = Process::in_memory();
    let turn = process.recovery.turn.acquire();
    assert!(matches!(process.attempt(), Progress::Busy));
    assert!(!process.main().is_file_backed());
    drop(turn);
    process.expect_verifying();
}

#[test]
fn segments_of_the_parent_are_left_to_it() {
    let process = Process::in_a_file();
    let mut parents = Segment::anonymous().unwrap();
    // No process has this generation.
    parents.generation = 0;
    let parents = Arc::new(parents);
    process.recovery.left_segments.begin_to_leave(&parents);
    assert!(!process.is_degraded());
    process.expect_done();
    assert!(!parents.is_left() && process.recovery.refresh_copies(Duration::ZERO));
    assert_eq!((process.recovery.finished(), process.file(&parents).exists()), (0, false));
}

#[test]
fn change_after_a_copy_is_copied() {
    let process = Process::in_memory();
    let old = process.main();
    process.expect_verifying();
    change(&old);
    process.expect_verifying();
    assert!(process.is_copied(&old));
    process.expect_done();
}

#[test]
fn copy_that_was_removed_is_written_again() {
    let process = Process::in_memory();
    let old = process.main();
    process.expect_verifying();
    fs::remove_file(process.file(&old)).unwrap();
    process.expect_verifying();
    assert!(process.is_copied(&old));
    process.expect_done();
}

#[test]
fn copy_that_other_processes_took_over_is_not_written_again() {
    for is_ending in [false, true] {
        let process = Process::in_memory();
        let old = process.main();
        process.expect_verifying();
        process.with_copy(&old, |(copy, _)| copy.close_as_the_host()).unwrap();
        fs::remove_file(process.file(&old)).unwrap();
        fs::write(process.parent.path().join("ictus/totals"), "").unwrap();
        change(&old);
        if is_ending {
            process.save();
        } else {
            process.expect_done();
        }
        assert!(!process.file(&old).exists());
    }
}

/// Nothing shows that a thread has left an observation, until it uses another lane.
#[test]
fn thread_that_may_still_store_is_waited_for() {
    let process = Process::in_memory();
    let old = process.main();
    let family: Family<Timer> =
        Family::new(&process.recorder, "work_seconds", "", &["series"], &FamilyOptions::default()).unwrap();
    let (steps, results) = (mpsc::channel(), mpsc::channel());
    let since = |moment| process.with_copy(&old, |copy| copy.1 = moment).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (steps, results) = (steps.1, results.0);
            // Creates a lane of this thread.
            family.labels(&["a"]).unwrap().observe(1.0);
            results.send(()).unwrap();
            while steps.recv().is_ok() {
                family.labels(&["b"]).unwrap().observe(1.0);
                results.send(()).unwrap();
            }
        });
        let (steps, results) = (steps.0, results.1);
        results.recv().unwrap();
        process.expect_verifying();
        since(Instant::now() + HOUR);
        (0..3).for_each(|_| process.expect_verifying());
        steps.send(()).unwrap();
        results.recv().unwrap();
        process.expect_done();
    });
}

#[test]
fn thread_is_not_waited_for_longer_than_the_timeout() {
    let process = Process::in_memory();
    let old = process.main();
    let family: Family<Timer> =
        Family::new(&process.recorder, "work_seconds", "", &[], &FamilyOptions::default()).unwrap();
    family.labels(&[]).unwrap().observe(1.0);
    process.expect_verifying();
    process.with_copy(&old, |copy| copy.1 = Instant::now() + HOUR).unwrap();
    process.expect_verifying();
    let earlier = Instant::now().checked_sub(VERIFY_TIMEOUT * 2).unwrap();
    process.with_copy(&old, |copy| copy.1 = earlier).unwrap();
    process.expect_done();
}

#[test]
fn segment_is_moved_if_its_threads_have_left_and_nothing_changed() {
    assert!(is_moved(true, Ok(false)).unwrap());
    assert!(!is_moved(true, Ok(true)).unwrap());
    assert!(!is_moved(false, Ok(false)).unwrap());
    assert!(!is_moved(false, Ok(true)).unwrap());
    // The next attempt opens the file again.
    assert!(!is_moved(true, Err(io::Error::from_raw_os_error(libc::EBADF))).unwrap());
    is_moved(true, Err(io::Error::from_raw_os_error(libc::ENOSPC))).unwrap_err();
}

#[test]
fn completed_recovery_forgets_its_cause() {
    let process = Process::in_memory();
    // Recording in memory is a cause.
    process.segments().with_segment(|_| Some(())).unwrap();
    process.record_in(Segment::create(&process.directory()).unwrap());
    process.expect_done();
    assert!(!process.segments().recovery_thread.clear_cause());
}

#[test]
fn incomplete_recovery_keeps_its_cause() {
    let process = Process::in_memory();
    process.segments().with_segment(|_| Some(())).unwrap();
    process.expect_verifying();
    assert!(process.segments().recovery_thread.clear_cause());
}

#[test]
fn copies_are_not_refreshed_while_another_thread_recovers() {
    let recovery = Recovery::default();
    let turn = recovery.turn.acquire();
    assert!(!recovery.refresh_copies(Duration::from_millis(10)));
    drop(turn);
    assert!(recovery.refresh_copies(Duration::ZERO));
}

#[test]
fn refreshed_copy_has_the_changes_of_its_segment() {
    let process = Process::in_memory();
    let old = process.main();
    process.expect_verifying();
    change(&old);
    assert!(process.recovery.refresh_copies(Duration::ZERO));
    assert!(process.is_copied(&old));
}

#[test]
fn ending_process_writes_unseen_segments_only() {
    let process = Process::in_a_file();
    let (main, fallback) = (process.main(), process.record_in_the_fallback());
    process.save();
    assert!(process.is_copied(&fallback));
    assert!(process.with_copy(&main, |_| ()).is_none());
    // Nothing is left to be written.
    let process = Process::in_a_file();
    process.save();
    assert!(process.recovery.left_segments.entries().is_empty());
}

#[test]
fn ending_process_writes_the_segment_of_a_removed_file() {
    let process = Process::in_a_file();
    let main = process.main();
    fs::remove_file(process.file(&main)).unwrap();
    process.save();
    assert!(process.is_copied(&main));
}

#[test]
fn ending_process_writes_to_the_copy_of_a_recovery_that_has_begun() {
    let process = Process::in_memory();
    let old = process.main();
    process.expect_verifying();
    let identity = || process.directory().standing_segment(old.id).unwrap();
    let first = identity();
    change(&old);
    process.save();
    assert!(process.is_copied(&old));
    assert_eq!(identity(), first);
    fs::remove_file(process.file(&old)).unwrap();
    process.save();
    assert!(process.is_copied(&old));
}

#[test]
fn ending_process_creates_the_directory_if_its_recovery_has_begun() {
    for has_begun in [false, true] {
        let process = Process::in_memory();
        let old = process.main();
        if has_begun {
            process.segments().with_segment(|_| Some(())).unwrap();
        }
        fs::remove_dir_all(process.parent.path()).unwrap();
        process.save();
        assert_eq!(process.parent.path().exists(), has_begun);
        assert_eq!(process.file(&old).exists(), has_begun);
    }
}
