//! Observations on one thread: into one series, with a reading of the clock, and into 300 series.

use std::{
    hint::black_box,
    thread::sleep,
    time::{Duration, Instant},
};

use ictus::Registry;

use crate::{
    candidate::{Candidate, Group, QUICK, Workload},
    clock::ticks,
    data::{Random, ValueTable},
    recorder::{
        AtomicHistogram, Deque, FetchAdd, HdrHistogram, IctusClockTimer, IctusTimer, MetricsHandle,
        PlainHistogram, Prometheus, PrometheusClient, Recorder, Series, count, timers,
    },
};

/// Observations that are checked to arrive before the measurement starts.
pub(crate) const CHECKED: u64 = 10_000;
/// The number of series of a busy worker.
pub(crate) const SERIES: usize = 300;

/// Observations into one series, with the end read in advance.
#[must_use]
pub fn one_series() -> Group {
    let candidates = vec![
        one::<FetchAdd>(),
        empty_loop(),
        one::<IctusTimer<false>>(),
        one::<IctusTimer<true>>(),
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
        clock("rdtsc", ticks),
        one::<IctusClockTimer<false>>(),
        one::<IctusClockTimer<true>>(),
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
            Workload::repeated(move |times| (0..times).for_each(|_| _ = black_box(measure())))
        }),
    ];
    Group::new("start to stop", "one timer from start to stop", candidates)
}

/// Observations into 300 series in turn, the frequent ones more often.
#[must_use]
pub fn many_series() -> Group {
    let candidates = vec![
        one::<FetchAdd>(),
        many::<IctusTimer<false>>(),
        many::<IctusTimer<true>>(),
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
    ValueTable::from_fn(|| R::value(random.duration()))
}

fn one<R: Recorder>() -> Candidate {
    Candidate::new(R::NAME, || {
        let (mut series, state) = R::series(1);
        let values = values::<R>();
        let observe = move |series: &mut R, times| {
            for step in 0..times {
                series.observe(values.at(step));
            }
        };
        observe(&mut series[0], CHECKED);
        assert_eq!(R::count(&state, &series), CHECKED, "{}", R::NAME);
        Workload::prepared(
            QUICK,
            move || R::housekeeping(&state),
            move |(), times| observe(&mut series[0], times),
        )
    })
}

/// Reads the counter, then records an observation with that end.
fn read_then_observe<const READINGS: usize>(name: &'static str) -> Candidate {
    Candidate::new(name, move || {
        let (mut series, state) = IctusTimer::<false>::series(1);
        let values = values::<IctusTimer<false>>();
        let mut observe = move |times| {
            for step in 0..times {
                for _ in 0..READINGS {
                    black_box(ticks());
                }
                series[0].observe(values.at(step));
            }
        };
        observe(CHECKED);
        assert_eq!(count(&state), CHECKED, "{name}");
        Workload::repeated(observe)
    })
}

/// The surroundings of every candidate: the loop and the table.
fn empty_loop() -> Candidate {
    Candidate::new("the loop alone", || {
        let values = values::<FetchAdd>();
        assert_eq!((0..CHECKED).map(|step| values.at(step)).sum::<u64>(), CHECKED);
        Workload::repeated(move |times| (0..times).for_each(|step| _ = values.at(step)))
    })
}

fn many<R: Recorder>() -> Candidate {
    Candidate::new(R::NAME, || {
        let (mut series, state) = R::series(SERIES);
        let (values, mut random) = (values::<R>(), Random::new(2));
        let indexes = ValueTable::from_fn(|| random.zipf(SERIES) as u16);
        let observe = move |series: &mut [R], times| {
            for step in 0..times {
                series[usize::from(indexes.at(step))].observe(values.at(step));
            }
        };
        observe(&mut series, CHECKED);
        assert_eq!(R::count(&state, &series), CHECKED, "{}", R::NAME);
        Workload::prepared(
            QUICK,
            move || R::housekeeping(&state),
            move |(), times| observe(&mut series, times),
        )
    })
}

fn measurement(name: &'static str, series: Series) -> Candidate {
    Candidate::new(name, move || {
        let registry = Registry::new();
        let timer = timers(&registry, series, 1).swap_remove(0);
        // The rate of the counter is known once some milliseconds lie between two measurements.
        timer.start().stop();
        sleep(Duration::from_millis(100));
        (1..CHECKED).for_each(|_| _ = timer.start().stop());
        assert_eq!(count(&registry), CHECKED, "{name}");
        Workload::repeated(move |times| {
            for _ in 0..times {
                black_box(timer.start().stop());
            }
        })
    })
}

/// A reading of a clock, which must not go backwards.
fn clock<T: PartialOrd + 'static>(name: &str, read: impl Fn() -> T + 'static) -> Candidate {
    Candidate::new(name, move || {
        assert!((0..CHECKED).map(|_| read()).is_sorted());
        Workload::repeated(move |times| {
            for _ in 0..times {
                black_box(read());
            }
        })
    })
}
