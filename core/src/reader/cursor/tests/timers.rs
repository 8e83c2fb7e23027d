//! Polls of timers that are observed between the polls, and during them.

use std::{cell::Cell, fs::File, path::Path, rc::Rc};

use super::{BLOCK_WORDS, Looked, SegmentDelta};
use crate::{
    Family, FamilyOptions, Registry, Timer,
    directory::access::MetricsPath,
    format::layout::{Chunk, LINE_WORDS, Lines},
    reader::{
        cursor::{LaneDelta, SegmentCursor},
        totals::SeriesTotal,
    },
};

/// Returns timers with one label in a directory, whose windows have that length.
fn timers(directory: &Path, window: u32) -> (Registry, Family<Timer>) {
    let registry = Registry::open_with(directory, FamilyOptions::default().window(window)).unwrap();
    let timers = registry.timer("work_seconds", "", &["of"]).unwrap();
    (registry, timers)
}

/// Opens the only segment of a directory.
fn looked(directory: &Path) -> Looked<File> {
    let directory = MetricsPath::new(directory).open().unwrap().unwrap();
    let id = directory.segments().unwrap()[0];
    Looked::of(directory.open_segment(id).unwrap(), id)
}

fn observe(timer: &Timer, times: u32) {
    (0..times).for_each(|_| timer.observe(1.0));
}

/// Returns the changed lanes.
fn told(delta: &mut SegmentDelta) -> Vec<&mut LaneDelta> {
    delta.lanes.iter_mut().filter_map(|(_, lane)| lane.as_mut()).collect()
}

#[test]
fn poll_reads_only_new_observations_of_a_timer() {
    let parent = tempfile::tempdir().unwrap();
    let (_registry, timers) = timers(parent.path(), 1000);
    // The lanes next to it do not change.
    let [before, timer, behind] = ["a", "b", "c"].map(|of| timers.labels(&[of]).unwrap());
    before.observe(1.0);
    (0..5000).for_each(|number| timer.observe(f64::from(number)));
    behind.observe(1.0);
    let mut looked = looked(parent.path());
    let (mut delta, _) = looked.look(true).unwrap();
    let newest: Vec<usize> = told(&mut delta).iter().map(|lane| lane.newest().len()).collect();
    assert_eq!(newest.iter().sum::<usize>(), 1002, "{newest:?}");
    let (_, still) = looked.look(true).unwrap();
    for new in [1, 5, 63, 64, 65, 300, 1] {
        (0..new).for_each(|number| timer.observe(number as f64));
        let (mut delta, words) = looked.look(true).unwrap();
        let lanes = told(&mut delta);
        assert_eq!((lanes.len(), lanes[0].newest().len(), lanes[0].advanced_to().is_some()), (1, new, true));
        let chunk = Chunk::LINES as usize * LINE_WORDS;
        // Two more reads of the block, the heads and the table, the chunks.
        let most = still + 2 * BLOCK_WORDS + 10 * LINE_WORDS + (new / 64 + 2) * chunk;
        assert!(words <= most, "{words} for {new}: {most}");
        assert_eq!(looked.look(true).unwrap().1, still);
    }
}

#[test]
fn new_observations_of_a_lane_take_one_read() {
    let parent = tempfile::tempdir().unwrap();
    let (_registry, timers) = timers(parent.path(), 1000);
    let timers: Vec<Timer> = (0..60).map(|of| timers.labels(&[&of.to_string()]).unwrap()).collect();
    timers.iter().for_each(|timer| observe(timer, 100));
    let mut looked = looked(parent.path());
    looked.look(true).unwrap();
    looked.look(true).unwrap();
    // The root and the blocks.
    let still = looked.reader.source().read_count();
    for (new, most) in [
        // The chunks of the newest observations become known.
        (1, 2 * timers.len()),
        (1, timers.len()),
        (26, timers.len()),
        // All lanes enter their next chunks.
        (1, 3 * timers.len()),
        (1, timers.len()),
    ] {
        timers.iter().for_each(|timer| observe(timer, new));
        let (delta, _) = looked.look(true).unwrap();
        assert_eq!(delta.lanes.len(), timers.len());
        let reads = looked.reader.source().read_count();
        // Each block is read twice more before the chunks, and twice more after them.
        assert!(reads <= still + 4 * (still - 1) + most, "{reads} reads, {still} at rest, {new} new");
    }
}

