//! The expected content of a scrape: for each thread the numbers from 1 to its last one, and no
//! others.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

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
    /// It took the file away. Until the worker notices, and writes what it has to another one, less is shown; where
    /// the worker is killed before, for good.
    Deleted,
    /// It wrote into the file, or cut it short.
    Corrupted,
}

/// How long a worker that lives and records may take to notice that its file was taken away.
const RECOVERY_TIME: Duration = Duration::from_secs(30);

pub(crate) struct Oracle {
    pub(crate) folder: PathBuf,
    reader: Reader,
    /// By the worker's name.
    fates: BTreeMap<String, Fate>,
    counts: BTreeMap<(String, u64), u64>,
    /// Since when a worker that lives has no file, as far as is known.
    deleted: BTreeMap<String, Instant>,
    pub(crate) recovered: u64,
    pub(crate) scrapes: u64,
    pub(crate) slowest: f64,
    pub(crate) observations: u64,
}

impl Oracle {
    /// Of workers who write down in a folder what they have recorded.
    pub(crate) fn new(folder: PathBuf, reader: Reader) -> Oracle {
        let (fates, counts, deleted) = Default::default();
        let (scrapes, recovered, observations, slowest) = (0, 0, 0, 0.0);
        Oracle { folder, reader, fates, counts, deleted, recovered, scrapes, slowest, observations }
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
        if fate == Fate::Deleted {
            self.deleted.insert(worker.to_owned(), Instant::now());
        }
    }

    /// From now on, of all workers: the folder was taken away. Those that live recover.
    pub(crate) fn all_deleted(&mut self, living: &[String]) {
        let dead = self.workers().into_iter().filter(|worker| !living.contains(worker));
        self.fates.extend(dead.map(|worker| (worker, Fate::Corrupted)).collect::<Vec<_>>());
        living.iter().for_each(|worker| self.doomed(worker, Fate::Deleted));
    }

    /// A worker that was killed recovers nothing any more. Its child may, which is not waited for.
    pub(crate) fn killed(&mut self, worker: &str) {
        self.deleted.remove(worker);
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
            if fate == Fate::Whole {
                numbers_are_whole(series, &timing);
            }
        }
        self.notice_recovered(&before);
        // A worker that began to write down meanwhile.
        shown.retain(|series, _| !after.contains_key(series) && !self.workers().contains(&series.0));
        assert!(shown.is_empty(), "nobody's: {shown:?}");
    }
}

impl Oracle {
    /// A worker of which all is shown that it had recorded after its file was taken away loses nothing from now on.
    fn notice_recovered(&mut self, told: &BTreeMap<(String, u64), u64>) {
        let Some(directory) = self.reader.directory().filter(|_| !self.deleted.is_empty()) else { return };
        // Not by the reader of before, which may have a file open that has lost its name.
        let Ok(snapshot) = Reader::new(directory).without_retiring().snapshot() else { return };
        let shown = timings(&snapshot);
        let is_whole = |series: &(String, u64)| {
            let count = shown.get(series).map_or(0, |timing| timing.count);
            let sum = shown.get(series).map_or(0.0, |timing| timing.sum);
            count >= told.get(series).copied().unwrap_or(1)
                && sum == count as f64 * (count as f64 + 1.0) / 2.0
        };
        let deleted = std::mem::take(&mut self.deleted);
        for (worker, since) in deleted {
            if (0..THREADS).all(|thread| is_whole(&(worker.clone(), thread))) {
                if self.fates.insert(worker, Fate::Whole) == Some(Fate::Deleted) {
                    self.recovered += 1;
                }
            } else {
                assert!(since.elapsed() < RECOVERY_TIME, "{worker} has not recovered");
                self.deleted.insert(worker, since);
            }
        }
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
