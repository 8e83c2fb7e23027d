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
    create: Option<Box<dyn FnOnce() -> Workload>>,
    workload: Option<Workload>,
}

/// The work of a candidate, and how it is repeated.
pub struct Workload {
    batch: u64,
    units: f64,
    runner: Box<dyn Runner>,
}

trait Runner {
    fn prepare(&mut self);
    /// Runs the work. Returns its duration if another process did it.
    fn run(&mut self, times: u64) -> Option<Duration>;
}

struct InProcess<T, P, R> {
    prepared: Option<T>,
    prepare: P,
    run: R,
}

impl<T, P: FnMut() -> T, R: FnMut(&mut T, u64)> Runner for InProcess<T, P, R> {
    fn prepare(&mut self) {
        self.prepared = Some((self.prepare)());
    }

    fn run(&mut self, times: u64) -> Option<Duration> {
        (self.run)(self.prepared.as_mut().expect("prepared before"), times);
        None
    }
}

struct External<R>(R);

impl<R: FnMut() -> Duration> Runner for External<R> {
    fn prepare(&mut self) {}

    fn run(&mut self, times: u64) -> Option<Duration> {
        Some((0..times).map(|_| (self.0)()).sum())
    }
}

impl Workload {
    /// Creates work that takes nanoseconds; `run` repeats it in its own loop.
    pub fn repeated(mut run: impl FnMut(u64) + 'static) -> Workload {
        Workload::prepared(QUICK, || (), move |(), times| run(times))
    }

    /// Creates work that needs a new preparation before every `batch` repetitions.
    pub fn prepared<T: 'static>(
        batch: u64,
        prepare: impl FnMut() -> T + 'static,
        run: impl FnMut(&mut T, u64) + 'static,
    ) -> Workload {
        Workload { batch, units: 1.0, runner: Box::new(InProcess { prepared: None, prepare, run }) }
    }

    /// Creates work that another process does; `run` returns its duration.
    pub fn external(run: impl FnMut() -> Duration + 'static) -> Workload {
        Workload { batch: 1, units: 1.0, runner: Box::new(External(run)) }
    }

    /// Divides the reported cost by a number of parts.
    #[must_use]
    pub fn with_parts(self, parts: usize) -> Workload {
        Workload { units: parts as f64, ..self }
    }

    /// Runs a batch. Returns the processor time of this thread, or the duration that the runner
    /// reported.
    fn cpu_time(&mut self) -> Duration {
        self.runner.prepare();
        let start = cpu_time();
        let external = self.runner.run(self.batch);
        external.unwrap_or_else(|| cpu_time() - start)
    }

    /// Returns the wall time of a number of repetitions, which criterion requests.
    fn wall_time(&mut self, times: u64) -> Duration {
        let (mut spent, mut remaining) = (Duration::ZERO, times);
        while remaining > 0 {
            self.runner.prepare();
            let (batch, start) = (remaining.min(self.batch), Instant::now());
            let external = self.runner.run(batch);
            spent += external.unwrap_or_else(|| start.elapsed());
            remaining -= batch;
        }
        spent
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workload").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate").field(&self.name).finish()
    }
}

impl Candidate {
    /// Creates a candidate. `create` creates its work, and also checks that the work has the intended
    /// effect.
    pub fn new(name: impl Into<String>, create: impl FnOnce() -> Workload + 'static) -> Candidate {
        Candidate { name: name.into(), create: Some(Box::new(create)), workload: None }
    }

    /// Returns the name of the candidate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the nanoseconds of one repetition, or of one part of it. Runs batches until at least
    /// `at_least` has passed.
    pub fn nanoseconds(&mut self, at_least: Duration) -> f64 {
        let workload = self.workload();
        let (mut spent, mut times) = (Duration::ZERO, 0);
        while spent < at_least || times == 0 {
            spent += workload.cpu_time();
            times += workload.batch;
        }
        spent.as_nanos() as f64 / times as f64 / workload.units
    }

    /// Prepares, then runs a part of a batch, whose instructions callgrind counts. Returns the
    /// number of repetitions, or of their parts.
    pub fn run(&mut self, of_batch: f64) -> f64 {
        let workload = self.workload();
        let times = (workload.batch as f64 * of_batch) as u64;
        workload.runner.prepare();
        workload.runner.run(times);
        times as f64 * workload.units
    }

    fn workload(&mut self) -> &mut Workload {
        if let Some(create) = self.create.take() {
            self.workload = Some(create());
        }
        self.workload.as_mut().expect("made now or before")
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
                let workload = candidate.workload();
                bencher.iter_custom(|times| workload.wall_time(times));
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
