//! What sinks that ask at the same time get.

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

#[test]
fn more_families_are_appended_on_lines_of_their_own() {
    let source = |extra: Option<&'static str>| {
        Source::from_fn(|_| "a 1.0\n".to_owned()).with_extra(Arc::new(move || extra.map(str::to_owned)))
    };
    for (extra, expected) in [
        (None, "a 1.0\n"),
        (Some(""), "a 1.0\n"),
        (Some("b 2.0"), "a 1.0\nb 2.0\n"),
        (Some("b 2.0\n"), "a 1.0\nb 2.0\n"),
    ] {
        assert_eq!(source(extra).text(&View::default()).unwrap(), expected);
    }
}

/// A snapshot that was already running when the question came does not answer it.
#[test]
fn what_was_recorded_before_the_question_is_in_the_answer() {
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
fn nobody_waits_for_ever_and_nobody_misses_their_own() {
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
