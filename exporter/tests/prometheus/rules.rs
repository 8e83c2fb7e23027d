//! docs/fleet/rules: the findings of promtool, and that each alert fires and stays silent when it
//! should.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{programs::installed, server::Prometheus};

/// The prefixes of the metric names of an Ictus endpoint.
const METRICS: [&str; 6] = ["task_", "api_request_", "http_api_", "ictus_", "worker_", "active_"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet/rules")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// Returns the values of a key, of all lines that have it.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let values = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ").unwrap_or(line.trim()).strip_prefix(key));
    values.map(|value| value.trim_start_matches(':').trim()).collect()
}

#[test]
fn promtool_accepts_the_rules_and_their_tests() {
    if !installed(&["promtool"]) {
        return;
    }
    for arguments in [
        ["check", "rules", "alerts.yml", "recording.yml"],
        ["test", "rules", "alerts_test.yml", "recording_test.yml"],
    ] {
        let ran = Command::new("promtool").args(arguments).current_dir(folder()).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn every_rule_has_a_test() {
    let (alerts, tests) = (text("alerts.yml"), text("alerts_test.yml"));
    let alerts: BTreeSet<_> = values(&alerts, "alert").into_iter().collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    let tested: BTreeSet<_> = values(&tests, "alertname").into_iter().collect();
    assert_eq!(alerts, tested);
    // Each alert fires in some test, and promtool checks that no other series fires.
    let rings = tests.split("alertname: ").skip(1).filter(|case| {
        case.split("alertname: ").next().unwrap().split("- eval_time").next().unwrap().contains("exp_labels")
    });
    let rings: BTreeSet<_> = rings.map(|case| case.lines().next().unwrap()).collect();
    assert_eq!(rings, tested);
    let (records, tests) = (text("recording.yml"), text("recording_test.yml"));
    for record in values(&records, "record") {
        assert!(tests.contains(record), "{record}");
    }
}

/// Fails if a query has a metric of Ictus without a job: several jobs may scrape one endpoint.
pub(crate) fn assert_selects_one_job(query: &str, of: &str) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut rest = query;
    while let Some(start) = rest.find(|c| METRICS.iter().any(|name| name.starts_with(c))) {
        // A word starts here, or this is the middle of another word: `sum_task`.
        let inside = rest[..start].ends_with(is_word);
        rest = &rest[start..];
        let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        if !inside && METRICS.iter().any(|name| word.starts_with(name)) {
            let selects = after.strip_prefix('{').and_then(|labels| labels.split('}').next());
            let selects =
                selects.is_some_and(|labels| labels.split(", ").any(|label| label.starts_with("job=\"")));
            assert!(selects, "{of}: {word} without a job: {query}");
        }
        rest = after;
    }
}

#[test]
fn every_rule_selects_one_job() {
    for file in ["alerts.yml", "recording.yml"] {
        let text = text(file);
        // Comments and annotations are not queries. The name of a recording rule,
        // `level:metric:operation`, starts with the level and not with a metric.
        let queries = text.lines().filter(|line| {
            let line = line.trim_start();
            !["#", "summary:", "runbook_url:", "- alert:", "- record:"]
                .iter()
                .any(|start| line.starts_with(start))
        });
        queries.for_each(|query| assert_selects_one_job(query, file));
    }
}

/// Every name in a rule is one that a real server has, or that node-exporter would provide.
pub(crate) fn every_metric_is_there(server: &Prometheus, at: f64) {
    for file in ["alerts.yml", "recording.yml"] {
        let text = text(file);
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let metrics = words.filter(|word| METRICS.iter().any(|start| word.starts_with(start)));
        for metric in metrics.collect::<BTreeSet<_>>() {
            assert!(!server.query(metric, at).is_empty(), "{file}: {metric}");
        }
    }
}
