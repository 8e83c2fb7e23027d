//! Exemplars: from a bucket that Prometheus stores to the trace of one observation in it.

use ictus::{Registry, catalog::TASK_EXECUTE_TIME};
use serde_json::Value;

use super::{
    ictus_command,
    programs::{installed, until},
    server::{Prometheus, now},
};

/// Values of two buckets, with their traces. Prometheus 2.42 does not unescape, so nothing here
/// needs escaping.
const OBSERVED: [(f64, &str); 2] = [(0.004, "4bf92f3577b34da6a3ce929d0e0e4736"), (7.5, "a trace, 日")];

#[test]
fn prometheus_stores_exemplars_with_their_series() {
    if !installed(&["prometheus", "setpriv"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = registry.catalog_timer(&TASK_EXECUTE_TIME).unwrap().labels(&["resize", "SUCCESS"]).unwrap();
    let recorded_at = now();
    for (value, trace) in OBSERVED {
        timer.observe_with_exemplar(value, trace);
    }
    let (_serving, endpoint) = ictus_command::serve(directory.path());
    let jobs = ["conductor", "conductor-canonical"];
    let server = Prometheus::start(&jobs, false, endpoint, endpoint);
    let ask = || -> Value {
        let (start, end) = (format!("{:.3}", recorded_at - 60.0), format!("{:.3}", now() + 60.0));
        let query = "task_execute_time_seconds_bucket{task_type=\"resize\"}";
        server.ask("/api/v1/query_exemplars", &[("query", query), ("start", &start), ("end", &end)])
    };
    until("both exemplars", || exemplars(&ask()).len() == OBSERVED.len());

    let stored = exemplars(&ask());
    for (value, trace) in OBSERVED {
        let of_trace = stored.iter().find(|(_, one)| one["labels"]["trace_id"] == trace);
        let (bucket, exemplar) = of_trace.unwrap_or_else(|| panic!("no {trace}: {stored:#?}"));
        assert_eq!(exemplar["value"].as_str().unwrap().parse(), Ok(value));
        let time = exemplar["timestamp"].as_f64().unwrap();
        assert!((recorded_at - 0.001..now()).contains(&time), "{time} is not after {recorded_at}");
        let bound: f64 = bucket["le"].as_str().unwrap().parse().unwrap();
        // The lowest bound that is not below the value.
        assert!(value <= bound && bound <= value * 4.0, "{value} in the bucket of {bound}");
    }
}

/// Returns pairs of series and exemplar.
fn exemplars(answer: &Value) -> Vec<(Value, Value)> {
    let all = answer.as_array().into_iter().flatten();
    let pairs = all.flat_map(|of_series| {
        let exemplars = of_series["exemplars"].as_array().into_iter().flatten();
        exemplars.map(|exemplar| (of_series["seriesLabels"].clone(), exemplar.clone()))
    });
    pairs.collect()
}
