//! Retirement: folds the segment of an ended process into the totals file, then removes the
//! segment.
//!
//! All steps happen under the directory's lock. Retirement takes the segment's own lock, shared, and
//! writes new totals that contain the segment's id. It syncs them, reads them back, renames them,
//! syncs the directory, and unlinks the segment.
//!
//! If the process is killed at any step, each observation is still counted exactly once. Readers skip
//! segments that the totals name. If such a segment still exists, the next retirement only unlinks it.
//!
//! If the disk is too full for all segments, as many are folded as fit. They add little to the
//! totals where other segments have newer observations, and removing them frees disk space for the
//! rest.

use std::{ops::Range, sync::Arc};

use super::{
    cursor::{SegmentCursor, listed},
    overflowed::Overflowed,
    placement::Placement,
    segment_file::is_exhausted,
    segment_reader::{SegmentReader, SeriesInfo},
    totals::Totals,
    totals_file::TotalsFile,
};
use crate::{
    directory::{self, Directory, lock::CHANGE_TIMEOUT},
    failpoint,
    format::{descriptor::FamilyDescriptor, error::SegmentError},
    sys::{self, own_descriptor::OwnDescriptor},
};

/// Returns the series of a segment that the caller has open; none for any other segment.
pub(crate) type Listing<'a> = &'a mut dyn FnMut(u64) -> Option<Vec<Arc<SeriesInfo>>>;

/// Drops series from totals, and returns their number. The second argument returns whether a segment
/// counts in addition to these totals.
pub(crate) type DropSeries<'a> = &'a dyn Fn(&mut Totals, &dyn Fn(u64) -> bool) -> usize;

/// Folds every segment whose owner has ended. Returns the number of segments; 0 if another process
/// holds the directory's lock.
pub(crate) fn retire(directory: &Directory, listing: Listing<'_>) -> Result<usize, SegmentError> {
    let Some(_lock) = directory.try_lock()? else { return Ok(0) };
    add_to_totals(directory, listing, &|_, _| 0).map(|(folded, _)| folded)
}

/// Drops series of a family from the data of ended processes. Returns the number of series.
///
/// Waits for the directory's lock, for a bounded time. Folds the segments of ended processes first,
/// so that one replacement of the totals drops the series.
pub(crate) fn drop_series(
    directory: &Directory,
    family: &FamilyDescriptor,
    gone: &dyn Fn(&[String]) -> bool,
) -> Result<usize, SegmentError> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    fold_all(directory, &|totals, _| totals.remove_series(family, &|values, _| gone(values)))
}

/// Retires all segments of ended processes under the directory's lock. Returns the number of series
/// dropped.
fn fold_all(directory: &Directory, drop: DropSeries<'_>) -> Result<usize, SegmentError> {
    let mut all = 0;
    loop {
        let (folded, dropped) = add_to_totals(directory, &mut |_| None, drop)?;
        all += dropped;
        // One pass reads as many segments as it may open; the series may be in the others, too.
        if folded < sys::descriptor_share() {
            return Ok(all);
        }
    }
}

/// Records in the totals file which contributions are in the overflow series of a family, before
/// one of its series is removed. Returns all of them.
///
/// Waits for the directory's lock, for a bounded time. Folds the segments of ended processes first:
/// their parts of the series must get the places that they have before the removal. Otherwise, a
/// part that is shown there because of this process's part would move to the overflow series. Their
/// gauges have ended with them, and must take no place.
pub(crate) fn note_overflowed(
    directory: &Directory,
    family: &FamilyDescriptor,
) -> Result<Overflowed, SegmentError> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    // The caller's `drop_series` folds again, and returns the error.
    let _ = fold_all(directory, &|_, _| 0);
    let file = read_totals(directory)?;
    let mut ids = directory.segments()?;
    ids.retain(|id| !file.folded.contains(id));
    let is_recorded =
        file.totals.families.contains_key(&family.name) || file.totals.over.of(family).is_some();
    if ids.len() <= 1 && !is_recorded {
        // A single process has no more series than it allows.
        return Ok(Overflowed::default());
    }
    let segments = list(directory, &ids, &mut |_| None)?;
    let overflowed = Placement::overflowed(&file.totals, &segments, family);
    note(directory, file, &overflowed)?;
    Ok(overflowed)
}

