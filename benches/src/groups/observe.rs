//! Observations on one thread: into one series, with a reading of the clock, and into 300 series.

use std::{
    hint::black_box,
    thread::sleep,
    time::{Duration, Instant},
};

use ictus::Registry;

use crate::{
    candidate::{Candidate, Group, QUICK, Work},
    clock::counter,
    data::{Random, ValueTable},
    recorder::{
        AtomicHistogram, Deque, FetchAdd, HdrHistogram, MetricsHandle, Ours, PlainHistogram, Prometheus,
        PrometheusClient, Recorder, Series, Stamped, count, timers,
    },
};

/// Observations that are checked to arrive before the measurement starts.
pub(crate) const CHECKED: u64 = 10_000;
/// The number of series of a busy worker.
pub(crate) const MANY: usize = 300;

/// Observations into one series, with the end read in advance.
#[must_use]
pub fn one_series() -> Group {
    let candidates = vec![
        one::<FetchAdd>(),
        loop_alone(),
        one::<Ours<false>>(),
        one::<Ours<true>>(),
        one::<PlainHistogram>(),
        one::<HdrHistogram>(),
        one::<AtomicHistogram>(),
        one::<Deque>(),
        one::<PrometheusClient>(),
        one::<Prometheus>(),
        one::<MetricsHandle>(),
    ];
    Group::new("observe", "one observation, its end given", candidates)
}

/// Observations that read the clock themselves.
///
/// The reference reads the counter and then observes, in one loop: no such observation can do less.
/// On Intel the counter overlaps with nothing and the costs add up; on AMD they do not.
#[must_use]
pub fn with_the_clock() -> Group {
    let candidates = vec![
        read_then_observe::<1>("rdtsc, then observe_at"),
        clock("rdtsc", counter),
        one::<Stamped<false>>(),
        one::<Stamped<true>>(),
        clock("Instant::now", Instant::now),
    ];
    Group::new("clock", "one observation that reads the clock", candidates)
}

/// Timers from start to stop.
#[must_use]
pub fn start_to_stop() -> Group {
    let candidates = vec![
        read_then_observe::<2>("two rdtsc, then observe_at"),
        measurement("ictus", Series::Plain),
        measurement("ictus with buckets", Series::Buckets),
        Candidate::new("two Instant::now", || {
            let measure = || Instant::now().elapsed();
            assert!((0..CHECKED).map(|_| measure()).sum::<Duration>() > Duration::ZERO);
            Work::repeated(move |times| (0..times).for_each(|_| _ = black_box(measure())))
        }),
    ];
    Group::new("start to stop", "one timer from start to stop", candidates)
}

/// Observations into 300 series in turn, the frequent ones more often.
#[must_use]
pub fn many_series() -> Group {
    let candidates = vec![
        one::<FetchAdd>(),
        many::<Ours<false>>(),
        many::<Ours<true>>(),
        many::<PlainHistogram>(),
        many::<AtomicHistogram>(),
        many::<Deque>(),
        many::<HdrHistogram>(),
        many::<Prometheus>(),
    ];
    Group::new("series", "one observation of 300 series in turn (Zipf)", candidates)
}

pub(super) fn values<R: Recorder>() -> ValueTable<R::Value> {
    let mut random = Random::new(1);
    ValueTable::of(|| R::value(random.duration()))
}

fn one<R: Recorder>() -> Candidate {
    Candidate::new(R::NAME, || {
        let (mut series, books) = R::series(1);
        let values = values::<R>();
        let observe = move |series: &mut R, times| {
            for step in 0..times {
                series.observe(values.at(step));
            }
        };
        observe(&mut series[0], CHECKED);
        assert_eq!(R::count(&books, &series), CHECKED, "{}", R::NAME);
        Work::prepared(QUICK, move || R::settle(&books), move |(), times| observe(&mut series[0], times))
    })
}

/// Reads the counter, then records an observation with that end.
fn read_then_observe<const READINGS: usize>(name: &'static str) -> Candidate {
    Candidate::new(name, move || {
        let (mut series, books) = Ours::<false>::series(1);
        let values = values::<Ours<false>>();
        let mut observe = move |times| {
            for step in 0..times {
                for _ in 0..READINGS {
                    black_box(counter());
                }
                series[0].observe(values.at(step));
            }
        };
        observe(CHECKED);
        assert_eq!(count(&books), CHECKED, "{name}");
        Work::repeated(observe)
    })
}

/// The surroundings of every candidate: the loop and the table.
fn loop_alone() -> Candidate {
    Candidate::new("the loop alone", || {
        let values = values::<FetchAdd>();
        assert_eq!((0..CHECKED).map(|step| values.at(step)).sum::<u64>(), CHECKED);
        Work::repeated(move |times| (0..times).for_each(|step| _ = values.at(step)))
    })
}

fn many<R: Recorder>() -> Candidate {
    Candidate::new(R::NAME, || {
        let (mut series, books) = R::series(MANY);
        let (values, mut random) = (values::<R>(), Random::new(2));
        let places = ValueTable::of(|| random.zipf(MANY) as u16);
        let observe = move |series: &mut [R], times| {
            for step in 0..times {
                series[usize::from(places.at(step))].observe(values.at(step));
            }
        };
        observe(&mut series, CHECKED);
        assert_eq!(R::count(&books, &series), CHECKED, "{}", R::NAME);
        Work::prepared(QUICK, move || R::settle(&books), move |(), times| observe(&mut series, times))
    })
}

fn measurement(name: &'static str, kept: Series) -> Candidate {
    Candidate::new(name, move || {
        let registry = Registry::new();
        let timer = timers(&registry, kept, 1).swap_remove(0);
        // The rate of the counter is known once some milliseconds lie between two measurements.
        timer.start().stop();
        sleep(Duration::from_millis(100));
        (1..CHECKED).for_each(|_| _ = timer.start().stop());
        assert_eq!(count(&registry), CHECKED, "{name}");
        Work::repeated(move |times| {
            for _ in 0..times {
                black_box(timer.start().stop());
            }
        })
    })
}

/// A reading of a clock, which must not go backwards.
fn clock<T: PartialOrd + 'static>(name: &str, look: impl Fn() -> T + 'static) -> Candidate {
    Candidate::new(name, move || {
        assert!((0..CHECKED).map(|_| look()).is_sorted());
        Work::repeated(move |times| {
            for _ in 0..times {
                black_box(look());
            }
        })
    })
}
