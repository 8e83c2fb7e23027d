//! Retirement: a dead owner's segment is folded into the totals file, then removed.
//!
//! Under the directory's lock: take the dead segment's own lock; write the new totals, with the
//! segment's id in them; sync, rename, sync the directory; unlink. Killed anywhere in between,
//! each observation is counted exactly once: a reader skips segments that the totals name, and a
//! named segment that is still there is only unlinked.

use super::{
    descriptor::FamilyRecord,
    directory::Directory,
    lock::CHANGE_TIMEOUT,
    own_descriptor::OwnDescriptor,
    reader::{Bad, SegmentReader},
    reading::Lanes,
    totals::Totals,
    totals_file::TotalsFile,
};
use crate::failpoint;

/// Folds every segment whose owner is dead. Gives how many; 0 where another process is at it.
pub(crate) fn retire(directory: &Directory) -> Result<usize, Bad> {
    let Some(_lock) = directory.try_lock()? else { return Ok(0) };
    fold(directory, |_| 0).map(|(folded, _)| folded)
}

/// Drops series of a family from what dead processes left; waits for the directory's lock, within
/// bounds. Their segments are folded first: what is only in the totals is forgotten with one replacement
/// of them. Gives how many series.
pub(crate) fn forget(
    directory: &Directory,
    family: &FamilyRecord,
    gone: &dyn Fn(&[String]) -> bool,
) -> Result<usize, Bad> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    fold(directory, |totals| totals.forget(family, gone)).map(|(_, dropped)| dropped)
}

/// As [`forget`], but does nothing where another process holds the lock: for a scrape, which never waits.
pub(crate) fn try_forget(
    directory: &Directory,
    family: &FamilyRecord,
    gone: &dyn Fn(&[String]) -> bool,
) -> Result<usize, Bad> {
    let Some(_lock) = directory.try_lock()? else { return Ok(0) };
    fold(directory, |totals| totals.forget(family, gone)).map(|(_, dropped)| dropped)
}

/// Under the directory's lock. Gives how many segments are folded, and what `drop` says.
fn fold(directory: &Directory, drop: impl FnOnce(&mut Totals) -> usize) -> Result<(usize, usize), Bad> {
    failpoint::hit("retire/locked");
    directory.remove_unfinished()?;
    failpoint::hit("retire/cleared unfinished");
    let mut file = match directory.open_totals()? {
        Some(mut opened) => TotalsFile::read(&mut opened)?,
        None => TotalsFile::default(),
    };
    let named = file.folded.len();
    // Folded before, but not removed: its process was killed here, or the removal failed.
    file.folded.retain(|&id| directory.remove_segment(id).is_err());
    failpoint::hit("retire/cleared named");
    let dead = fold_dead(directory, &mut file)?;
    let dropped = drop(&mut file.totals);
    if dead.is_empty() && dropped == 0 && file.folded.len() == named {
        return Ok((0, 0));
    }
    file.totals.settle();
    file.generation = file.generation.wrapping_add(1);
    failpoint::hit("retire/read");
    directory.replace("totals", &file.encode())?;
    for (id, _) in &dead {
        if let Err(error) = directory.remove_segment(*id) {
            let path = directory.place().segment_path(*id);
            log::warn!("{} is folded and cannot be removed: {error}", path.display());
        }
        failpoint::hit("retire/unlinked one");
    }
    failpoint::hit("retire/unlinked all");
    Ok((dead.len(), dropped))
}

/// Adds the dead segments to the totals and names them there. Their locks are held until the
/// files are dropped.
fn fold_dead(directory: &Directory, file: &mut TotalsFile) -> Result<Vec<(u64, Dead)>, Bad> {
    let mut ids = directory.segments()?;
    ids.sort_unstable();
    ids.retain(|id| !file.folded.contains(id));
    let mut dead = Vec::new();
    for id in ids {
        let Ok(Some(lock)) = directory.lock_segment(id) else { continue };
        match read(directory, id, lock) {
            Ok(segment) => dead.push((id, segment)),
            // Stays as it is: whoever reads the directory names it in the log.
            Err(bad) => log::debug!("{} is not retired: {bad}", directory.place().segment_path(id).display()),
        }
    }
    // In the order in which readers merge them.
    dead.sort_by_key(|(_, segment)| segment.created);
    for (id, segment) in &dead {
        file.totals.merge(&segment.totals);
        file.folded.push(*id);
    }
    Ok(dead)
}

/// A dead segment that was read; its lock is held until this is dropped.
struct Dead {
    created: u64,
    totals: Totals,
    _lock: OwnDescriptor,
}

