//! What a scrape has to say: the numbers of each thread, from 1 to what it was told, and no other.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use ictus::{
    Reader, Snapshot,
    snapshot::{Timing, Value},
};

use super::worker::{FAMILY, THREADS, acknowledged};

/// What the test has done to a worker's segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Whole,
    /// It took the file away.
    Deleted,
    /// It wrote into the file, or cut it short.
    Corrupted,
}

pub(crate) struct Oracle {
    folder: PathBuf,
    reader: Reader,
    /// By the worker's name.
    fates: BTreeMap<String, Fate>,
    counts: BTreeMap<(String, u64), u64>,
    pub(crate) scrapes: u64,
    pub(crate) slowest: f64,
    pub(crate) observations: u64,
}

impl Oracle {
    /// Of workers who write down in a folder what they have recorded.
    pub(crate) fn new(folder: PathBuf, reader: Reader) -> Oracle {
        let (fates, counts) = Default::default();
        Oracle { folder, reader, fates, counts, scrapes: 0, slowest: 0.0, observations: 0 }
    }

    pub(crate) fn path(&self, worker: &str) -> PathBuf {
        self.folder.join(worker)
    }

    /// From now on, of a worker and its child: not less than what was done already.
    pub(crate) fn doomed(&mut self, worker: &str, fate: Fate) {
        let known = self.fates.entry(worker.to_owned()).or_insert(Fate::Whole);
        if *known != Fate::Corrupted {
            *known = fate;
        }
    }

    fn workers(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn said(&self) -> BTreeMap<(String, u64), u64> {
        let mut said = BTreeMap::new();
        for worker in self.workers() {
            let numbers = acknowledged(&self.path(&worker));
            said.extend((0..THREADS).map(|thread| ((worker.clone(), thread), numbers[thread as usize])));
        }
        said
    }

    /// Looks, and compares.
    pub(crate) fn check(&mut self) {
        let before = self.said();
        let start = Instant::now();
        let snapshot = self.reader.snapshot();
        self.slowest = self.slowest.max(start.elapsed().as_secs_f64());
        self.scrapes += 1;
        // Where the disk is full, a retirement fails and says so; what there is is still shown.
        let snapshot = snapshot.unwrap_or_else(|error| panic!("no scrape: {error}"));
        let after = self.said();
        let mut shown = timings(&snapshot);
        self.observations = shown.values().map(|timing| timing.count).sum();
        for (series, told) in &before {
            let fate = self.fates.get(&series.0).copied().unwrap_or(Fate::Whole);
            let timing = shown.remove(series).unwrap_or_default();
            if fate == Fate::Corrupted {
                continue;
            }
            // One more than was told may be under way.
            let most = after[series] + 1;
            let count = timing.count;
            assert!(count <= most, "{series:?}: {count} of {most} observations, invented");
            if fate == Fate::Whole {
                assert!(count >= *told, "{series:?}: {count} of {told} observations, lost");
                let known = self.counts.insert(series.clone(), count).unwrap_or_default();
                assert!(count >= known, "{series:?}: {count} after {known} observations");
            }
            numbers_are_whole(series, &timing);
        }
        // A worker that began to write down meanwhile.
        shown.retain(|series, _| !after.contains_key(series) && !self.workers().contains(&series.0));
        assert!(shown.is_empty(), "nobody's: {shown:?}");
    }
}

/// From 1 to their count, each once; the window is the newest of them.
fn numbers_are_whole(series: &(String, u64), timing: &Timing) {
    let count = timing.count as f64;
    assert_eq!(timing.sum, count * (count + 1.0) / 2.0, "{series:?}: {count}");
    let window: Vec<f64> = timing.window.observations().iter().map(|seen| seen.value).collect();
    let newest: Vec<f64> = (0..window.len()).rev().map(|back| count - back as f64).collect();
    assert_eq!(window, newest, "{series:?}");
}

fn timings(snapshot: &Snapshot) -> BTreeMap<(String, u64), Timing> {
    let series = snapshot.family(FAMILY).into_iter().flat_map(|family| &family.series);
    let timings = series.filter_map(|series| match &series.value {
        Value::Timer(timing) => {
            // By label names: thread, worker.
            let [thread, worker] = series.labels.as_ref() else { return None };
            Some(((worker.clone(), thread.parse().unwrap_or(u64::MAX)), timing.clone()))
        }
        _ => None,
    });
    timings.collect()
}
