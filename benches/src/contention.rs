//! The cost of an observation while another thread records into the same series.
//!
//! On a shared machine, threads take turns on the processors, and threads that take turns do not
//! contend: plain averages show every recorder free of contention. Therefore two threads, each
//! pinned to a processor, record the begin of each chunk of some ten microseconds. Only chunks
//! count that lie wholly inside a time in which the other thread ran without a gap.
//!
//! Both threads observe one series. For comparison, each thread also observes a separate series, in
//! another registry. All other effects between two busy processors are in both measurements.
//!
//! On a virtual machine, the distance between the two processors may change from minute to minute.
//! The cost of data that threads share changes with it; the cost of other data stays the same.

use std::{
    fmt,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    clock::{cpu_time, nanoseconds_per_tick, pin, processors, ticks},
    measure::{Measured, median},
};

/// Makes a number of observations.
pub type Observe = Box<dyn FnMut(u64)>;

/// A recorder's two series, each in a separate registry, which many threads observe.
pub struct SharedSeries {
    /// The name of the recorder.
    pub name: &'static str,
    /// Creates a thread's own handle of the first or the second series.
    pub handle: Box<dyn Fn(usize) -> Observe + Sync>,
    /// See [`Recorder::housekeeping`](crate::recorder::Recorder::housekeeping).
    pub housekeeping: Box<dyn Fn() + Sync>,
}

impl fmt::Debug for SharedSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedSeries").field(&self.name).finish()
    }
}

/// The duration of a round, in which two threads run against each other.
const ROUND: Duration = Duration::from_millis(30);
/// The duration of a chunk of observations without contention.
const CHUNK: Duration = Duration::from_micros(10);
/// The minimum number of chunks of a round that counts.
const MIN_CHUNKS: usize = 50;
/// The number of rounds that may fail to count before the measurement is abandoned.
const MAX_FAILED_ROUNDS: usize = 20;
/// A chunk that took longer was interrupted. The limit is not a multiple of the median: if the
/// threads ran concurrently only now and then, contended chunks would pass for interrupted ones.
const MAX_UNINTERRUPTED: Duration = Duration::from_micros(250);
/// Chunks of each thread where threads take turns: more than one turn.
const CHUNKS_PER_THREAD: u64 = 2000;

/// The begin and the end of a chunk, in ticks.
type Chunk = (u64, u64);

/// Measures an observation of one series from two concurrent threads, and from four, relative to
/// its cost when no other thread observes the series.
///
/// Returns none without two processors, or if other processes never leave both of them free.
#[must_use]
pub fn measure(shared: &SharedSeries, rounds: usize) -> Option<[Measured; 2]> {
    let processors = processors();
    let &[first, second, ..] = processors.as_slice() else { return None };
    let nanoseconds = nanoseconds_per_tick();
    let chunk = observations_per_chunk(shared, first);
    let long = (MAX_UNINTERRUPTED.as_nanos() as f64 / nanoseconds) as u64;
    let cpu_cost = |threads| cpu_nanoseconds(shared, threads, CHUNKS_PER_THREAD * chunk);
    let (mut from_two, mut from_four, mut failed) = (Vec::new(), Vec::new(), 0);
    while from_two.len() < rounds {
        let [separate, same] =
            [1, 0].map(|other| concurrent_cost(shared, [(first, 0), (second, other)], chunk, long));
        (shared.housekeeping)();
        let (Some(separate), Some(same)) = (separate, same) else {
            failed += 1;
            if failed > MAX_FAILED_ROUNDS {
                return None;
            }
            continue;
        };
        from_two.push((same * nanoseconds / chunk as f64, same / separate));
        let (alone, four) = (cpu_cost(1), cpu_cost(4));
        (shared.housekeeping)();
        from_four.push((four, four / alone));
    }
    let measured = |threads, rounds: &[(f64, f64)]| Measured {
        name: name(shared, threads),
        nanoseconds: median(rounds.iter().map(|round| round.0)),
        ratio: median(rounds.iter().map(|round| round.1)),
    };
    Some([measured(2, &from_two), measured(4, &from_four)])
}

/// Returns the duration of a chunk, in ticks, on two processors at once, with these series.
/// Returns none if the two threads hardly ever ran concurrently.
fn concurrent_cost(
    shared: &SharedSeries,
    on: [(usize, usize); 2],
    observations: u64,
    long: u64,
) -> Option<f64> {
    let chunks = record_chunks(shared, on, observations);
    let concurrent =
        [(0, 1), (1, 0)].map(|(own, other)| concurrent_chunks(&chunks[own], &chunks[other], long)).concat();
    (concurrent.len() >= MIN_CHUNKS)
        .then(|| median(concurrent.iter().map(|(start, end)| (end - start) as f64)))
}