/// A lane gets another series before any of the reads of a poll that reads its new observations.
#[test]
fn new_observations_are_of_one_series() {
    for times in 0..7 {
        let parent = tempfile::tempdir().unwrap();
        let (_registry, timers) = timers(parent.path(), 1000);
        let timer = timers.labels(&["a"]).unwrap();
        observe(&timer, 10);
        let mut looked = looked(parent.path());
        for _ in 0..2 {
            observe(&timer, 1);
            looked.look(true).unwrap();
        }
        observe(&timer, 1);
        let (other, waiting) = (timers.clone(), Rc::new(Cell::new(true)));
        let waits = Rc::clone(&waiting);
        looked.meanwhile(move |time| {
            if time == times && waits.replace(false) {
                assert!(other.remove(&["a"]).unwrap());
                let other = other.labels(&["b"]).unwrap();
                (0..20).for_each(|_| other.observe(100.0));
            }
        });
        let (mut delta, _) = looked.look(true).unwrap();
        for lane in told(&mut delta) {
            let (value, most) = if lane.series.values == ["a"] { (1.0, 13) } else { (100.0, 20) };
            assert!(lane.newest().iter().all(|&(_, observed)| observed == value), "{times}");
            if let Some(SeriesTotal { count, sum, .. }) = lane.take_total() {
                assert!(count <= most && sum.to_f64() == count as f64 * value, "{times}: {count}");
            }
            assert!(lane.advanced_to().is_none_or(|count| count <= most), "{times}");
        }
        assert!(!waiting.get(), "the poll has fewer than {times} reads");
        looked.meanwhile(|_| {});
        // The series of the lane is read at the latest now.
        looked.look(true).unwrap();
        let totals = SegmentCursor::default().read(&mut looked.reader, true).unwrap();
        let counts: Vec<u64> =
            totals.families["work_seconds"][0].series.values().map(|one| one.count).collect();
        assert_eq!(counts, [20], "{times}");
    }
}

/// Also with few observations: a delta would omit observations that the window must get back.
#[test]
fn invalidated_timer_is_read_completely() {
    let parent = tempfile::tempdir().unwrap();
    let (_registry, timers) = timers(parent.path(), 1000);
    let [before, timer] = ["a", "b"].map(|of| timers.labels(&[of]).unwrap());
    observe(&before, 1);
    for few in [10, 60, 3000] {
        observe(&timer, few);
        let mut looked = looked(parent.path());
        let (delta, _) = looked.look(true).unwrap();
        let line = delta.lanes.iter().map(|&(line, _)| line).max().unwrap();
        looked.lanes.invalidate(line);
        let (mut delta, _) = looked.look(true).unwrap();
        let mut lanes = told(&mut delta);
        assert_eq!((lanes.len(), lanes[0].advanced_to()), (1, None));
        let newest = lanes[0].newest().len() as u64;
        assert_eq!(newest, lanes[0].take_total().unwrap().count.min(1000));
    }
}

