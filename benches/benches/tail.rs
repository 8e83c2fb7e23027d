//! The duration of the slowest observations, alone and while another thread reads all the time.
//!
//! Each observation is timed by itself, so each duration includes two readings of the clock. The
//! first row is these two readings alone. The observing thread and the reading thread are each
//! pinned to a processor.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program that prints, and may stop")]

use std::{
    cell::Cell,
    env,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use hdrhistogram::Histogram;
use ictus_benches::{
    clock::{nanoseconds_per_tick, pin, processors, ticks_in_order},
    data::{Random, ValueTable as Values},
    recorder::{
        Deque, FetchAdd, IctusClockTimer, IctusTimer, MetricsHandle, Prometheus, PrometheusClient, Recorder,
    },
    table::{Table, environment, format_time},
};

const OBSERVATIONS: u64 = 500_000;
/// Observations of a thread before the first one that counts.
const WARM_UP: u64 = 1000;
const ROUNDS: usize = 8;

/// A histogram of durations, in counts of the processor's counter.
type Counts = Histogram<u64>;

/// A recorder: a function that makes a number of observations, with or without a concurrent reader,
/// and the durations of both kinds.
struct Tail {
    name: &'static str,
    observe: Box<dyn Fn(u64, bool) -> Counts>,
    alone: Counts,
    read: Counts,
}

fn main() {
    let measured = env::args().any(|argument| argument == "--bench");
    let (rounds, observations) = if measured { (ROUNDS, OBSERVATIONS) } else { (1, 10_000) };
    let mut tails = [
        tail::<ClockOnly>(),
        tail::<IctusTimer<false>>(),
        tail::<IctusTimer<true>>(),
        tail::<IctusClockTimer<true>>(),
        tail::<FetchAdd>(),
        tail::<Deque>(),
        tail::<PrometheusClient>(),
        tail::<Prometheus>(),
        tail::<MetricsHandle>(),
    ];
    for _ in 0..rounds {
        for tail in &mut tails {
            tail.alone += (tail.observe)(observations, false);
            tail.read += (tail.observe)(observations, true);
        }
    }
    println!("{}", environment());
    let nanoseconds = nanoseconds_per_tick();
    let print = |about: &str, counts: fn(&Tail) -> &Counts| {
        let mut table = Table::new(&[about, "p50", "p99", "p99.9", "p99.99"]);
        for tail in &tails {
            let at = |q| format_time(counts(tail).value_at_quantile(q) as f64 * nanoseconds);
            table.add_row(tail.name, &[0.5, 0.99, 0.999, 0.9999].map(at));
        }
        _ = table.print();
    };
    print("one observation, alone", |tail| &tail.alone);
    print("one observation, with a concurrent reader", |tail| &tail.read);
}

fn tail<R: Recorder + Send + Sync>() -> Tail {
    let (series, state) = R::series(1);
    let observed = Cell::new(0);
    let observe = move |observations, with_reader| {
        let counts = observe::<R>(&series, &state, observations, with_reader);
        R::housekeeping(&state);
        observed.set(observed.get() + WARM_UP + observations);
        if R::IS_LOSSLESS {
            assert_eq!(R::count(&state, &series), observed.get(), "{}", R::NAME);
        }
        counts
    };
    Tail { name: R::NAME, observe: Box::new(observe), alone: counts(), read: counts() }
}

/// A histogram of durations up to a minute or more, to three digits.
fn counts() -> Counts {
    Histogram::new_with_bounds(1, 1 << 40, 3).expect("bounds")
}

fn observe<R: Recorder + Send + Sync>(
    series: &[R],
    state: &R::SharedState,
    observations: u64,
    with_reader: bool,
) -> Counts {
    let processors = processors();
    let (first, last) = (processors[0], processors[processors.len() - 1]);
    let (ready, is_over) = (Barrier::new(1 + usize::from(with_reader)), AtomicBool::new(false));
    let write = || {
        pin(first);
        let (mut one, mut counts, mut random) = (series[0].clone(), counts(), Random::new(7));
        let values = Values::from_fn(|| R::value(random.duration()));
        (0..WARM_UP).for_each(|step| one.observe(values.at(step)));
        ready.wait();
        for step in 0..observations {
            let (value, start) = (values.at(step), ticks_in_order());
            one.observe(value);
            let end = ticks_in_order();
            counts.saturating_record(end - start);
        }
        is_over.store(true, Ordering::Relaxed);
        counts
    };
    let read = || {
        pin(last);
        ready.wait();
        while !is_over.load(Ordering::Relaxed) {
            R::read(state, series);
        }
    };
    thread::scope(|scope| {
        let writer = scope.spawn(write);
        if with_reader {
            scope.spawn(read);
        }
        writer.join().expect("no panic")
    })
}

/// A recorder that drops everything: the cost of the clock alone remains.
#[derive(Clone, Debug)]
struct ClockOnly;

impl Recorder for ClockOnly {
    const NAME: &'static str = "nothing but the clock";
    const IS_LOSSLESS: bool = false;
    type Value = f64;
    type SharedState = ();

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<ClockOnly>, ()) {
        (vec![ClockOnly; series], ())
    }

    #[inline(always)]
    fn observe(&mut self, _: f64) {}

    fn count((): &(), _: &[ClockOnly]) -> u64 {
        0
    }

    fn read((): &(), _: &[ClockOnly]) {}
}
