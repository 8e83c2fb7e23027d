use std::time::{Duration, Instant};

use ictus::{Registry, surface::View};

use super::{Order, State, Unit, line};

fn state(order: Order) -> State {
    State::new(order, View::default())
}

fn labels(state: &State) -> Vec<String> {
    state.shown.iter().map(|&at| line(&state.rows[at].labels)).collect()
}

#[test]
fn series_are_sorted_filtered_and_counted_between_snapshots() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
    let observe = |job, times, value| {
        (0..times).for_each(|_| jobs.labels(&[job]).unwrap().observe(value));
    };
    observe("slow", 2, 9.0);
    observe("often", 50, 0.1);
    let start = Instant::now();
    let mut state = state(Order::P99);
    state.update(Ok(registry.snapshot().unwrap()), start);
    assert_eq!(labels(&state), ["job=slow", "job=often"]);
    assert!(state.rows.iter().all(|row| row.rate.is_none()));
    observe("new", 4, 1.0);
    observe("slow", 1, 9.0);
    state.order = Order::Rate;
    state.update(Ok(registry.snapshot().unwrap()), start + Duration::from_secs(2));
    assert_eq!(labels(&state), ["job=new", "job=slow", "job=often"]);
    assert_eq!(state.shown.iter().filter_map(|&at| state.rows[at].rate).collect::<Vec<_>>(), [2.0, 0.5, 0.0]);
    state.order = Order::Count;
    state.sort_rows();
    assert_eq!(labels(&state), ["job=often", "job=new", "job=slow"]);
    state.order = Order::Name;
    state.filter = "JOB W".to_owned();
    state.sort_rows();
    assert_eq!(labels(&state), ["job=new", "job=slow"]);
}

#[test]
fn every_column_sorts_in_both_directions() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
    for (job, times, value) in [("a", 3, 1.0), ("b", 2, 2.0), ("c", 1, 3.0)] {
        (0..times).for_each(|_| jobs.labels(&[job]).unwrap().observe(value));
    }
    let mut state = state(Order::P99);
    let start = Instant::now();
    state.update(Ok(registry.snapshot().unwrap()), start);
    state.update(Ok(registry.snapshot().unwrap()), start + Duration::from_secs(1));
    for order in Order::ALL {
        state.order = order;
        state.is_reversed = false;
        state.sort_rows();
        let down = labels(&state);
        state.sort(order);
        state.sort_rows();
        let mut up = labels(&state);
        if order != Order::Rate && order != Order::Name {
            assert_ne!(down, up, "{order:?}");
            up.reverse();
            assert_eq!(down, up, "{order:?}");
        }
    }
    assert_eq!(Order::Max.offset_by(1), Order::Name);
    assert_eq!(Order::Name.offset_by(-1), Order::Max);
}

#[test]
fn values_that_are_no_durations_come_after_durations() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
    for (job, value) in [("a", 1.0), ("b", 5.0), ("c", 900.0)] {
        jobs.labels(&[job]).unwrap().observe(value);
    }
    registry.counter("mails", "", &[]).unwrap().labels(&[]).unwrap().add(1e9);
    let mut state = state(Order::P99);
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    state.rows[2].unit = Unit::Bytes;
    for is_reversed in [false, true] {
        state.is_reversed = is_reversed;
        state.sort_rows();
        assert_eq!(labels(&state)[2..], ["job=c", ""]);
    }
}

#[test]
fn counters_are_found_by_both_names() {
    let registry = Registry::new();
    registry.counter("mails", "", &[]).unwrap().labels(&[]).unwrap().inc();
    registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
    let mut state = state(Order::P99);
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    for (filter, matches) in [("mails", 1), ("mails_total{}", 1), ("s", 2), ("{job=\"a\"}", 0)] {
        state.filter = filter.to_owned();
        state.sort_rows();
        assert_eq!(state.shown.len(), matches, "{filter}");
    }
}

#[test]
fn a_failed_snapshot_keeps_the_last_one() {
    let registry = Registry::new();
    registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
    let mut state = state(Order::P99);
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    state.update(Err("gone".to_owned()), Instant::now());
    assert_eq!((state.shown.len(), state.failed.as_deref()), (1, Some("gone")));
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    assert_eq!(state.failed, None);
}

#[test]
fn the_cursor_stays_in_sight_and_follows_its_series() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
    (0..30).for_each(|job| jobs.labels(&[&format!("{job:02}")]).unwrap().observe(f64::from(job)));
    let mut state = state(Order::P99);
    state.height = 10;
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    for (step, cursor, first) in
        [(-1, 0, 0), (5, 5, 0), (state.page(), 14, 5), (isize::MAX, 29, 20), (1, 29, 20), (isize::MIN, 0, 0)]
    {
        state.step(step);
        assert_eq!((state.cursor, state.first), (cursor, first), "{step}");
    }
    jobs.labels(&["12"]).unwrap().observe(99.0);
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    assert_eq!(line(&state.selected().unwrap().labels), "job=12", "the first row stays in sight");
    state.step(3);
    let followed = state.selected().unwrap().selector();
    state.sort(Order::Name);
    state.sort_rows();
    assert_eq!(state.selected().unwrap().selector(), followed);
    state.filter = "job=1".to_owned();
    state.sort_rows();
    assert!(state.shown.len() == 10 && state.cursor < 10 && state.first == 0);
}
