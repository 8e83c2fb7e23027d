//! Tests of retirement, also of one that is killed at any step.

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
