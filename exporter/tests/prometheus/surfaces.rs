//! The samples that each set of names shows of the recorded data, computed by plain sums and
//! sorting.

use std::collections::BTreeMap;

use ictus::catalog::{self, Definition, Unit};

use super::{
    native::Native,
    recorded::Recorded,
    text::{Samples, Series},
};

const WINDOW: usize = 1_000;
const QUANTILES: [(&str, f64); 5] =
    [("0.5", 0.5), ("0.75", 0.75), ("0.9", 0.9), ("0.95", 0.95), ("0.99", 0.99)];
const TIMES: [&str; 12] =
    ["0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0"];
const SIZES: [&str; 6] = ["100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07"];

/// Returns the samples under the names that the SDK emits and documents.
pub(crate) fn sdk(recorded: &Recorded) -> Samples {
    let mut shown = counters(recorded, catalog::TASK_EXECUTE_ERROR_MESSAGE);
    for (definition, labels, values) in &recorded.timers {
        let names: &[&str] = match definition.name {
            "conductor/api_request_time" => &["api_request_time_seconds", "http_api_client_request"],
            "conductor/task_poll_time" => &["task_poll_time_seconds"],
            "conductor/task_execute_time" => &["task_execute_time_seconds"],
            "conductor/task_update_time" => &["task_update_time_seconds"],
            _ => &[],
        };
        for name in names {
            let mut put = |suffix: &str, more: &[(&str, &str)], value| {
                shown.insert(series(&format!("{name}{suffix}"), definition, labels, more), value);
            };
            put("_count", &[], values.len() as f64);
            put("_sum", &[], values.iter().sum());
            let mut window = values[values.len().saturating_sub(WINDOW)..].to_vec();
            window.sort_by(f64::total_cmp);
            for (label, quantile) in QUANTILES {
                let position = quantile * (window.len() - 1) as f64;
                let (lower, upper) = (window[position.floor() as usize], window[position.ceil() as usize]);
                put("", &[("quantile", label)], lower + position.fract() * (upper - lower));
            }
        }
    }
    shown
}

/// Returns the samples under the canonical names, with classic buckets.
pub(crate) fn canonical(recorded: &Recorded) -> Samples {
    let mut shown = counters(recorded, catalog::TASK_EXECUTE_ERROR);
    shown.insert(Series::new("active_workers", &[("taskType", "resize")]).relabelled(), recorded.active);
    for (definition, labels, values) in &recorded.timers {
        let name = canonical_name(definition);
        let mut put = |suffix: &str, more: &[(&str, &str)], value| {
            shown.insert(series(&format!("{name}{suffix}"), definition, labels, more), value);
        };
        put("_count", &[], values.len() as f64);
        put("_sum", &[], values.iter().sum());
        let bounds = if definition.unit == Unit::Bytes { &SIZES[..] } else { &TIMES };
        for bound in bounds.iter().chain(&["+Inf"]) {
            let limit: f64 = bound.replace("Inf", "inf").parse().unwrap();
            let within = values.iter().filter(|value| **value <= limit).count();
            put("_bucket", &[("le", bound)], within as f64);
        }
    }
    shown
}

/// Returns the canonical histograms as native ones.
pub(crate) fn native(recorded: &Recorded) -> BTreeMap<Series, Native> {
    let timers = recorded.timers.iter();
    let shown = timers.map(|(definition, labels, values)| {
        (series(canonical_name(definition), definition, labels, &[]), Native::of(values))
    });
    shown.collect()
}

fn canonical_name(definition: &Definition) -> &'static str {
    match definition.name {
        "conductor/api_request_time" => "http_api_client_request_seconds",
        "conductor/task_poll_time" => "task_poll_time_seconds",
        "conductor/task_execute_time" => "task_execute_time_seconds",
        "conductor/task_update_time" => "task_update_time_seconds",
        "conductor/task_result_size" => "task_result_size_bytes",
        name => panic!("{name} is not recorded"),
    }
}

/// Returns the counters; failed executions come from the family `errors`.
fn counters(recorded: &Recorded, errors: Definition) -> Samples {
    let mut shown = Samples::new();
    for (definition, labels, total) in &recorded.counters {
        let name = match definition.name {
            "conductor/task_poll" => "task_poll_total",
            "conductor/task_execution_queue_full" => "task_execution_queue_full_total",
            "conductor/worker_restart" => "worker_restart_total",
            "conductor/task_paused" => "task_paused_total",
            name if name == errors.name => "task_execute_error_total",
            _ => continue,
        };
        shown.insert(series(name, definition, labels, &[]), *total);
    }
    for reason in
        ["label_too_long", "nan", "negative", "no_memory", "reentered", "removed", "too_large", "unlabelled"]
    {
        let refused = if reason == "nan" { recorded.refused as f64 } else { 0.0 };
        shown.insert(Series::new("ictus_observations_rejected_total", &[("reason", reason)]), refused);
    }
    shown
}

fn series(name: &str, definition: &Definition, labels: &[String], more: &[(&str, &str)]) -> Series {
    let own = definition.labels.iter().copied().zip(labels.iter().map(String::as_str));
    let labels: Vec<_> = own.chain(more.iter().copied()).collect();
    Series::new(name, &labels).relabelled()
}
