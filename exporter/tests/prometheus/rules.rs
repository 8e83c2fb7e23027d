//! docs/fleet/rules: what promtool finds, and that each alert is seen to ring and to be still.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{programs::installed, server::Prometheus};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet/rules")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// What stands behind a key, in all lines that have it.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let values = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ").unwrap_or(line.trim()).strip_prefix(key));
    values.map(|value| value.trim_start_matches(':').trim()).collect()
}

#[test]
fn promtool_finds_the_rules_right_and_their_tests_pass() {
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
    // Each rings; promtool sees that of the series beside it none does.
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

/// Every name in a rule is one that a real server has, or that node-exporter would bring.
pub(crate) fn every_metric_is_there(server: &Prometheus, at: f64) {
    for file in ["alerts.yml", "recording.yml"] {
        let text = text(file);
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let metrics = words.filter(|word| {
            ["task_", "api_request_", "http_api_", "ictus_", "worker_"]
                .iter()
                .any(|start| word.starts_with(start))
        });
        for metric in metrics.collect::<BTreeSet<_>>() {
            assert!(!server.query(metric, at).is_empty(), "{file}: {metric}");
        }
    }
}
