//! A measurable piece of work: a number of repetitions, after a preparation that is not measured.

use std::{
    fmt,
    time::{Duration, Instant},
};

use criterion::Criterion;

use crate::clock::cpu_time;

/// Times in a row of work that is done in nanoseconds.
pub(crate) const QUICK: u64 = 1 << 17;

/// Work by a name. It is made when it is first asked for.
pub struct Candidate {
    name: String,
    make: Option<Box<dyn FnOnce() -> Work>>,
    work: Option<Work>,
}

/// What is measured.
pub struct Work {
    batch: u64,
    units: f64,
    task: Box<dyn Task>,
}

trait Task {
    fn prepare(&mut self);
    /// Does the work; says what it took where this thread did not do it.
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
    /// Work of nanoseconds, done as often as it is told to.
    pub fn repeated(mut run: impl FnMut(u64) + 'static) -> Work {
        Work::prepared(QUICK, || (), move |(), times| run(times))
    }

    /// Work that needs something new before every `batch` times that it is done.
    pub fn prepared<T: 'static>(
        batch: u64,
        prepare: impl FnMut() -> T + 'static,
        run: impl FnMut(&mut T, u64) + 'static,
    ) -> Work {
        Work { batch, units: 1.0, task: Box::new(Here { prepared: None, prepare, run }) }
    }

    /// Work of another process, which says what it took.
    pub fn elsewhere(run: impl FnMut() -> Duration + 'static) -> Work {
        Work { batch: 1, units: 1.0, task: Box::new(Elsewhere(run)) }
    }

    /// The same, shown as what one of so many parts of it costs.
    #[must_use]
    pub fn of_parts(self, parts: usize) -> Work {
        Work { units: parts as f64, ..self }
    }

    /// Does a batch; gives the time that this thread was on a processor, or what was said instead.
    fn cpu_time(&mut self) -> Duration {
        self.task.prepare();
        let start = cpu_time();
        let elsewhere = self.task.run(self.batch);
        elsewhere.unwrap_or_else(|| cpu_time() - start)
    }

    /// Wall time of so many times, as criterion asks for it.
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
    /// A candidate whose work is made by a function, which also sees that it does what it should.
    pub fn new(name: impl Into<String>, make: impl FnOnce() -> Work + 'static) -> Candidate {
        Candidate { name: name.into(), make: Some(Box::new(make)), work: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Nanoseconds of one time, or of a part of it, in batches until that much has passed.
    pub fn nanoseconds(&mut self, at_least: Duration) -> f64 {
        let work = self.work();
        let (mut spent, mut times) = (Duration::ZERO, 0);
        while spent < at_least || times == 0 {
            spent += work.cpu_time();
            times += work.batch;
        }
        spent.as_nanos() as f64 / times as f64 / work.units
    }

    /// Prepares, then does a part of a batch: what callgrind counts the instructions of. Gives how many
    /// times, or parts of them, that was.
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

/// What is compared with one another; the first candidate is what the others are measured by.
#[derive(Debug)]
pub struct Group {
    /// The name that budgets and criterion know it by.
    pub name: &'static str,
    /// What is measured, in the words of a heading.
    pub about: String,
    /// Never empty.
    pub candidates: Vec<Candidate>,
    /// How many times each is measured.
    pub rounds: usize,
}

impl Group {
    /// A group that is measured fifteen times.
    #[must_use]
    pub fn new(name: &'static str, about: &str, candidates: Vec<Candidate>) -> Group {
        Group { name, about: about.to_owned(), candidates, rounds: 15 }
    }

    /// Hands all candidates to criterion, which knows them as `group/candidate`.
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

/// Runs groups under criterion, with its own options.
pub fn criterion(groups: impl IntoIterator<Item = Group>) {
    let mut criterion = Criterion::default().configure_from_args();
    for mut group in groups {
        group.bench(&mut criterion);
    }
    criterion.final_summary();
}
