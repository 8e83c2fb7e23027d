//! Random processes with random options, compared with a model.
//!
//! The processes start, record, end and are retired while readers of every kind read. No total
//! falls, no observation is lost or counted twice, and windows equal those of the model.

use std::collections::{BTreeMap, HashMap};

use ictus::{
    FamilyOptions, Reader, Registry, Snapshot,
    snapshot::{Series, Value},
};

/// A random generator; a failing test prints its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

fn seeds() -> impl Iterator<Item = u64> {
    let cases = std::env::var("ICTUS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(20);
    (1..=cases).map(|case: u64| case.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A reader that retires and one that does not. Both keep state between snapshots;
/// [`Readers::look`] may also use a new reader.
struct Readers<'a> {
    path: &'a std::path::Path,
    known: [Reader; 2],
}

impl<'a> Readers<'a> {
    fn new(path: &'a std::path::Path) -> Readers<'a> {
        Readers { path, known: [Reader::new(path), Reader::new(path).without_retiring()] }
    }

    fn look(&mut self, which: u64) -> Snapshot {
        let snapshot = match which {
            0 | 1 => self.known[which as usize].snapshot(),
            2 => Reader::new(self.path).without_retiring().snapshot(),
            _ => Reader::new(self.path).snapshot(),
        };
        let snapshot = snapshot.unwrap();
        assert_eq!((snapshot.health.bad_segments, snapshot.health.unread_lanes), (0, 0));
        snapshot
    }
}

/// Returns count, sum and buckets of a timer, or a counter's value.
fn totals(series: &Series) -> Vec<f64> {
    match &series.value {
        Value::Counter(value) => vec![*value],
        Value::Gauge(_) => Vec::new(),
        Value::Timer(timing) => {
            let all = timing.distribution.count() as f64;
            vec![timing.count as f64, timing.sum, all]
        }
        other => panic!("{other:?}"),
    }
}

/// Fewer places than series, limits that change, processes that end in any order.
#[test]
fn totals_never_decrease_and_none_is_lost() {
    for seed in seeds() {
        let mut random = Random(seed);
        let directory = tempfile::tempdir().unwrap();
        let mut readers = Readers::new(directory.path());
        let mut living: HashMap<u64, Registry> = HashMap::new();
        let mut shown: BTreeMap<(String, Vec<String>), Vec<f64>> = BTreeMap::new();
        let (mut counted, mut observed) = (0.0, 0.0);
        for step in 0..80 {
            let process = random.below(4);
            if random.below(6) == 0 {
                living.remove(&process);
            } else {
                let options = FamilyOptions::default()
                    .max_series(random.one_of(&[1, 2, 3, 100]))
                    .window(random.one_of(&[3, 70]));
                let registry = living
                    .entry(process)
                    .or_insert_with(|| Registry::open_with(directory.path(), options).unwrap());
                let queue = random.below(6).to_string();
                let (times, by) = (random.one_of(&[1, 3, 80]), random.below(100) as f64);
                registry.counter("jobs", "", &["queue"]).unwrap().labels(&[&queue]).unwrap().add(by);
                let timer = registry.timer("work", "", &["queue"]).unwrap().labels(&[&queue]).unwrap();
                (0..times).for_each(|_| timer.observe(0.5));
                (counted, observed) = (counted + by, observed + f64::from(times));
            }
            let snapshot = readers.look(random.below(4));
            let mut sums = [0.0, 0.0];
            for family in &snapshot.families {
                for series in &family.series {
                    let now = totals(series);
                    sums[usize::from(family.name == "work")] += now[0];
                    let previous = shown.insert((family.name.clone(), series.labels.to_vec()), now.clone());
                    let fell = previous.iter().flatten().zip(&now).any(|(previous, now)| previous > now);
                    assert!(!fell, "seed {seed}, step {step}: {series:?} was {previous:?}");
                }
            }
            assert_eq!(sums, [counted, observed], "seed {seed}, step {step}: {snapshot:#?}");
            let series: usize = snapshot.families.iter().map(|family| family.series.len()).sum();
            assert_eq!(series, shown.len(), "seed {seed}, step {step}: a series is gone");
        }
    }
}

/// Series are removed and expire in a full family. No total falls except those of the removed or
/// expired series, and nothing leaves the overflow series.
#[test]
fn other_totals_do_not_decrease_when_series_are_removed_or_expire() {
    for seed in seeds() {
        let mut random = Random(seed);
        let directory = tempfile::tempdir().unwrap();
        let mut readers = Readers::new(directory.path());
        let mut living: HashMap<u64, Registry> = HashMap::new();
        let mut shown: BTreeMap<(String, Vec<String>), Vec<f64>> = BTreeMap::new();
        let mut log = Vec::new();
        for step in 0..80 {
            let process = random.below(4);
            let queue = random.below(6).to_string();
            // The series whose totals may fall in this step.
            let mut may_fall: Box<dyn Fn(&str) -> bool> = Box::new(|_| false);
            match random.below(9) {
                0 => {
                    log.push(format!("{process} ends"));
                    living.remove(&process);
                }
                1 | 2 if living.contains_key(&process) => {
                    log.push(format!("{process} removes {queue}"));
                    let registry = &living[&process];
                    registry.counter("jobs", "", &["queue"]).unwrap().remove(&[&queue]).unwrap();
                    registry.timer("work", "", &["queue"]).unwrap().remove(&[&queue]).unwrap();
                    may_fall = Box::new(move |label| label == queue);
                }
                3 if living.contains_key(&process) => {
                    log.push(format!("all of {process} expires"));
                    living[&process].remove_idle(std::time::Duration::from_nanos(1)).unwrap();
                    may_fall = Box::new(|label| label != ictus::OVERFLOW);
                }
                _ => {
                    let limit = random.one_of(&[1, 2, 3]);
                    log.push(format!("{process} (of {limit}) records {queue}"));
                    let registry = living.entry(process).or_insert_with(|| {
                        let options = FamilyOptions::default().max_series(limit).window(3);
                        Registry::open_with(directory.path(), options).unwrap()
                    });
                    let times = random.one_of(&[1, 3, 80]);
                    let jobs = registry.counter("jobs", "", &["queue"]).unwrap().labels(&[&queue]).unwrap();
                    let timer = registry.timer("work", "", &["queue"]).unwrap().labels(&[&queue]).unwrap();
                    (0..times).for_each(|_| {
                        jobs.inc();
                        timer.observe(0.5);
                    });
                }
            }
            let snapshot = readers.look(random.below(4));
            let series = snapshot.families.iter().flat_map(|family| {
                family.series.iter().map(|one| ((family.name.clone(), one.labels.to_vec()), totals(one)))
            });
            let now: BTreeMap<_, _> = series.collect();
            for (name, previous) in &shown {
                let falls = match now.get(name) {
                    Some(now) => previous.iter().zip(now).any(|(previous, now)| previous > now),
                    None => previous.iter().any(|&previous| previous > 0.0),
                };
                assert!(
                    !falls || may_fall(&name.1[0]),
                    "seed {seed}, step {step}: {name:?} fell from {previous:?} to {:?}: {log:#?}",
                    now.get(name)
                );
            }
            shown = now;
        }
    }
}

/// A process in the model.
struct Modelled {
    /// Its position in the order in which processes began to record.
    begun: u64,
    window: usize,
    lives: bool,
    /// Its newest observations, as their numbers.
    lane: Vec<u64>,
}

/// The newest definition sets the length of the window; definitions of living processes take
/// precedence. A process contributes as many observations as its own definition keeps.
#[test]
fn windows_equal_those_of_the_model() {
    for seed in seeds() {
        let mut random = Random(seed);
        let directory = tempfile::tempdir().unwrap();
        let mut readers = Readers::new(directory.path());
        let mut living: HashMap<u64, (Registry, usize)> = HashMap::new();
        let mut model: Vec<Modelled> = Vec::new();
        let mut created = 0;
        for step in 0..80 {
            let process = random.below(4);
            if random.below(6) == 0 {
                if let Some((_, at)) = living.remove(&process) {
                    model[at].lives = false;
                }
            } else {
                // The first process keeps the most: the totals keep the largest window that there
                // was.
                let window = if model.is_empty() { 70 } else { random.one_of(&[2, 5, 30, 70]) };
                let (registry, at) = living.entry(process).or_insert_with(|| {
                    let options = FamilyOptions::default().window(window);
                    let begun = model.len() as u64;
                    model.push(Modelled { begun, window: window as usize, lives: true, lane: Vec::new() });
                    (Registry::open_with(directory.path(), options).unwrap(), model.len() - 1)
                });
                let timer = registry.timer("work", "", &[]).unwrap().labels(&[]).unwrap();
                for _ in 0..random.one_of(&[1, 3, 20, 90]) {
                    created += 1;
                    timer.observe(created as f64);
                    model[*at].lane.push(created);
                }
            }
            let snapshot = readers.look(random.below(4));
            let holds = model.iter().max_by_key(|process| (process.lives, process.begun));
            let Some(holds) = holds else { continue };
            let mut expected: Vec<u64> = model
                .iter()
                .flat_map(|process| process.lane.iter().rev().take(process.window))
                .copied()
                .collect();
            expected.sort_unstable();
            let expected = expected.split_off(expected.len().saturating_sub(holds.window));
            let Some(Value::Timer(timing)) = snapshot.get("work", &[]) else { panic!("{snapshot:?}") };
            let window: Vec<u64> = timing.window.observations().iter().map(|one| one.value as u64).collect();
            assert_eq!(window, expected, "seed {seed}, step {step}");
            assert_eq!(timing.count, created, "seed {seed}, step {step}");
        }
    }
}
