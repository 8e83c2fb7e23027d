//! Models of whole observations: handles, `ThreadLanes` and lanes of several threads, and a reader.

use super::{
    check,
    fixture::{Fixture, series},
    run,
};
use crate::{
    format::layout::HEALTH_COUNTERS,
    observe::{Counter, Gauge, Timer},
    reader::totals::SeriesTotal,
};

/// Checks that a timer shows a subset of the given values, each at most once, and is consistent.
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

/// A thread's first observation: descriptors, block and lane are new to the reader.
pub fn a_lane_is_published_with_concurrent_reader() {
    check("first lane", 2, (8, 32), || {
        let fixture = Fixture::new();
        let counter: Counter = fixture.metric("a");
        let reader = fixture.clone();
        run([
            Box::new(move || counter.add(1.0)),
            Box::new(move || {
                let seen = series(&reader.read(), "a").sum.to_f64();
                assert!([0.0, 1.0].contains(&seen), "{seen}");
            }),
        ]);
        assert_eq!(series(&fixture.read(), "a").sum.to_f64(), 1.0);
    });
}

/// A thread ends and another continues, perhaps in its lane.
pub fn a_lane_is_handed_over() {
    check("hand-over", 2, (40, 56), || {
        let fixture = Fixture::new();
        let timer: Timer = fixture.metric("a");
        let other = timer.clone();
        run([Box::new(move || timer.observe(1.0)), Box::new(move || other.observe(2.0))]);
        let seen = series(&fixture.read(), "a");
        assert_eq!((seen.count, seen.distribution.count()), (2, 2));
        holds(&seen, &[1.0, 2.0]);
        assert_eq!(fixture.read().losses, [0; HEALTH_COUNTERS]);
    });
}

/// Two threads describe the same series and link their blocks. A thread may read its lane
/// through the block that the other thread linked.
pub fn two_threads_link_their_blocks() {
    check("two blocks", 1, (24, 40), || {
        let fixture = Fixture::new();
        let counter: Counter = fixture.metric("a");
        let (other, reader) = (counter.clone(), fixture.clone());
        run([
            Box::new(move || counter.add(1.0)),
            Box::new(move || {
                other.add(2.0);
                let seen = series(&reader.read(), "a").sum.to_f64();
                assert!([2.0, 3.0].contains(&seen), "{seen}");
            }),
        ]);
        assert_eq!(series(&fixture.read(), "a").sum.to_f64(), 3.0);
    });
}

/// Two threads set the same new gauge.
pub fn two_threads_make_one_gauge() {
    check("one gauge", 2, (24, 40), || {
        let fixture = Fixture::new();
        let gauge: Gauge = fixture.metric("a");
        let other = gauge.clone();
        run([Box::new(move || gauge.add(1.0)), Box::new(move || other.add(2.0))]);
        let seen = series(&fixture.read(), "a");
        assert_eq!((seen.state, seen.lanes), (3.0, 1));
    });
}

/// Two threads create series of one family, and set them.
pub fn two_threads_make_two_gauges() {
    check("two gauges", 1, (24, 40), || {
        let fixture = Fixture::new();
        let family = fixture.labelled::<Gauge>("a");
        let other = family.clone();
        run([
            Box::new(move || family.labels(&["b"]).unwrap().set(1.0)),
            Box::new(move || other.labels(&["c"]).unwrap().set(2.0)),
        ]);
        let seen = fixture.read();
        let series = &seen.families["a"][0].series;
        let shown: Vec<_> = series.iter().map(|(values, total)| (values[0].as_str(), total.state)).collect();
        assert_eq!(shown, [("b", 1.0), ("c", 2.0)]);
    });
}
