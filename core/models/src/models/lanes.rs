//! Whole observations: handles, shards and lanes of several threads, and what a reader makes of them.

use std::sync::Arc;

use super::{check, run};
use crate::{
    observe::{Counter, Family, Gauge, Metric, Recorder, Timer},
    options::Options,
    segment::{
        reader::SegmentReader,
        reading::Lanes,
        totals::{SeriesTotal, Totals},
        writer::Segment,
    },
};

/// A recorder with a segment, as it is once anything was recorded.
#[derive(Clone)]
struct House {
    recorder: Arc<Recorder>,
    segment: Arc<Segment>,
}

impl House {
    fn new() -> House {
        let recorder = Arc::new(Recorder::in_memory(Options::default().window(2).buckets(&[])));
        // The segment itself is handed on by arc-swap, which is no part of the models.
        let segment = recorder.with_segment(|segment| Some(Arc::clone(segment))).unwrap();
        House { recorder, segment }
    }

    fn metric<M: Metric>(&self, name: &str) -> M {
        let family = Family::new(&self.recorder, name, "", &[], self.recorder.options()).unwrap();
        family.labels(&[]).unwrap()
    }

    /// What a reader sees now.
    fn read(&self) -> Totals {
        let mut reader = SegmentReader::open(Arc::clone(&self.segment), self.segment.id).unwrap();
        Lanes::default().read(&mut reader, true).unwrap()
    }
}

/// The one series of a family; what a series is at first, where it is not there yet.
fn series(totals: &Totals, name: &str) -> SeriesTotal {
    let family = totals.families.get(name).map(|shapes| &shapes[0]);
    family.and_then(|family| family.series.values().next()).cloned().unwrap_or_default()
}

/// Whether a timer shows a subset of the given values, each at most once, and agrees with itself.
fn holds(seen: &SeriesTotal, values: &[f64]) {
    let mut shown: Vec<f64> = seen.newest.iter().map(|observation| observation.value).collect();
    shown.sort_by(f64::total_cmp);
    assert_eq!(shown.len() as u64, seen.count.min(2), "{seen:?}");
    shown.dedup();
    assert_eq!(shown.len() as u64, seen.count.min(2), "shown twice: {seen:?}");
    assert!(shown.iter().all(|value| values.contains(value)), "{seen:?}");
    if shown.len() as u64 == seen.count {
        assert_eq!(seen.sum.to_f64(), shown.iter().sum::<f64>());
    }
    assert!(seen.distribution.count() >= seen.count, "a bucket lacks what the ring has: {seen:?}");
}

/// A thread's first observation: descriptors, block, lane, chunk and page are new to the reader.
pub fn a_lane_is_published_beside_a_reader() {
    check("first lane", 2, (8, 96), || {
        let house = House::new();
        let timer: Timer = house.metric("a");
        let reader = house.clone();
        run([
            Box::new(move || timer.observe(1.0)),
            Box::new(move || holds(&series(&reader.read(), "a"), &[1.0])),
        ]);
        let seen = series(&house.read(), "a");
        assert_eq!((seen.count, seen.distribution.count()), (1, 1));
        holds(&seen, &[1.0]);
    });
}

/// A thread ends and another goes on, perhaps in its lane.
pub fn a_lane_is_handed_over() {
    check("hand-over", 2, (96, 96), || {
        let house = House::new();
        let timer: Timer = house.metric("a");
        let other = timer.clone();
        run([Box::new(move || timer.observe(1.0)), Box::new(move || other.observe(2.0))]);
        let seen = series(&house.read(), "a");
        assert_eq!((seen.count, seen.distribution.count()), (2, 2));
        holds(&seen, &[1.0, 2.0]);
        assert_eq!(house.read().losses, [0; 8]);
    });
}

/// Two threads describe the same series and link their blocks, while the lanes are read.
pub fn two_threads_link_their_blocks_beside_a_reader() {
    check("two blocks", 2, (96, 96), || {
        let house = House::new();
        let counter: Counter = house.metric("a");
        let (other, reader) = (counter.clone(), house.clone());
        run([
            Box::new(move || counter.add(1.0)),
            Box::new(move || other.add(2.0)),
            Box::new(move || {
                let seen = series(&reader.read(), "a").sum.to_f64();
                assert!([0.0, 1.0, 2.0, 3.0].contains(&seen), "{seen}");
            }),
        ]);
        assert_eq!(series(&house.read(), "a").sum.to_f64(), 3.0);
    });
}

/// Two threads set the same new gauge.
pub fn two_threads_make_one_gauge_beside_a_reader() {
    check("gauge", 2, (96, 96), || {
        let house = House::new();
        let gauge: Gauge = house.metric("a");
        let (other, reader) = (gauge.clone(), house.clone());
        run([
            Box::new(move || gauge.add(1.0)),
            Box::new(move || other.add(2.0)),
            Box::new(move || {
                let seen = series(&reader.read(), "a").state;
                assert!([0.0, 1.0, 2.0, 3.0].contains(&seen), "{seen}");
            }),
        ]);
        assert_eq!(series(&house.read(), "a").state, 3.0);
    });
}
