//! Tests of one series.

use std::sync::Arc;

use super::{super::Source, Arrivals, LaneOrigin, SeriesAggregate};
use crate::{
    catalog::Kind,
    format::{descriptor::FamilyDescriptor, line_index::LineIndex, series_word::SeriesWord},
    policy::agreement::Precedence,
    reader::totals::SeriesTotal,
    snapshot::{Value, timeline::Timeline},
    sum::ExactSum,
};

const WORD: SeriesWord = SeriesWord::new(1, LineIndex::new(1));

fn lane(number: u32) -> LaneOrigin {
    LaneOrigin::new(1, LineIndex::new(number))
}

fn source(number: u32, record: &Arc<FamilyDescriptor>) -> Source<'_> {
    let origin = lane(number);
    let precedence = Precedence { lives: true, created: 1, segment: 1 };
    Source { origin, word: WORD, record, precedence }
}

#[test]
fn lane_that_does_not_continue_the_cached_state_is_read_again() {
    let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Timer, &[]));
    let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
    let total = SeriesTotal { count: 1, sum: ExactSum::from_values([1.0]), ..SeriesTotal::default() };
    let recorded = |observations| Arrivals::Recorded { epoch: 1, observations };
    series.apply(&source(1, &record), total, recorded(&[(1, 1.0)]), 3);
    series.advance(lane(1), WORD, 2, recorded(&[(2, 2.0)]), 3);
    series.finish_update(3);
    assert!(series.is_complete(3));
    let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
    assert_eq!((timing.count, timing.sum, timing.window.len()), (2, 3.0, 2));
    series.advance(lane(1), WORD, 4, recorded(&[(4, 4.0)]), 3);
    series.finish_update(3);
    assert!(!series.is_complete(3));
    assert_eq!(series.request_reread(), [1].map(lane));
}

#[test]
fn summed_gauges_stay_finite() {
    let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Gauge, &[]));
    let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
    for (sign, expected) in [(1.0, f64::MAX), (-1.0, f64::MIN)] {
        for origin in [1, 2] {
            let total = SeriesTotal { state: sign * f64::MAX, ..SeriesTotal::default() };
            series.apply(
                &source(origin, &record),
                total,
                Arrivals::Recorded { epoch: 1, observations: &[] },
                3,
            );
        }
        series.finish_update(3);
        assert_eq!(series.value(Kind::Gauge), Value::Gauge(expected));
    }
}

#[test]
fn saturated_count_stays_saturated() {
    let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Timer, &[]));
    let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
    let recorded = |observations| Arrivals::Recorded { epoch: 1, observations };
    let count_of = |series: &mut SeriesAggregate| {
        series.finish_update(3);
        match series.value(Kind::Timer) {
            Value::Timer(timing) => timing.count,
            other => panic!("{other:?}"),
        }
    };
    for (origin, count) in [(1, u64::MAX - 3), (2, 1)] {
        let total = SeriesTotal { count, ..SeriesTotal::default() };
        series.apply(&source(origin, &record), total, recorded(&[(1, 1.0)]), 3);
    }
    assert_eq!(count_of(&mut series), u64::MAX - 2);
    let three = [(2, 1.0), (3, 1.0), (4, 1.0)];
    series.advance(lane(2), WORD, 4, recorded(&three), 3);
    assert_eq!(count_of(&mut series), u64::MAX);
    series.advance(lane(2), WORD, 5, recorded(&[(5, 1.0)]), 3);
    assert_eq!(count_of(&mut series), u64::MAX);
    // Without the lane that saturated the count, the count is exact again.
    series.remove(lane(1));
    assert_eq!(count_of(&mut series), 5);
}

/// Of equal timestamps, the one of the older origin is older. The observation that fell out may
/// be newer.
#[test]
fn evicted_observation_returns_before_a_newer_one_of_the_same_stamp() {
    let record = Arc::new(FamilyDescriptor::test_fixture("a", Kind::Timer, &[]));
    let mut series = SeriesAggregate::new(1, Arc::new([]), Timeline::default());
    let put = |series: &mut SeriesAggregate, origin, observations: &[(u64, f64)]| {
        let count = observations.len() as u64;
        let total = SeriesTotal { count, ..SeriesTotal::default() };
        series.apply(&source(origin, &record), total, Arrivals::Recorded { epoch: 1, observations }, 3);
        series.finish_update(3);
    };
    put(&mut series, 5, &[(10, 5.0)]);
    put(&mut series, 9, &[(20, 9.0), (21, 9.0), (22, 9.0)]);
    series.remove(lane(9));
    series.finish_update(3);
    put(&mut series, 1, &[(10, 1.0), (30, 1.0), (31, 1.0)]);
    assert!(!series.is_complete(3), "the one of origin 5 is the third newest");
    // All lanes are read again.
    assert_eq!(series.request_reread(), [1, 5].map(lane));
    put(&mut series, 5, &[(10, 5.0)]);
    put(&mut series, 1, &[(10, 1.0), (30, 1.0), (31, 1.0)]);
    let Value::Timer(timing) = series.value(Kind::Timer) else { panic!() };
    let shown: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
    assert_eq!(shown, [5.0, 1.0, 1.0]);
    // The observation that fell out has the same timestamp now. After all lanes were read, the
    // window is accepted as it is.
    assert!(!series.is_complete(3));
    series.accept_as_is();
    assert!(series.is_complete(3));
}
