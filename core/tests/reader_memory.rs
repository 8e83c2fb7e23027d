//! The memory of a reader, in bytes allocated per series and per lane.
//!
//! The tests run in a separate process, because they replace the allocator.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::{collections::VecDeque, path::Path};

use ictus::{FamilyOptions, Reader, Registry, Snapshot, snapshot::Value};

mod allocated_bytes;

use allocated_bytes::{Allocated, allocated};

/// Processes that live at the same time. Each has a lane of each series.
const PROCESSES: usize = 8;
const SERIES: usize = 20;
/// Scrapes, each after a process ended and another one began.
const SCRAPES: usize = 30;
/// Observations that a process makes of each series between two scrapes.
const OBSERVATIONS: usize = 16;

/// Processes that record the same series. When one ends, another begins.
struct Fleet<'a> {
    directory: &'a Path,
    window: u32,
    processes: VecDeque<Registry>,
    /// The state of a generator of pseudorandom numbers.
    random: u64,
}

impl Fleet<'_> {
    /// Replaces the oldest process.
    fn replace(&mut self) {
        let options = FamilyOptions::default().max_series(2 * SERIES as u32).window(self.window);
        self.processes.push_back(Registry::open_with(self.directory, options).unwrap());
        if self.processes.len() > PROCESSES {
            self.processes.pop_front();
        }
    }

    /// Returns a value. Logarithms of the values are bell-shaped, and span twelve doublings.
    fn value(&mut self) -> f64 {
        let mut uniform = || {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            (self.random >> 40) as f64 / (1_u64 << 24) as f64
        };
        let doublings: f64 = (0..6).map(|_| uniform()).sum();
        (2.0 * doublings - 10.0).exp2()
    }

    fn record(&mut self) {
        for process in 0..self.processes.len() {
            let family = self.processes[process].timer("soak_seconds", "", &["series"]).unwrap();
            for series in 0..SERIES {
                let timer = family.labels(&[&series.to_string()]).unwrap();
                (0..OBSERVATIONS).for_each(|_| timer.observe(self.value()));
            }
        }
    }
}

/// Scrapes as an exporter does: it drops the previous snapshot, and computes quantiles.
fn scrape(reader: &mut Reader, last: &mut Snapshot) {
    *last = Snapshot::default();
    *last = reader.snapshot().unwrap();
    for series in last.families.iter().flat_map(|family| &family.series) {
        let Value::Timer(timing) = &series.value else { panic!("{series:?}") };
        timing.window.quantiles().unwrap();
    }
}

/// Returns the bytes that a reader and its last snapshot have at the end, and the most that they had
/// while one process ended before each scrape.
fn memory(window: u32) -> Allocated {
    let parent = tempfile::tempdir().unwrap();
    let mut fleet = Fleet { directory: parent.path(), window, processes: VecDeque::new(), random: 1 };
    let (mut reader, mut last) = (Reader::new(parent.path()), Snapshot::default());
    let mut all = Allocated { retained: 0, peak: 0 };
    for _ in 0..SCRAPES {
        fleet.replace();
        fleet.record();
        let bytes = allocated(|| scrape(&mut reader, &mut last));
        all.peak = all.peak.max(all.retained + bytes.peak);
        all.retained += bytes.retained;
    }
    all
}

/// The windows of 1,000 observations are full, and the totals file has as many observations.
#[test]
fn memory_of_a_series_is_bounded() {
    let Allocated { retained, peak } = memory(1_000);
    let [retained, peak] = [retained, peak].map(|bytes| bytes / SERIES as isize);
    println!("{retained} bytes a series, {peak} at the peak");
    assert!(retained < 36_000, "{retained} bytes a series");
    assert!(peak < 72_000, "{peak} bytes a series at the peak");
}

/// A first scrape reads all observations of all lanes, before it knows which of them are the newest.
#[test]
fn memory_of_a_first_scrape_is_bounded() {
    let parent = tempfile::tempdir().unwrap();
    let mut fleet = Fleet { directory: parent.path(), window: 1_000, processes: VecDeque::new(), random: 1 };
    (0..PROCESSES).for_each(|_| fleet.replace());
    // As many observations as a window has, and few more.
    (0..8).for_each(|_| fleet.record());
    let (mut reader, mut last) = (Reader::new(parent.path()), Snapshot::default());
    let Allocated { retained, peak } = allocated(|| scrape(&mut reader, &mut last));
    let [retained, peak] = [retained, peak].map(|bytes| bytes / SERIES as isize);
    println!("{retained} bytes a series after a first scrape, {peak} at the peak");
    assert!(peak < 40_000, "{peak} bytes a series at the peak");
}

/// With short windows, nearly all memory is that of lanes.
#[test]
fn memory_of_a_lane_is_bounded() {
    let Allocated { retained, .. } = memory(2);
    let retained = retained / (SERIES * PROCESSES) as isize;
    println!("{retained} bytes a lane");
    assert!(retained < 1_650, "{retained} bytes a lane");
}