fn read(directory: &Directory, id: u64, lock: OwnDescriptor) -> Result<Dead, Bad> {
    let mut reader = SegmentReader::open(directory.open_segment(id)?, id)?;
    let totals = Lanes::default().read(&mut reader, false)?;
    if totals.unread_lanes > 0 {
        return Err(Bad::Overrun);
    }
    Ok(Dead { created: reader.created, totals, _lock: lock })
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

    use super::{Directory, retire};
    use crate::{
        Reader, Registry, Snapshot,
        failpoint::{self, ALL, VARIABLE},
        segment::{
            layout::{BLOCK_LANES, Header, LINE_WORDS},
            place::Place,
        },
        snapshot::Value,
    };

    const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";

    fn opened(metrics_directory: &Path) -> Directory {
        Place::of(metrics_directory).open().unwrap().unwrap()
    }

    /// What one process observes before it dies; the gauge dies with it.
    fn live_and_die(directory: &Path, values: std::ops::Range<u32>) {
        let registry = Registry::open(directory).unwrap();
        let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
        values.for_each(|value| timer.observe(f64::from(value)));
        registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        registry.gauge("active", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
    }

    /// Retires until as many segments are gone. Other tests start processes, and until those run
    /// their own program they have a copy of each lock of this one.
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

    /// What a reader that retires nothing sees, without what depends on the order of folding.
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
    fn what_the_dead_left_stays_as_it_was() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        (0..3).for_each(|process| live_and_die(path, process * 700..(process + 1) * 700));
        let directory = opened(path);
        let before = seen(path);
        assert_eq!((before.0, before.2.len(), before.3), (2100, 1000, 3.0));
        assert_eq!(before.2, (1100..2100).map(f64::from).collect::<Vec<_>>());
        retire_all(&directory, 3);
        assert_eq!(directory.segments().unwrap(), []);
        assert_eq!(seen(path), before);
        live_and_die(path, 2100..2101);
        retire_all(&directory, 1);
        assert_eq!(retire(&directory).unwrap(), 0);
        let after = seen(path);
        assert_eq!((after.0, after.1), (2101, before.1 + 2100.0));
        assert_eq!(after.2, (1101..2101).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn the_living_and_the_locked_are_left_alone() {
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

    /// No reader can follow it; whoever can one day will find it.
    #[test]
    fn what_cannot_be_read_whole_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        live_and_die(path, 0..10);
        let directory = opened(path);
        let file = directory.place().segment_path(directory.segments().unwrap()[0]);
        let sound = std::fs::read(&file).unwrap();
        let mut broken = vec![0_u64; sound.len() / 8];
        bytemuck::cast_slice_mut::<u64, u8>(&mut broken).copy_from_slice(&sound);
        let mut block = broken[offset_of!(Header, root) / 8] as usize;
        while block != 0 {
            let heads = (block + 1..=block + BLOCK_LANES).map(|lane| lane * LINE_WORDS);
            // The timer's: as if it had observed more than is there.
            heads.for_each(|head| broken[head] = if broken[head] == 10 { 10_000 } else { broken[head] });
            block = broken[block * LINE_WORDS] as usize;
        }
        std::fs::write(&file, bytemuck::cast_slice::<u64, u8>(&broken)).unwrap();
        let unread = |snapshot: Snapshot| snapshot.health.unread_lanes;
        assert_eq!(unread(Reader::new(path).without_retiring().snapshot().unwrap()), 1);
        (0..10).for_each(|_| assert_eq!(retire(&directory).unwrap(), 0));
        assert_eq!(unread(Reader::new(path).snapshot().unwrap()), 1);
        assert!(file.exists());
        std::fs::write(&file, sound).unwrap();
        retire_all(&directory, 1);
        assert_eq!(seen(path).0, 10);
    }

    #[test]
    fn a_reader_retires() {
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
    fn what_was_never_finished_is_removed_when_it_is_old() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        let place = directory.place().path();
        let [fresh, old, locked, other] = [1, 2, 3, 4].map(|id| place.join(format!(".new-{id:016x}")));
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
        // Its maker was only slow, and finds it gone.
        directory.publish_segment(2).unwrap_err();
    }

    /// Runs only where the test below asks for it, in a process of its own that is to be killed.
    #[test]
    fn child() {
        if let Some(directory) = std::env::var_os(DIRECTORY) {
            retire(&opened(Path::new(&directory))).unwrap();
        }
    }

    #[test]
    fn killed_at_any_point_nothing_is_lost_or_doubled() {
        for point in ALL {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path();
            // An earlier retirement, of which one segment could not be removed.
            live_and_die(path, 0..700);
            let directory = opened(path);
            let named = directory.segments().unwrap()[0];
            let kept = std::fs::read(directory.place().segment_path(named)).unwrap();
            retire_all(&directory, 1);
            std::fs::write(directory.place().segment_path(named), kept).unwrap();
            live_and_die(path, 700..1400);
            live_and_die(path, 1400..2100);
            let before = seen(path);
            assert_eq!(before.0, 2100, "{point}");

            let killed = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "segment::retire::tests::child", "--test-threads=1"])
                .env(DIRECTORY, path)
                .env(VARIABLE, point)
                .output()
                .unwrap();
            assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
            assert_eq!(seen(path), before, "{point}: after the kill");
            retire(&directory).unwrap();
            assert_eq!(seen(path), before, "{point}: after the next retirement");
            for _ in 0..1000 {
                retire(&directory).unwrap();
                if directory.segments().unwrap().is_empty() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            assert_eq!(directory.segments().unwrap(), [], "{point}");
            assert_eq!(seen(path), before, "{point}: after the last retirement");
        }
        let listed: BTreeSet<_> = ALL.iter().copied().collect();
        assert_eq!(failpoint::tests::passed(), listed, "every listed failpoint is passed, and no other");
    }
}
