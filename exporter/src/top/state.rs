//! State of the screen: the series of the last snapshot, filtered and ordered.

use std::{collections::HashMap, time::Instant};

use clap::ValueEnum;
use ictus::{
    Snapshot,
    catalog::Unit,
    snapshot::{Health, QUANTILES, Value},
};

use crate::{
    recorded::FamilyOrigin,
    table::{labels, plain},
};

/// Which series come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The slowest
    P99,
    /// The busiest
    Rate,
    /// The most used
    Count,
    /// By name and labels
    Name,
}

/// A timer's series.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) labels: String,
    pub(super) unit: Unit,
    pub(super) count: u64,
    /// Observations a second since the look before; none at the first.
    pub(super) rate: Option<f64>,
    pub(super) quantiles: Option<[f64; QUANTILES.len()]>,
    /// The window, oldest first.
    pub(super) window: Vec<f64>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) order: Order,
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) editing: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    /// The series to show, in their order.
    pub(super) shown: Vec<usize>,
    pub(super) rows: Vec<Row>,
    pub(super) health: Health,
    /// Why the last look failed; what is shown is older.
    pub(super) failed: Option<String>,
    /// What was logged last.
    pub(super) said: String,
    /// The first row in sight, and how many there is room for.
    pub(super) first: usize,
    pub(super) room: usize,
    counts: HashMap<(String, String), u64>,
    looked: Option<Instant>,
}

impl State {
    pub(super) fn new(order: Order) -> State {
        State {
            order,
            filter: String::new(),
            editing: false,
            paused: false,
            help: false,
            shown: Vec::new(),
            rows: Vec::new(),
            health: Health::default(),
            failed: None,
            said: String::new(),
            first: 0,
            room: 0,
            counts: HashMap::new(),
            looked: None,
        }
    }

    /// Takes in a look, or why there is none.
    pub(super) fn saw(&mut self, look: Result<Snapshot, String>, now: Instant) {
        let snapshot = match look {
            Ok(snapshot) => snapshot,
            Err(why) => {
                self.failed = Some(why);
                return;
            }
        };
        self.failed = None;
        let seconds = self.looked.map(|before| now.duration_since(before).as_secs_f64());
        let mut counts = HashMap::new();
        self.rows.clear();
        for family in &snapshot.families {
            let name = plain(FamilyOrigin::of(family).1);
            for series in &family.series {
                let Value::Timer(timing) = &series.value else { continue };
                let key = (name.clone(), labels(family, series));
                // All observations of a new series happened since the previous snapshot.
                let before = self.counts.get(&key).copied().unwrap_or_default();
                let made = timing.count.saturating_sub(before) as f64;
                counts.insert(key.clone(), timing.count);
                self.rows.push(Row {
                    name: key.0,
                    labels: key.1,
                    unit: family.unit,
                    count: timing.count,
                    rate: seconds.filter(|seconds| *seconds > 0.0).map(|seconds| made / seconds),
                    quantiles: timing.window.quantiles(),
                    window: timing.window.observations().iter().map(|seen| seen.value).collect(),
                });
            }
        }
        self.counts = counts;
        self.looked = Some(now);
        self.health = snapshot.health;
        self.arrange();
    }

