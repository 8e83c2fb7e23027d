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
    clock::{counter_after, nanoseconds_a_count, pin, processors},
    data::{Random, ValueTable as Values},
    recorder::{Deque, FetchAdd, MetricsHandle, Ours, Prometheus, PrometheusClient, Recorder, Stamped},
    table::{Table, circumstances, time},
};

const OBSERVATIONS: u64 = 500_000;
/// Observations of a thread before the first one that counts.
const WARMING: u64 = 1000;
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
        of::<Nothing>(),
        of::<Ours<false>>(),
        of::<Ours<true>>(),
        of::<Stamped<true>>(),
        of::<FetchAdd>(),
        of::<Deque>(),
        of::<PrometheusClient>(),
        of::<Prometheus>(),
        of::<MetricsHandle>(),
    ];
    for _ in 0..rounds {
        for tail in &mut tails {
            tail.alone += (tail.observe)(observations, false);
            tail.read += (tail.observe)(observations, true);
        }
    }
    println!("{}", circumstances());
    let nanoseconds = nanoseconds_a_count();
    let print = |about: &str, counts: fn(&Tail) -> &Counts| {
        let mut table = Table::new(&[about, "p50", "p99", "p99.9", "p99.99"]);
        for tail in &tails {
            let at = |q| time(counts(tail).value_at_quantile(q) as f64 * nanoseconds);
            table.add(tail.name, &[0.5, 0.99, 0.999, 0.9999].map(at));
        }
        _ = table.print();
    };
    print("one observation, alone", |tail| &tail.alone);
    print("one observation, with a concurrent reader", |tail| &tail.read);
}

fn of<R: Recorder + Send + Sync>() -> Tail {
    let (series, books) = R::series(1);
    let observed = Cell::new(0);
    let observe = move |observations, beside_a_reader| {
        let counts = observe::<R>(&series, &books, observations, beside_a_reader);
        R::settle(&books);
        observed.set(observed.get() + WARMING + observations);
        if R::KEEPS_ALL {
            assert_eq!(R::count(&books, &series), observed.get(), "{}", R::NAME);
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
    books: &R::Books,
    observations: u64,
    beside_a_reader: bool,
) -> Counts {
    let processors = processors();
    let (first, last) = (processors[0], processors[processors.len() - 1]);
    let (ready, over) = (Barrier::new(1 + usize::from(beside_a_reader)), AtomicBool::new(false));
    let write = || {
        pin(first);
        let (mut one, mut counts, mut random) = (series[0].clone(), counts(), Random::new(7));
        let values = Values::of(|| R::value(random.duration()));
        (0..WARMING).for_each(|step| one.observe(values.at(step)));
        ready.wait();
        for step in 0..observations {
            let (value, start) = (values.at(step), counter_after());
            one.observe(value);
            let end = counter_after();
            counts.saturating_record(end - start);
        }
        over.store(true, Ordering::Relaxed);
        counts
    };
    let read = || {
        pin(last);
        ready.wait();
        while !over.load(Ordering::Relaxed) {
            R::read(books, series);
        }
    };
    thread::scope(|scope| {
        let writer = scope.spawn(write);
        if beside_a_reader {
            scope.spawn(read);
        }
        writer.join().expect("no panic")
    })
}

/// A recorder that drops everything: the cost of the clock alone remains.
#[derive(Clone, Debug)]
struct Nothing;

impl Recorder for Nothing {
    const NAME: &'static str = "nothing but the clock";
    const KEEPS_ALL: bool = false;
    type Value = f64;
    type Books = ();

    fn value(seconds: f64) -> f64 {
        seconds
    }

    fn series(series: usize) -> (Vec<Nothing>, ()) {
        (vec![Nothing; series], ())
    }

    #[inline(always)]
    fn observe(&mut self, _: f64) {}

    fn count((): &(), _: &[Nothing]) -> u64 {
        0
    }

    fn read((): &(), _: &[Nothing]) {}
}
