//! Snapshots and expositions for sinks that request them at the same time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use ictus::surface::View;
use ictus_exporter::Source;

#[test]
fn a_directory_that_does_not_exist_yet_is_read() {
    let parent = tempfile::tempdir().unwrap();
    let source = Source::new(parent.path().join("later"));
    source.text(&View::default()).unwrap();
}

/// More views than the source caches; each is requested again after others replaced it.
#[test]
fn expositions_are_cached_by_view_and_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let registry = ictus::Registry::open(directory.path()).unwrap();
    let wait = registry.timer("wait_seconds", "", &["queue"]).unwrap().labels(&["fast"]).unwrap();
    let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
    let source = Source::new(directory.path());
    let mut views = Vec::new();
    for surfaces in ["legacy", "documented", "legacy,documented", "canonical"] {
        for (summaries, own_state) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut view: View = surfaces.parse().unwrap();
            (view.summaries, view.own_state) = (summaries, own_state);
            views.push(view);
        }
    }
    for round in 1..=3 {
        jobs.inc();
        wait.observe(0.5);
        for view in &views {
            let text = source.text(view).unwrap();
            let text = std::str::from_utf8(&text).unwrap();
            for line in
                [format!("jobs_total {round}.0"), format!("wait_seconds_count{{queue=\"fast\"}} {round}.0")]
            {
                assert_eq!(text.lines().filter(|shown| *shown == line).count(), 1, "{line} in {text}");
            }
            assert_eq!(text.contains("ictus_series "), view.own_state, "{text}");
        }
    }
}

/// A snapshot that was running when a request came does not serve that request.
#[test]
fn response_has_all_observations_before_its_request() {
    let recorded = Arc::new(AtomicUsize::new(1));
    let (entered, running) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let source = Source::from_fn({
        let recorded = recorded.clone();
        move |_| {
            let seen = recorded.load(Ordering::SeqCst);
            entered.send(()).unwrap();
            let _ = gate.recv();
            seen.to_string()
        }
    });
    let first = thread::spawn({
        let source = source.clone();
        move || source.text(&View::default()).unwrap()
    });
    running.recv().unwrap();
    recorded.store(2, Ordering::SeqCst);
    let second = thread::spawn({
        let source = source.clone();
        move || source.text(&View::default()).unwrap()
    });
    thread::sleep(std::time::Duration::from_millis(50));
    drop(go);
    assert_eq!(first.join().unwrap(), "1");
    assert_eq!(second.join().unwrap(), "2");
}

#[test]
fn waiters_time_out_and_see_their_own_observations() {
    let recorded = Arc::new(AtomicUsize::new(0));
    let source = Source::from_fn({
        let recorded = recorded.clone();
        move |_| recorded.load(Ordering::SeqCst).to_string()
    });
    let recorders: Vec<_> = (0..8)
        .map(|_| {
            let (source, recorded) = (source.clone(), recorded.clone());
            thread::spawn(move || {
                for _ in 0..500 {
                    let own = recorded.fetch_add(1, Ordering::SeqCst) + 1;
                    let text = source.text(&View::default()).unwrap();
                    let seen: usize = std::str::from_utf8(&text).unwrap().parse().unwrap();
                    assert!(seen >= own, "{seen} does not show {own}");
                }
            })
        })
        .collect();
    for recorder in recorders {
        recorder.join().unwrap();
    }
}