#[test]
fn lane_of_a_writer_that_is_too_fast_keeps_its_state() {
    let parent = tempfile::tempdir().unwrap();
    let (_registry, timers) = timers(parent.path(), 40);
    let timer = timers.labels(&["a"]).unwrap();
    observe(&timer, 10);
    let mut looked = looked(parent.path());
    // Overwrites the ring twice before each read.
    let fast = |timer: &Timer| {
        let timer = timer.clone();
        move |_| observe(&timer, 300)
    };
    // A lane that was never read is counted as unread.
    looked.meanwhile(fast(&timer));
    for _ in 0..2 {
        let (delta, _) = looked.look(true).unwrap();
        assert_eq!((delta.lanes.len(), delta.unread), (0, 1));
    }
    looked.meanwhile(|_| {});
    let (mut delta, _) = looked.look(true).unwrap();
    let count = told(&mut delta)[0].take_total().unwrap().count;
    assert!(count > 600 && delta.unread == 0);
    // A lane that was read before keeps its state.
    looked.meanwhile(fast(&timer));
    let (delta, _) = looked.look(true).unwrap();
    assert_eq!((delta.lanes.len(), delta.unread), (0, 0));
    looked.meanwhile(|_| {});
    let (mut delta, _) = looked.look(true).unwrap();
    assert!(told(&mut delta)[0].take_total().unwrap().count > count + 600);
    // Another series has the lane now, which was never read.
    let line = delta.lanes[0].0;
    assert!(timers.remove(&["a"]).unwrap());
    let other = timers.labels(&["b"]).unwrap();
    observe(&other, 10);
    looked.meanwhile(fast(&other));
    let (delta, _) = looked.look(true).unwrap();
    assert_eq!((delta.lanes.len(), delta.lanes[0].0, delta.unread), (1, line, 1));
    assert!(delta.lanes[0].1.is_none());
}

#[test]
fn timer_without_a_distribution_is_read_incrementally() {
    let parent = tempfile::tempdir().unwrap();
    let options = FamilyOptions::default().without_distribution();
    let registry = Registry::open_with(parent.path(), options).unwrap();
    let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    observe(&timer, 5);
    let mut looked = looked(parent.path());
    for is_incremental in [false, true, true] {
        observe(&timer, 1);
        let (mut delta, _) = looked.look(true).unwrap();
        assert_eq!(told(&mut delta)[0].advanced_to().is_some(), is_incremental);
    }
}

/// If more observations than the ring holds arrive during a poll, at any moment of it, the buckets
/// may lack some. The next poll reads the buckets again, also if no more observations arrive.
#[test]
fn incomplete_buckets_are_read_again() {
    let mut lacked = 0;
    for (times, later) in (0..20).flat_map(|times| [(times, 0), (times, 1)]) {
        let parent = tempfile::tempdir().unwrap();
        let (_registry, timers) = timers(parent.path(), 40);
        let timer = timers.labels(&["a"]).unwrap();
        observe(&timer, 1000);
        let mut looked = looked(parent.path());
        let mut counted = [0; 2];
        // Returns the counts of the classic and of the exponential buckets, and the number of
        // observations.
        let mut look = |looked: &mut Looked<File>| {
            let (mut delta, _) = looked.look(true).unwrap();
            let lane = told(&mut delta).remove(0);
            let new = lane.newest().len() as u64;
            let Some(SeriesTotal { count, distribution, .. }) = lane.take_total() else {
                counted = counted.map(|count| count + new);
                return (counted, lane.advanced_to().unwrap());
            };
            counted =
                [distribution.count(), distribution.exponential.values().sum::<u64>() + distribution.zero];
            (counted, count)
        };
        assert_eq!(look(&mut looked), ([1000; 2], 1000));
        observe(&timer, 200);
        let (waiting, arriving) = (Rc::new(Cell::new(true)), timer.clone());
        let waits = Rc::clone(&waiting);
        looked.meanwhile(move |time| {
            if time >= times && waits.replace(false) {
                observe(&arriving, 300);
            }
        });
        let (in_buckets, all) = look(&mut looked);
        let (is_whole, is_last) = (in_buckets == [all; 2], all == if waiting.get() { 1200 } else { 1500 });
        lacked += u32::from(!is_whole && is_last);
        looked.meanwhile(|_| {});
        observe(&timer, later);
        if later == 0 && is_whole && is_last {
            assert_eq!(looked.look(true).unwrap().0.lanes.len(), 0, "{times}");
            continue;
        }
        let all = if waiting.get() { 1200 } else { 1500 } + u64::from(later);
        assert_eq!(look(&mut looked), ([all; 2], all), "{times}");
    }
    assert!(lacked > 0, "buckets never lacked anything");
}