/// Returns the name of a recorder's cost from a number of threads.
#[must_use]
pub fn name(shared: &SharedSeries, threads: u32) -> String {
    format!("{}, {threads} threads", shared.name)
}

/// Returns the number of observations that take about as long as a chunk should.
fn observations_per_chunk(shared: &SharedSeries, processor: usize) -> u64 {
    let sample = 100_000;
    let took = thread::scope(|scope| {
        let timed = || {
            pin(processor);
            let mut observe = (shared.handle)(0);
            observe(sample);
            let start = Instant::now();
            observe(sample);
            start.elapsed()
        };
        scope.spawn(timed).join().expect("no panic")
    });
    (CHUNK.as_nanos() as u64 * sample / took.as_nanos() as u64).max(1)
}

/// Observes each series on its processor for a round. Returns the chunks of each.
fn record_chunks(shared: &SharedSeries, on: [(usize, usize); 2], observations: u64) -> [Vec<Chunk>; 2] {
    let (ready, is_over) = (Barrier::new(on.len() + 1), AtomicBool::new(false));
    let run = |(processor, series)| {
        pin(processor);
        let mut observe = (shared.handle)(series);
        observe(observations);
        let mut chunks = Vec::with_capacity(1 << 14);
        ready.wait();
        let mut start = ticks();
        while !is_over.load(Ordering::Relaxed) {
            observe(observations);
            let end = ticks();
            chunks.push((start, end));
            start = end;
        }
        chunks
    };
    thread::scope(|scope| {
        let run = &run;
        let threads = on.map(|on| scope.spawn(move || run(on)));
        ready.wait();
        thread::sleep(ROUND);
        is_over.store(true, Ordering::Relaxed);
        threads.map(|thread| thread.join().expect("no panic"))
    })
}

/// Returns the chunks that lie wholly inside a time in which the other thread ran, and were not
/// interrupted.
fn concurrent_chunks(own: &[Chunk], other: &[Chunk], long: u64) -> Vec<Chunk> {
    let running = uninterrupted_spans(other, long);
    let inside = |&&(start, end): &&Chunk| {
        let after = running.partition_point(|span| span.1 < end);
        end - start < long && running.get(after).is_some_and(|span| span.0 <= start)
    };
    own.iter().filter(inside).copied().collect()
}

/// Returns the times without an interruption: consecutive chunks that were not long.
fn uninterrupted_spans(chunks: &[Chunk], long: u64) -> Vec<Chunk> {
    let mut spans: Vec<Chunk> = Vec::new();
    for &(start, end) in chunks.iter().filter(|&&(start, end)| end - start < long) {
        match spans.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => spans.push((start, end)),
        }
    }
    spans
}

/// Returns an observation's share of the processors' time, from threads that may have to take
/// turns.
fn cpu_nanoseconds(shared: &SharedSeries, threads: u32, observations: u64) -> f64 {
    let ready = Barrier::new(threads as usize);
    let run = || {
        let mut observe = (shared.handle)(0);
        observe(1);
        ready.wait();
        let start = cpu_time();
        observe(observations);
        cpu_time() - start
    };
    let spent: Duration = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    spent.as_nanos() as f64 / f64::from(threads) / observations as f64
}

#[cfg(test)]
mod tests {
    use super::concurrent_chunks;

    #[test]
    fn only_concurrent_work_counts() {
        let own = [(0, 10), (10, 20), (20, 30), (30, 95), (95, 105), (105, 115)];
        // The other thread runs from 12 to 22 and from 60 on, with an interruption between 70 and
        // 104.
        let other = [(12, 17), (17, 22), (60, 65), (65, 70), (70, 104), (104, 110), (110, 116)];
        assert_eq!(concurrent_chunks(&own, &other, 30), [(105, 115)]);
        let steady: Vec<_> = (0..30).map(|at| (at * 5, at * 5 + 5)).collect();
        assert_eq!(
            concurrent_chunks(&own, &steady, 30),
            [(0, 10), (10, 20), (20, 30), (95, 105), (105, 115)]
        );
        assert_eq!(concurrent_chunks(&own, &own[..1], 30), [(0, 10)]);
    }
}
