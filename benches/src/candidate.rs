//! A measurable piece of work: a number of repetitions, after a preparation that is not measured.

use std::{
    fmt,
    time::{Duration, Instant},
};

use criterion::Criterion;

use crate::clock::cpu_time;

/// Repetitions in a batch of work that takes nanoseconds.
pub(crate) const QUICK: u64 = 1 << 17;

/// A piece of work with a name. The work is created on first use.
pub struct Candidate {
    name: String,
    make: Option<Box<dyn FnOnce() -> Work>>,
    work: Option<Work>,
}

/// The work of a candidate, and how it is repeated.
pub struct Work {
    batch: u64,
    units: f64,
    task: Box<dyn Task>,
}

trait Task {
    fn prepare(&mut self);
    /// Runs the work. Returns its duration if another process did it.
    fn run(&mut self, times: u64) -> Option<Duration>;
}

struct Here<T, P, R> {
    prepared: Option<T>,
    prepare: P,
    run: R,
}

impl<T, P: FnMut() -> T, R: FnMut(&mut T, u64)> Task for Here<T, P, R> {
    fn prepare(&mut self) {
        self.prepared = Some((self.prepare)());
    }

    fn run(&mut self, times: u64) -> Option<Duration> {
        (self.run)(self.prepared.as_mut().expect("prepared before"), times);
        None
    }
}

struct Elsewhere<R>(R);

impl<R: FnMut() -> Duration> Task for Elsewhere<R> {
    fn prepare(&mut self) {}

    fn run(&mut self, times: u64) -> Option<Duration> {
        Some((0..times).map(|_| (self.0)()).sum())
    }
}

impl Work {
    /// Creates work that takes nanoseconds; `run` repeats it in its own loop.
    pub fn repeated(mut run: impl FnMut(u64) + 'static) -> Work {
        Work::prepared(QUICK, || (), move |(), times| run(times))
    }

    /// Creates work that needs a new preparation before every `batch` repetitions.
    pub fn prepared<T: 'static>(
        batch: u64,
        prepare: impl FnMut() -> T + 'static,
        run: impl FnMut(&mut T, u64) + 'static,
    ) -> Work {
        Work { batch, units: 1.0, task: Box::new(Here { prepared: None, prepare, run }) }
    }

    /// Creates work that another process does; `run` returns its duration.
    pub fn elsewhere(run: impl FnMut() -> Duration + 'static) -> Work {
        Work { batch: 1, units: 1.0, task: Box::new(Elsewhere(run)) }
    }

    /// Divides the reported cost by a number of parts.
    #[must_use]
    pub fn of_parts(self, parts: usize) -> Work {
        Work { units: parts as f64, ..self }
    }

    /// Runs a batch. Returns the processor time of this thread, or the duration that the task
    /// reported.
    fn cpu_time(&mut self) -> Duration {
        self.task.prepare();
        let start = cpu_time();
        let elsewhere = self.task.run(self.batch);
        elsewhere.unwrap_or_else(|| cpu_time() - start)
    }

    /// Returns the wall time of a number of repetitions, which criterion requests.
    fn wall_time(&mut self, times: u64) -> Duration {
        let (mut spent, mut left) = (Duration::ZERO, times);
        while left > 0 {
            self.task.prepare();
            let (now, start) = (left.min(self.batch), Instant::now());
            let elsewhere = self.task.run(now);
            spent += elsewhere.unwrap_or_else(|| start.elapsed());
            left -= now;
        }
        spent
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate").field(&self.name).finish()
    }
}

impl Candidate {
    /// Creates a candidate. `make` creates its work, and also checks that the work has the intended
    /// effect.
    pub fn new(name: impl Into<String>, make: impl FnOnce() -> Work + 'static) -> Candidate {
        Candidate { name: name.into(), make: Some(Box::new(make)), work: None }
    }

    /// Returns the name of the candidate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the nanoseconds of one repetition, or of one part of it. Runs batches until at least
    /// `at_least` has passed.
    pub fn nanoseconds(&mut self, at_least: Duration) -> f64 {
        let work = self.work();
        let (mut spent, mut times) = (Duration::ZERO, 0);
        while spent < at_least || times == 0 {
            spent += work.cpu_time();
            times += work.batch;
        }
        spent.as_nanos() as f64 / times as f64 / work.units
    }

    /// Prepares, then runs a part of a batch, whose instructions callgrind counts. Returns the
    /// number of repetitions, or of their parts.
    pub fn run(&mut self, of_batch: f64) -> f64 {
        let work = self.work();
        let times = (work.batch as f64 * of_batch) as u64;
        work.task.prepare();
        work.task.run(times);
        times as f64 * work.units
    }

    fn work(&mut self) -> &mut Work {
        if let Some(make) = self.make.take() {
            self.work = Some(make());
        }
        self.work.as_mut().expect("made now or before")
    }
}

/// Candidates that are compared with one another; the first one is the reference of the others.
#[derive(Debug)]
pub struct Group {
    /// The name in budgets and in criterion.
    pub name: &'static str,
    /// A description of the measurement, for a heading.
    pub about: String,
    /// The candidates; never empty.
    pub candidates: Vec<Candidate>,
    /// The number of measurements of each candidate.
    pub rounds: usize,
}

impl Group {
    /// Creates a group that is measured fifteen times.
    #[must_use]
    pub fn new(name: &'static str, about: &str, candidates: Vec<Candidate>) -> Group {
        Group { name, about: about.to_owned(), candidates, rounds: 15 }
    }

    /// Passes all candidates to criterion, which names them `group/candidate`.
    fn bench(&mut self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(self.name);
        for candidate in &mut self.candidates {
            let name = candidate.name.clone();
            group.bench_function(name, |bencher| {
                let work = candidate.work();
                bencher.iter_custom(|times| work.wall_time(times));
            });
        }
        group.finish();
    }
}

/// Runs groups under criterion, with criterion's own options.
pub fn criterion(groups: impl IntoIterator<Item = Group>) {
    let mut criterion = Criterion::default().configure_from_args();
    for mut group in groups {
        group.bench(&mut criterion);
    }
    criterion.final_summary();
}