/// Like [`note_overflowed`], for known contributions. Returns false if another process holds the
/// directory's lock.
pub(crate) fn try_note_overflowed(
    directory: &Directory,
    overflowed: &Overflowed,
) -> Result<bool, SegmentError> {
    let Some(_lock) = directory.try_lock()? else { return Ok(false) };
    note(directory, read_totals(directory)?, overflowed).map(|()| true)
}

fn note(directory: &Directory, mut file: TotalsFile, overflowed: &Overflowed) -> Result<(), SegmentError> {
    if !file.totals.over.add(overflowed) {
        return Ok(());
    }
    file.generation = file.generation.wrapping_add(1);
    file.replace_in(directory)
}

/// Like [`drop_series`], but does nothing if another process holds the lock: a scrape never waits.
pub(crate) fn try_forget(
    directory: &Directory,
    listing: Listing<'_>,
    drop: DropSeries<'_>,
) -> Result<usize, SegmentError> {
    let Some(_lock) = directory.try_lock()? else { return Ok(0) };
    add_to_totals(directory, listing, drop).map(|(_, dropped)| dropped)
}

/// Retires under the directory's lock. Returns the number of segments folded and of series dropped.
fn add_to_totals(
    directory: &Directory,
    listing: Listing<'_>,
    drop: DropSeries<'_>,
) -> Result<(usize, usize), SegmentError> {
    failpoint::hit("retire/locked");
    directory.remove_stale_temp_files()?;
    failpoint::hit("retire/cleared unfinished");
    let mut file = read_totals(directory)?;
    let named = file.folded.len();
    // Segments that were folded before, but not removed: the process was killed, or the removal
    // failed.
    file.folded.retain(|&id| directory.take_away(id, file.aside.contains(&id)).is_err());
    file.aside.retain(|id| file.folded.contains(id));
    failpoint::hit("retire/cleared named");
    let mut ids = directory.segments()?;
    ids.retain(|id| !file.folded.contains(id));
    file.totals.over.retain_segments(|id| ids.contains(&id));
    let mut rest = read_dead(directory, &ids);
    let is_same = rest.is_empty() && file.folded.len() == named;
    let placement = decide(directory, &file.totals, &rest, &ids, listing)?;
    let drop_from = |TotalsFile { totals, folded, .. }: &mut TotalsFile| {
        drop(totals, &|id| ids.contains(&id) && !folded.contains(&id))
    };
    let (mut folded, mut dropped) = (0, 0);
    let mut next = Some(file);
    loop {
        let (batch, gone) =
            match add_some_to_totals(directory, next.take(), &rest, &placement, &drop_from, is_same) {
                Ok(done) => done,
                // Removed files may occupy the disk until readers close them. The next retirement folds
                // the rest.
                Err(SegmentError::Io(error)) if folded > 0 && directory::is_full(&error) => break,
                Err(bad) => return Err(bad),
            };
        dropped += gone;
        for dead in rest.drain(batch) {
            if dead.is_unreadable() {
                log::warn!(
                    "{}: {} of its lanes cannot be read; all others are in the totals, and the file is set aside \
                     as {id:016x}.unreadable: `ictus check --repair` removes it",
                    directory.metrics_path().segment_path(dead.id).display(),
                    dead.totals.unread_lanes,
                    id = dead.id,
                );
            }
            if let Err(error) = directory.take_away(dead.id, dead.is_unreadable()) {
                let path = directory.metrics_path().segment_path(dead.id);
                log::warn!("{} is in the totals and cannot be removed: {error}", path.display());
            }
            failpoint::hit("retire/unlinked one");
            folded += 1;
        }
        if rest.is_empty() {
            break;
        }
    }
    failpoint::hit("retire/unlinked all");
    Ok((folded, dropped))
}

