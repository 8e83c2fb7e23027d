//! The models. Each is a function that a test of the same name calls.

mod fixture;
pub mod lanes;
pub mod limit;
pub mod pages;
pub mod removal;
pub mod ring;

use loom::thread;

use crate::{segment::mapping, sync::pointer};

/// Runs the threads; the last one reads.
///
/// loom keeps the last access to a word, but not the one before. A writer that loads a word before
/// it stores it hides an earlier access of a reader. The first run of all must therefore be the run
/// in which the writers come first: there each load of the reader is checked against the last
/// store.
fn run<const THREADS: usize>(threads: [Box<dyn FnOnce() + Send>; THREADS]) {
    for thread in threads.map(thread::spawn) {
        thread.join().unwrap();
    }
}

/// Runs a model in every order that two or three threads can take with `preemptions` preemptions.
/// The segment has `lines` lines, and may grow to `most`. Prints the number of runs and their time.
fn check(
    name: &str,
    preemptions: usize,
    (lines, most): (usize, usize),
    model: impl Fn() + Sync + Send + 'static,
) {
    static RUNS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 20_000;
    let started = std::time::Instant::now();
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&runs);
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        mapping::size(lines, most);
        pointer::forget();
        model();
    });
    let runs = runs.load(std::sync::atomic::Ordering::Relaxed);
    println!("{name}: {runs} runs in {:.1} s", started.elapsed().as_secs_f64());
}
