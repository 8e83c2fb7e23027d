//! Metadata: what the pages of Prometheus show about each metric.

use ictus::{
    Registry,
    catalog::{TASK_EXECUTE_TIME, TASK_POLL, TASK_RESULT_SIZE},
};

use super::{
    ictus_command,
    programs::{installed, until},
    server::Prometheus,
};

/// Names as Prometheus lists them, each with its type and unit.
const EXPECTED: [(&str, &str, &str); 6] = [
    // Of the job `conductor`, under the documented names: quantiles are gauges.
    ("task_execute_time_seconds", "gauge", "seconds"),
    // Of the job `conductor-canonical`.
    ("task_execute_time_seconds", "histogram", "seconds"),
    ("task_result_size_bytes", "histogram", "bytes"),
    ("task_poll", "counter", ""),
    ("job_seconds", "summary", "seconds"),
    ("ictus_directory_bytes", "gauge", "bytes"),
];

#[test]
fn prometheus_knows_help_type_and_unit() {
    if !installed(&["prometheus", "setpriv"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    registry.catalog_timer(&TASK_EXECUTE_TIME).unwrap().labels(&["resize", "SUCCESS"]).unwrap().observe(1.0);
    registry.catalog_timer(&TASK_RESULT_SIZE).unwrap().labels(&["resize"]).unwrap().observe(100.0);
    registry.catalog_counter(&TASK_POLL).unwrap().labels(&["resize"]).unwrap().inc();
    registry.timer("job_seconds", "How long jobs take.", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
    let (_serving, endpoint) = ictus_command::serve(directory.path());
    let server = Prometheus::start(&["conductor", "conductor-canonical"], false, endpoint, endpoint);
    let is_complete = || {
        let metadata = server.ask("/api/v1/metadata", &[]);
        EXPECTED.iter().all(|(name, kind, unit)| {
            let stated = metadata[name].as_array().into_iter().flatten();
            stated.into_iter().any(|one| one["type"] == *kind && one["unit"] == *unit)
        })
    };
    until("types and units", is_complete);

    let metadata = server.ask("/api/v1/metadata", &[]);
    for (name, all) in metadata.as_object().unwrap() {
        for stated in all.as_array().unwrap() {
            assert!(stated["help"].as_str().is_some_and(|help| help.len() > 5), "{name}: {stated}");
            assert_ne!(stated["type"], "unknown", "{name}");
        }
    }
    assert_eq!(metadata["job_seconds"][0]["help"], "How long jobs take.");
}