/// Writes totals with as many of the segments as the disk can hold. Returns their range and the
/// number of series dropped.
fn add_some_to_totals(
    directory: &Directory,
    read: Option<TotalsFile>,
    rest: &[DeadSegment],
    placement: &Placement,
    drop: &dyn Fn(&mut TotalsFile) -> usize,
    is_same: bool,
) -> Result<(Range<usize>, usize), SegmentError> {
    let mut read = read;
    let mut full = None;
    for batch in batches(rest.len()) {
        let mut file = match read.take() {
            Some(file) => file,
            None => read_totals(directory)?,
        };
        let superseded = match batch.len() == rest.len() {
            true => None,
            false => Some(merged(&file.totals, rest, placement)),
        };
        file.totals = {
            let dead = &rest[batch.clone()];
            file.folded.extend(dead.iter().map(|dead| dead.id));
            file.aside.extend(dead.iter().filter(|dead| dead.is_unreadable()).map(|dead| dead.id));
            add(std::mem::take(&mut file.totals), dead, placement)
        };
        if let Some(all) = superseded {
            file.totals.cut_superseded(&all);
        }
        let dropped = drop(&mut file);
        if is_same && dropped == 0 {
            return Ok((batch, 0));
        }
        file.generation = file.generation.wrapping_add(1);
        failpoint::hit("retire/read");
        match file.replace_in(directory) {
            Ok(()) => return Ok((batch, dropped)),
            Err(SegmentError::Io(error)) if directory::is_full(&error) => full = Some(error),
            Err(bad) => return Err(bad),
        }
    }
    Err(full.map_or(SegmentError::Corrupt("no totals"), SegmentError::Io))
}

/// Returns the ranges of segments to try, in order: all, then repeatedly half as many of the
/// oldest, then each other segment alone.
fn batches(segments: usize) -> Vec<Range<usize>> {
    let halves = std::iter::successors(Some(segments), |&length| (length > 1).then_some(length / 2));
    halves.map(|length| 0..length).chain((1..segments).map(|at| at..at + 1)).collect()
}

fn read_totals(directory: &Directory) -> Result<TotalsFile, SegmentError> {
    match directory.open_totals()? {
        Some(mut opened) => TotalsFile::read(&mut opened),
        None => Ok(TotalsFile::default()),
    }
}

fn merged(totals: &Totals, dead: &[DeadSegment], placement: &Placement) -> Totals {
    add(totals.clone(), dead, placement)
}

fn add(mut totals: Totals, dead: &[DeadSegment], placement: &Placement) -> Totals {
    for dead in dead {
        totals.merge(&dead.totals, |family, labels| placement.place(dead.id, family, labels));
    }
    placement.widen(&mut totals);
    totals.prepare_for_storage();
    totals
}

fn decide(
    directory: &Directory,
    totals: &Totals,
    dead: &[DeadSegment],
    ids: &[u64],
    listing: Listing<'_>,
) -> Result<Placement, SegmentError> {
    if dead.is_empty() {
        return Ok(Placement::default());
    }
    let is_dead = |id: u64| dead.iter().any(|dead| dead.id == id);
    let living: Vec<u64> = ids.iter().copied().filter(|&id| !is_dead(id)).collect();
    let others = list(directory, &living, listing)?;
    let dead: Vec<(u64, &Totals)> = dead.iter().map(|dead| (dead.id, &dead.totals)).collect();
    Ok(Placement::decide(totals, &dead, &others))
}

/// The series of a segment, by its id.
type SegmentSeries = (u64, Vec<Arc<SeriesInfo>>);

/// Returns the series of the segments that can be read. Fails if there are no descriptors to read one
/// now: a placement that ignores its series would be wrong.
fn list(
    directory: &Directory,
    ids: &[u64],
    listing: Listing<'_>,
) -> Result<Vec<SegmentSeries>, SegmentError> {
    let mut all = Vec::new();
    for &id in ids {
        let listed = listing(id).map_or_else(|| list_segment(directory, id), |series| Ok(Some(series)))?;
        all.extend(listed.map(|series| (id, series)));
    }
    Ok(all)
}

