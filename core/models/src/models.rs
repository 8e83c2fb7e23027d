//! The models. Each is a function that a test of the same name calls.

pub mod lanes;
pub mod pages;
pub mod ring;

use crate::segment::map;

/// Runs a model in every order that two or three threads can take with so many preemptions, in a
/// segment of so many lines, which may grow to so many. Prints what it cost.
fn check(name: &str, preemptions: usize, (lines, most): (usize, usize), model: impl Fn() + Sync + Send + 'static) {
    static RUNS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 20_000;
    let started = std::time::Instant::now();
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&runs);
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        map::size(lines, most);
        model();
    });
    let runs = runs.load(std::sync::atomic::Ordering::Relaxed);
    println!("{name}: {runs} runs in {:.1} s", started.elapsed().as_secs_f64());
}
