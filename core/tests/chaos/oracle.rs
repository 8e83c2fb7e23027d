//! The expected content of a scrape: for each thread the numbers from 1 to the last one that it
//! acknowledged, and no others.

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

/// The damage that the test has done to a worker's segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Whole,
    /// The test removed the file. A scrape shows less until the worker notices and writes its data
    /// to another file. If the worker is killed before, the data is lost for good.
    Deleted,
    /// The test wrote into the file, or truncated it.
    Corrupted,
}

/// The time within which a living, recording worker must notice that its file was removed.
const RECOVERY_TIME: Duration = Duration::from_secs(30);

pub(crate) struct Oracle {
    pub(crate) folder: PathBuf,
    reader: Reader,
    /// The fate of each worker, by its name.
    fates: BTreeMap<String, Fate>,
    counts: BTreeMap<(String, u64), u64>,
    /// The time at which the test removed the file of a living worker, until the worker is known to
    /// have recovered.
    deleted: BTreeMap<String, Instant>,
    pub(crate) recovered: u64,
    pub(crate) scrapes: u64,
    pub(crate) slowest: f64,
    pub(crate) observations: u64,
}

impl Oracle {
    /// Creates the oracle of workers that acknowledge their recorded numbers in a folder.
    pub(crate) fn new(folder: PathBuf, reader: Reader) -> Oracle {
        let (fates, counts, deleted) = Default::default();
        let (scrapes, recovered, observations, slowest) = (0, 0, 0, 0.0);
        Oracle { folder, reader, fates, counts, deleted, recovered, scrapes, slowest, observations }
    }

    pub(crate) fn path(&self, worker: &str) -> PathBuf {
        self.folder.join(worker)
    }

    /// Sets the fate of a worker and its child. A corrupted worker stays corrupted.
    pub(crate) fn doomed(&mut self, worker: &str, fate: Fate) {
        let current = self.fates.entry(worker.to_owned()).or_insert(Fate::Whole);
        if *current != Fate::Corrupted {
            *current = fate;
        }
        if fate == Fate::Deleted {
            self.deleted.insert(worker.to_owned(), Instant::now());
        }
    }

    /// Sets the fates of all workers after the folder was removed. The living ones recover.
    pub(crate) fn all_deleted(&mut self, living: &[String]) {
        let dead = self.workers().into_iter().filter(|worker| !living.contains(worker));
        self.fates.extend(dead.map(|worker| (worker, Fate::Corrupted)).collect::<Vec<_>>());
        living.iter().for_each(|worker| self.doomed(worker, Fate::Deleted));
    }

    /// A killed worker recovers nothing more. Its child may recover, but the test does not wait for
    /// it.
    pub(crate) fn killed(&mut self, worker: &str) {
        self.deleted.remove(worker);
    }

    fn workers(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn acknowledged(&self) -> BTreeMap<(String, u64), u64> {
        let mut all = BTreeMap::new();
        for worker in self.workers() {
            let numbers = acknowledged(&self.path(&worker));
            all.extend((0..THREADS).map(|thread| ((worker.clone(), thread), numbers[thread as usize])));
        }
        all
    }

    /// Takes a snapshot and compares it with the acknowledged numbers.
    pub(crate) fn check(&mut self) {
        let acknowledged_before = self.acknowledged();
        let start = Instant::now();
        let snapshot = self.reader.snapshot();
        self.slowest = self.slowest.max(start.elapsed().as_secs_f64());
        self.scrapes += 1;
        // When the disk is full, a retirement fails and reports it; the snapshot still shows all
        // data.
        let snapshot = snapshot.unwrap_or_else(|error| panic!("no scrape: {error}"));
        let after = self.acknowledged();
        let mut shown = timings(&snapshot);
        self.observations = shown.values().map(|timing| timing.count).sum();
        for (series, least) in &acknowledged_before {
            let fate = self.fates.get(&series.0).copied().unwrap_or(Fate::Whole);
            let timing = shown.remove(series).unwrap_or_default();
            if fate == Fate::Corrupted {
                continue;
            }
            // One observation more than acknowledged may be under way.
            let most = after[series] + 1;
            let count = timing.count;
            assert!(count <= most, "{series:?}: {count} of {most} observations, invented");
            if fate == Fate::Whole {
                assert!(count >= *least, "{series:?}: {count} of {least} observations, lost");
                let previous = self.counts.insert(series.clone(), count).unwrap_or_default();
                assert!(count >= previous, "{series:?}: {count} after {previous} observations");
            }
            if fate == Fate::Whole {
                numbers_are_whole(series, &timing);
            }
        }
        self.notice_recovered(&acknowledged_before);
        // Ignore a worker that began to acknowledge meanwhile.
        shown.retain(|series, _| !after.contains_key(series) && !self.workers().contains(&series.0));
        assert!(shown.is_empty(), "nobody's: {shown:?}");
    }
}

impl Oracle {
    /// Marks workers as recovered. A worker has recovered once a scrape shows everything that it
    /// recorded after its file was removed; it loses nothing from now on.
    fn notice_recovered(&mut self, told: &BTreeMap<(String, u64), u64>) {
        let Some(directory) = self.reader.directory().filter(|_| !self.deleted.is_empty()) else { return };
        // Use a new reader: the old one may have a file open that has lost its name.
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

/// Asserts that a timer has the numbers from 1 to its count, each once, and the newest of them in
/// its window.
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
            // Labels are in the order of their names: thread, worker.
            let [thread, worker] = series.labels.as_ref() else { return None };
            Some(((worker.clone(), thread.parse().unwrap_or(u64::MAX)), timing.clone()))
        }
        _ => None,
    });
    timings.collect()
}