    /// Orders and filters anew: every word of the filter is in a series' name or labels.
    pub(super) fn arrange(&mut self) {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let fits = |row: &Row| {
            let text = format!("{} {}", row.name, row.labels).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        self.shown = (0..self.rows.len()).filter(|&at| fits(&self.rows[at])).collect();
        let rows = &self.rows;
        let of = |at: usize| match self.order {
            Order::P99 => rows[at].quantiles.map_or(f64::NEG_INFINITY, |quantiles| quantiles[4]),
            Order::Rate => rows[at].rate.unwrap_or(f64::NEG_INFINITY),
            Order::Count => rows[at].count as f64,
            Order::Name => 0.0,
        };
        // Values that are not durations cannot be compared with durations, and come last.
        let last = |at: usize| self.order == Order::P99 && rows[at].unit != Unit::Seconds;
        // Rows are in the order of names and labels, and the sort is stable.
        self.shown
            .sort_by(|&one, &other| last(one).cmp(&last(other)).then_with(|| of(other).total_cmp(&of(one))));
        self.first = self.first.min(self.shown.len().saturating_sub(self.room.max(1)));
    }

    pub(super) fn page(&self) -> isize {
        isize::try_from(self.room.saturating_sub(1).max(1)).unwrap_or(isize::MAX)
    }

    /// Moves what is in sight by so many rows.
    pub(super) fn step(&mut self, rows: isize) {
        let last = self.shown.len().saturating_sub(self.room.max(1));
        self.first = self.first.saturating_add_signed(rows).min(last);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ictus::Registry;

    use super::{Order, State, Unit};

    fn labels(state: &State) -> Vec<&str> {
        state.shown.iter().map(|&at| state.rows[at].labels.as_str()).collect()
    }

    #[test]
    fn series_are_ordered_filtered_and_counted_between_looks() {
        let registry = Registry::new();
        let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
        let observe = |job, times, value| {
            (0..times).for_each(|_| jobs.labels(&[job]).unwrap().observe(value));
        };
        observe("slow", 2, 9.0);
        observe("often", 50, 0.1);
        let start = Instant::now();
        let mut state = State::new(Order::P99);
        state.saw(Ok(registry.snapshot().unwrap()), start);
        assert_eq!(labels(&state), ["job=slow", "job=often"]);
        assert!(state.rows.iter().all(|row| row.rate.is_none()));
        observe("new", 4, 1.0);
        observe("slow", 1, 9.0);
        state.order = Order::Rate;
        state.saw(Ok(registry.snapshot().unwrap()), start + Duration::from_secs(2));
        assert_eq!(labels(&state), ["job=new", "job=slow", "job=often"]);
        assert_eq!(
            state.shown.iter().filter_map(|&at| state.rows[at].rate).collect::<Vec<_>>(),
            [2.0, 0.5, 0.0]
        );
        state.order = Order::Count;
        state.arrange();
        assert_eq!(labels(&state), ["job=often", "job=new", "job=slow"]);
        state.order = Order::Name;
        state.filter = "JOB W".to_owned();
        state.arrange();
        assert_eq!(labels(&state), ["job=new", "job=slow"]);
    }

    #[test]
    fn what_is_no_time_comes_after_all_that_is() {
        let registry = Registry::new();
        let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
        for (job, value) in [("a", 1.0), ("b", 5.0), ("c", 900.0)] {
            jobs.labels(&[job]).unwrap().observe(value);
        }
        let mut state = State::new(Order::P99);
        state.saw(Ok(registry.snapshot().unwrap()), Instant::now());
        state.rows[2].unit = Unit::Bytes;
        state.arrange();
        assert_eq!(labels(&state), ["job=b", "job=a", "job=c"]);
    }

    #[test]
    fn a_look_that_fails_leaves_what_was_seen() {
        let registry = Registry::new();
        registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
        let mut state = State::new(Order::P99);
        state.saw(Ok(registry.snapshot().unwrap()), Instant::now());
        state.saw(Err("gone".to_owned()), Instant::now());
        assert_eq!((state.shown.len(), state.failed.as_deref()), (1, Some("gone")));
        state.saw(Ok(registry.snapshot().unwrap()), Instant::now());
        assert_eq!(state.failed, None);
    }

    #[test]
    fn what_is_in_sight_stays_within_what_there_is() {
        let registry = Registry::new();
        let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
        (0..30).for_each(|job| jobs.labels(&[&job.to_string()]).unwrap().observe(1.0));
        let mut state = State::new(Order::P99);
        state.room = 10;
        state.saw(Ok(registry.snapshot().unwrap()), Instant::now());
        for (step, first) in [(-1, 0), (5, 5), (state.page(), 14), (isize::MAX, 20), (1, 20), (isize::MIN, 0)]
        {
            state.step(step);
            assert_eq!(state.first, first);
        }
        state.step(isize::MAX);
        state.filter = "job=1".to_owned();
        state.arrange();
        assert_eq!((state.shown.len(), state.first), (11, 1));
    }
}
