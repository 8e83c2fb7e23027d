//! The SDK's METRICS.md: each of its rows is a family of the documented surface.

use std::collections::BTreeSet;

use ictus::surface::{Exposition, Sample, ShownType, Surface, View};

use crate::common;

/// Name, type and labels of each row. A "timer (quantile gauge)" is a gauge with a `quantile`.
const ROWS: [(&str, ShownType, &[&str]); 24] = {
    use ShownType::{Counter, Gauge};
    [
        ("api_request_time_seconds", Gauge, &["method", "uri", "status", "quantile"]),
        ("api_request_time_seconds_count", Gauge, &["method", "uri", "status"]),
        ("api_request_time_seconds_sum", Gauge, &["method", "uri", "status"]),
        ("task_poll_total", Counter, &["taskType"]),
        ("task_poll_time", Gauge, &["taskType"]),
        ("task_poll_time_seconds", Gauge, &["taskType", "status", "quantile"]),
        ("task_poll_time_seconds_count", Gauge, &["taskType", "status"]),
        ("task_poll_time_seconds_sum", Gauge, &["taskType", "status"]),
        ("task_execute_time", Gauge, &["taskType"]),
        ("task_execute_time_seconds", Gauge, &["taskType", "status", "quantile"]),
        ("task_execute_time_seconds_count", Gauge, &["taskType", "status"]),
        ("task_execute_time_seconds_sum", Gauge, &["taskType", "status"]),
        ("task_execute_error_total", Counter, &["taskType", "exception"]),
        ("task_update_time_seconds", Gauge, &["taskType", "status", "quantile"]),
        ("task_update_time_seconds_count", Gauge, &["taskType", "status"]),
        ("task_update_time_seconds_sum", Gauge, &["taskType", "status"]),
        ("task_update_error_total", Counter, &["taskType", "exception"]),
        ("task_result_size", Gauge, &["taskType"]),
        ("task_execution_queue_full_total", Counter, &["taskType"]),
        ("task_paused_total", Counter, &["taskType"]),
        ("worker_restart_total", Counter, &["taskType"]),
        ("external_payload_used_total", Counter, &["taskType", "payloadType"]),
        ("workflow_input_size", Gauge, &["workflowType", "version"]),
        ("workflow_start_error_total", Counter, &["workflowType", "exception"]),
    ]
};

fn shown(surfaces: &[Surface]) -> Exposition {
    Exposition::new(&common::snapshot(), &View::new(surfaces).unwrap_or_default())
}

#[test]
fn every_row_is_a_documented_family_with_its_type_and_labels() {
    let exposition = shown(&[Surface::Documented]);
    for (name, shown_type, labels) in ROWS {
        let family = exposition.family(name.trim_end_matches("_total"));
        let family = family.unwrap_or_else(|| panic!("{name} is not shown"));
        assert_eq!(family.shown_type, shown_type, "{name}");
        let suffix = if shown_type == ShownType::Counter { "_total" } else { "" };
        let mut expected = labels.to_vec();
        expected.sort_unstable();
        for sample in family.samples() {
            assert_eq!(sample.suffix, suffix, "{name}");
            assert_eq!(names(&sample), expected, "{name}");
        }
    }
}

#[test]
fn documented_surface_shows_no_other_conductor_metric() {
    let documented: BTreeSet<_> = ROWS.iter().map(|(name, ..)| name.trim_end_matches("_total")).collect();
    let exposition = shown(&[Surface::Documented]);
    let families = exposition.families().map(|family| family.name.as_str());
    let others = families.filter(|name| !documented.contains(name) && !name.starts_with("ictus_"));
    let others: Vec<_> = others.collect();
    assert_eq!(others, ["jobs", "level", "wait_seconds"]);
}

#[test]
fn every_row_is_shown_together_with_legacy() {
    let exposition = shown(&[Surface::Legacy, Surface::Documented]);
    for (name, shown_type, labels) in ROWS {
        let family = exposition.family(name.trim_end_matches("_total"));
        let family = family.unwrap_or_else(|| panic!("{name} is not shown"));
        assert_eq!(family.shown_type, shown_type, "{name}");
        let complete = |sample: Sample<'_>| labels.iter().all(|label| names(&sample).contains(label));
        assert!(family.samples().all(complete), "{name}");
    }
}

fn names<'a>(sample: &Sample<'a>) -> Vec<&'a str> {
    sample.labels().map(|(name, _)| name).collect()
}