/// Returns the series of a segment; none if it was removed, or is one that readers leave out.
fn list_segment(directory: &Directory, id: u64) -> Result<Option<Vec<Arc<SeriesInfo>>>, SegmentError> {
    let read = || listed::series(&mut SegmentReader::open(directory.open_segment(id)?, id)?);
    match read() {
        Ok(series) => Ok(Some(series)),
        Err(SegmentError::Io(error)) if is_exhausted(&error) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Reads the segments whose owners have ended, and returns them oldest first. Each stays locked
/// until it is dropped.
fn read_dead(directory: &Directory, ids: &[u64]) -> Vec<DeadSegment> {
    let mut dead = Vec::new();
    let max_at_once = sys::descriptor_share();
    for &id in ids {
        // Each segment occupies a descriptor until the totals are written. The next retirement
        // folds the rest.
        if dead.len() >= max_at_once {
            break;
        }
        let Ok(Some(lock)) = directory.lock_segment(id) else { continue };
        match read(directory, id, lock) {
            Ok(segment) => dead.push(segment),
            // The segment stays as it is. Readers of the directory log the error.
            Err(bad) => {
                log::debug!("{} is not retired: {bad}", directory.metrics_path().segment_path(id).display())
            }
        }
    }
    // The order in which readers merge segments.
    dead.sort_by_key(|dead| (dead.created, dead.id));
    dead
}

/// A segment of an ended process that was read. Its lock is held until this is dropped.
struct DeadSegment {
    id: u64,
    created: u64,
    totals: Totals,
    _lock: OwnDescriptor,
}

impl DeadSegment {
    /// Returns whether some of its lanes could not be read. Such a segment is set aside, not
    /// removed.
    fn is_unreadable(&self) -> bool {
        self.totals.unread_lanes > 0
    }
}

fn read(directory: &Directory, id: u64, lock: OwnDescriptor) -> Result<DeadSegment, SegmentError> {
    let mut reader = SegmentReader::open(directory.open_segment(id)?, id)?;
    let totals = SegmentCursor::default().read(&mut reader, false)?;
    Ok(DeadSegment { id, created: reader.header.created, totals, _lock: lock })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        mem::offset_of,
        os::unix::process::ExitStatusExt,
        path::Path,
        process::Command,
        time::{Duration, SystemTime},
    };

    use rustix::fs::{FlockOperation, flock};

    use super::{Directory, SegmentError, TotalsFile};
    use crate::{
        Reader, Registry, Snapshot,
        directory::access::MetricsPath,
        failpoint::{self, ALL, VARIABLE},
        format::layout::{BLOCK_LANES, Header, LINE_WORDS},
        snapshot::Value,
    };

    const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";

    fn retire(directory: &Directory) -> Result<usize, SegmentError> {
        super::retire(directory, &mut |_| None)
    }

    fn opened(metrics_directory: &Path) -> Directory {
        MetricsPath::new(metrics_directory).open().unwrap().unwrap()
    }

    /// Records as a process that then ends. Its gauge ends with it.
    fn live_and_die(directory: &Path, values: std::ops::Range<u32>) {
        let registry = Registry::open(directory).unwrap();
        let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
        values.for_each(|value| timer.observe(f64::from(value)));
        registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
    }

    /// Retires until `expected` segments are retired. Child processes of other tests have a copy of
    /// each lock until they run their program.
    fn retire_all(directory: &Directory, expected: usize) {
        let mut retired = 0;
        for _ in 0..1000 {
            retired += retire(directory).unwrap();
            if retired >= expected {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(retired, expected);
    }

    /// Returns the values of a reader that does not retire, except values that depend on the order of
    /// folding.
    fn seen(directory: &Path) -> (u64, f64, Vec<f64>, f64) {
        let Snapshot { families, .. } = Reader::new(directory).without_retiring().snapshot().unwrap();
        let value = |name| families.iter().find(|family| family.name == name).unwrap().get(&[]).unwrap();
        let (Value::Timer(timing), Value::Counter(jobs)) = (value("work_seconds"), value("jobs")) else {
            panic!("other kinds")
        };
        let window = timing.window.observations().iter().map(|observation| observation.value).collect();
        (timing.count, timing.sum, window, *jobs)
    }

    #[test]
    fn retirement_changes_no_value() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        (0..3).for_each(|process| live_and_die(path, process * 700..(process + 1) * 700));
        let directory = opened(path);
        let shown = seen(path);
        assert_eq!((shown.0, shown.2.len(), shown.3), (2100, 1000, 3.0));
        assert_eq!(shown.2, (1100..2100).map(f64::from).collect::<Vec<_>>());
        retire_all(&directory, 3);
        assert_eq!(directory.segments().unwrap(), []);
        assert_eq!(seen(path), shown);
        live_and_die(path, 2100..2101);
        retire_all(&directory, 1);
        assert_eq!(retire(&directory).unwrap(), 0);
        let after = seen(path);
        assert_eq!((after.0, after.1), (2101, shown.1 + 2100.0));
        assert_eq!(after.2, (1101..2101).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn live_and_locked_segments_are_not_retired() {
        let parent = tempfile::tempdir().unwrap();
        let registry = Registry::open(parent.path()).unwrap();
        registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        let directory = opened(parent.path());
        assert_eq!(retire(&directory).unwrap(), 0);
        assert_eq!(directory.segments().unwrap().len(), 1);
        drop(registry);
        let other = directory.try_lock().unwrap().unwrap();
        assert_eq!(retire(&directory).unwrap(), 0);
        drop(other);
        retire_all(&directory, 1);
    }

    /// The readable lanes are in the totals. The file is kept under another name, so that no scrape
    /// reads it again.
    #[test]
    fn a_dead_segment_with_an_unreadable_lane_is_set_aside() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        live_and_die(path, 0..10);
        let directory = opened(path);
        let file = directory.metrics_path().segment_path(directory.segments().unwrap()[0]);
        let sound = std::fs::read(&file).unwrap();
        let mut broken = vec![0_u64; sound.len() / 8];
        bytemuck::cast_slice_mut::<u64, u8>(&mut broken).copy_from_slice(&sound);
        let mut block = broken[offset_of!(Header, root) / 8] as usize;
        while block != 0 {
            let heads = (block + 1..=block + BLOCK_LANES).map(|lane| lane * LINE_WORDS);
            // The timer's lane: its head claims more observations than there are.
            heads.for_each(|head| broken[head] = if broken[head] == 10 { 10_000 } else { broken[head] });
            block = broken[block * LINE_WORDS] as usize;
        }
        std::fs::write(&file, bytemuck::cast_slice::<u64, u8>(&broken)).unwrap();
        let unread = |snapshot: Snapshot| snapshot.health.unread_lanes;
        assert_eq!(unread(Reader::new(path).without_retiring().snapshot().unwrap()), 1);
        retire_all(&directory, 1);
        let aside = file.with_extension("unreadable");
        assert!(!file.exists() && aside.exists());
        let snapshot = Reader::new(path).snapshot().unwrap();
        assert_eq!(snapshot.family("jobs").unwrap().get(&[]), Some(&Value::Counter(1.0)));
        assert_eq!((snapshot.health.unreadable_segments, snapshot.health.dead_segments), (1, 0));
        assert_eq!(unread(snapshot), 0, "no scrape reads it again");
        // A repair removes only this file.
        assert_eq!(crate::repair(path).unwrap(), 1);
        assert!(!aside.exists());
        let snapshot = Reader::new(path).snapshot().unwrap();
        assert_eq!(snapshot.family("jobs").unwrap().get(&[]), Some(&Value::Counter(1.0)));
        assert_eq!(snapshot.health.unreadable_segments, 0);
    }

    /// If the process is killed after it wrote the totals and before it renames the segment, the
    /// next retirement sets the segment aside.
    #[test]
    fn a_segment_to_be_set_aside_is_not_removed_by_the_next_retirement() {
        let parent = tempfile::tempdir().unwrap();
        live_and_die(parent.path(), 0..10);
        let directory = opened(parent.path());
        let id = directory.segments().unwrap()[0];
        let file = TotalsFile { folded: vec![id], aside: vec![id], ..TotalsFile::default() };
        file.replace_in(&directory).unwrap();
        retire(&directory).unwrap();
        assert_eq!((directory.segments().unwrap(), directory.set_aside().unwrap()), (vec![], vec![id]));
    }

    #[test]
    fn reader_retires_ended_segments() {
        let parent = tempfile::tempdir().unwrap();
        live_and_die(parent.path(), 0..10);
        let mut reader = Reader::new(parent.path());
        let mut first = reader.snapshot().unwrap();
        for _ in 0..1000 {
            if opened(parent.path()).segments().unwrap().is_empty() {
                break;
            }
            first = reader.snapshot().unwrap();
        }
        assert_eq!(opened(parent.path()).segments().unwrap(), []);
        let second = reader.snapshot().unwrap();
        assert_eq!(first.families.len(), 2, "the dead process's gauge is gone");
        assert_eq!(second.families.len(), 2);
    }

    #[test]
    fn stale_temporary_files_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        let path = directory.metrics_path().path();
        let [fresh, old, locked, other] = [1, 2, 3, 4].map(|id| path.join(format!(".new-{id:016x}")));
        let other = other.with_file_name(".new-ff");
        for path in [&fresh, &old, &locked, &other] {
            let file = std::fs::File::create(path).unwrap();
            if *path != fresh {
                file.set_modified(SystemTime::now() - Duration::from_secs(61)).unwrap();
            }
        }
        let maker = std::fs::File::open(&locked).unwrap();
        flock(&maker, FlockOperation::NonBlockingLockExclusive).unwrap();
        retire(&directory).unwrap();
        assert_eq!([&fresh, &old, &locked, &other].map(|path| path.exists()), [true, false, true, true]);
        // The process that creates this segment was only slow: publishing it fails.
        directory.publish_segment(2).unwrap_err();
    }

    /// Runs only as a separate process, which the test below starts and a failpoint kills.
    #[test]
    fn child() {
        if let Some(directory) = std::env::var_os(DIRECTORY) {
            retire(&opened(Path::new(&directory))).unwrap();
        }
    }

    #[test]
    fn kill_during_a_retirement_loses_and_doubles_nothing() {
        for point in ALL {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path();
            // An earlier retirement could not remove one of its segments.
            live_and_die(path, 0..700);
            let directory = opened(path);
            let named = directory.segments().unwrap()[0];
            let kept = std::fs::read(directory.metrics_path().segment_path(named)).unwrap();
            retire_all(&directory, 1);
            std::fs::write(directory.metrics_path().segment_path(named), kept).unwrap();
            live_and_die(path, 700..1400);
            live_and_die(path, 1400..2100);
            let shown = seen(path);
            assert_eq!(shown.0, 2100, "{point}");

            let killed = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "reader::retire::tests::child", "--test-threads=1"])
                .env(DIRECTORY, path)
                .env(VARIABLE, point)
                .output()
                .unwrap();
            assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
            assert_eq!(seen(path), shown, "{point}: after the kill");
            retire(&directory).unwrap();
            assert_eq!(seen(path), shown, "{point}: after the next retirement");
            for _ in 0..1000 {
                retire(&directory).unwrap();
                if directory.segments().unwrap().is_empty() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            assert_eq!(directory.segments().unwrap(), [], "{point}");
            assert_eq!(seen(path), shown, "{point}: after the last retirement");
        }
        let listed: BTreeSet<_> = ALL.iter().copied().collect();
        assert_eq!(failpoint::tests::passed(), listed, "every listed failpoint is passed, and no other");
    }
}
