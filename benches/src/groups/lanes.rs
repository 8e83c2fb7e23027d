//! One lane of a segment as a reader reads it: for the first time, and with new observations.

use std::{hint::black_box, io::Write, os::unix::fs::FileExt};

use ictus::{Reader, Registry, Timer};

use crate::{
    candidate::{Candidate, Group, Workload},
    data::Random,
    recorder::{Series, timers},
};

const SEGMENTS: usize = 20;
const SERIES: usize = 60;
/// Observations of each lane before it is read: a chunk of a ring.
const OBSERVATIONS: usize = 64;
/// Snapshots in a batch.
const SNAPSHOTS: u64 = 8;

/// Reads of one of many lanes, by whole snapshots of them all.
#[must_use]
pub fn lanes() -> Group {
    let candidates = vec![
        Candidate::new("pread", pread),
        Candidate::new("ictus, first", first),
        Candidate::new("ictus, 1 new", || changed(1)),
        Candidate::new("ictus, 70 new", || changed(70)),
    ];
    Group { rounds: 5, ..Group::new("lanes", "a lane that is read", candidates) }
}

/// Reads one line of a file: the minimum of system calls for a lane.
fn pread() -> Workload {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&[7; 1 << 20]).expect("space for a file");
    let read = move |times| {
        let mut line = [0; 64];
        for time in 0..times {
            file.read_exact_at(black_box(&mut line), time * 4096 % (1 << 20)).expect("a part of the file");
        }
        assert_eq!(line, [7; 64]);
    };
    Workload::repeated(read)
}

fn first() -> Workload {
    let (directory, _timers) = recorded();
    let snapshots = move |(): &mut (), times| {
        (0..times).for_each(|_| check(&mut Reader::new(directory.path()), OBSERVATIONS));
    };
    Workload::prepared(SNAPSHOTS, || (), snapshots).with_parts(SEGMENTS * SERIES)
}

/// Lanes with new observations each. The time of observing counts, too.
fn changed(new: usize) -> Workload {
    let (directory, timers) = recorded();
    let (mut random, mut count) = (Random::new(6), OBSERVATIONS);
    let mut reader = Reader::new(directory.path());
    check(&mut reader, count);
    let snapshots = move |(): &mut (), times| {
        // Kept, because its files are deleted when it is dropped.
        let _ = &directory;
        for _ in 0..times {
            for _ in 0..new {
                timers.iter().for_each(|timer| timer.observe(random.duration()));
            }
            count += new;
            check(&mut reader, count);
        }
    };
    Workload::prepared(SNAPSHOTS, || (), snapshots).with_parts(SEGMENTS * SERIES)
}

fn recorded() -> (tempfile::TempDir, Vec<Timer>) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut all = Vec::new();
    for _ in 0..SEGMENTS {
        let registry = Registry::open(directory.path()).expect("a directory of our own");
        all.extend(timers(&registry, Series::Buckets, SERIES));
    }
    let mut random = Random::new(5);
    for _ in 0..OBSERVATIONS {
        all.iter().for_each(|timer| timer.observe(random.duration()));
    }
    (directory, all)
}

/// Takes a snapshot, in which every lane has that many observations.
fn check(reader: &mut Reader, count: usize) {
    let snapshot = reader.snapshot().expect("a directory of our own");
    let series = snapshot.families.iter().flat_map(|family| &family.series);
    let counts = series.filter_map(|series| match &series.value {
        ictus::snapshot::Value::Timer(timing) => Some(timing.count),
        _ => None,
    });
    assert_eq!(counts.sum::<u64>(), (SEGMENTS * SERIES * count) as u64);
}
