//! Series that are not shown: the log names each cause once. The test runs in a separate process,
//! because the logger is global.

mod log_capture;

use ictus::{
    catalog::{self, Kind},
    expose,
    snapshot::{Family, Series, Snapshot, Value},
    surface::{Exposition, View},
};

fn counter(name: &str, labels: &[&str]) -> Family {
    let values: Vec<_> = labels.iter().map(|&label| label.to_owned()).collect();
    Family::new(name, Kind::Counter, labels, vec![Series::new(values, Value::Counter(1.0))])
}

#[test]
fn each_cause_is_logged_once() {
    log_capture::install(log::LevelFilter::Trace);
    let snapshot = Snapshot::new(vec![
        counter(catalog::TASK_POLL.name, &["taskType"]),
        // Recorded by a program that defines the metric with other labels.
        counter(catalog::TASK_PAUSED.name, &["task_type"]),
        counter("task_poll_total", &[]),
        counter("reserved", &["__name__"]),
    ]);
    let mut view = View::default();
    view.own_state = false;
    for _ in 0..3 {
        let text = expose::text(&Exposition::new(&snapshot, &view));
        assert!(text.ends_with("task_poll_total{taskType=\"taskType\"} 1.0\n"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }
    let said = log_capture::take();
    let of = |name: &str| said.iter().filter(|said| said.starts_with("WARN") && said.contains(name)).count();
    assert_eq!(said.len(), 3, "{said:?}");
    for name in ["\"conductor/task_paused\"", "\"task_poll_total\"", "\"reserved\""] {
        assert_eq!(of(name), 1, "{name}: {said:?}");
    }
}
