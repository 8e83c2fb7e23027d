//! docs/fleet/grafana: every query of every panel returns data.

use std::{fs, path::Path};

use serde_json::Value;

use super::{rules, server::Prometheus};

/// The dashboards, each with the job whose names it shows.
pub(crate) const DASHBOARDS: [(&str, &str); 3] = [
    ("conductor-documented", "conductor"),
    ("conductor-legacy", "conductor"),
    ("conductor-canonical", "conductor-canonical"),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet/grafana")
}

/// Checks every panel on a server that has both jobs, with their data.
pub(crate) fn every_panel_has_an_answer(server: &Prometheus, at: f64) {
    for (name, job) in DASHBOARDS {
        let dashboard = read(name);
        assert_eq!(dashboard["uid"], name);
        let mut queries = 0;
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let query = chosen(target["expr"].as_str().unwrap(), job);
                let answer = server.query(&query, at);
                let numbers = answer.iter().filter(|series| series["value"][1] != "NaN");
                assert!(numbers.count() > 0, "{name}, {}: {query}: {answer:?}", panel["title"]);
                // Without the label, a legend would show `{{taskType}}`, or nothing.
                let legend = target["legendFormat"].as_str().unwrap();
                for label in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
                    let labelled = answer.iter().all(|series| series["metric"][label].is_string());
                    assert!(labelled, "{name}, {}: {label} in {answer:?}", panel["title"]);
                }
                queries += 1;
            }
        }
        assert!(queries >= 15, "{name}: {queries}");
        for choice in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(query) = choice["definition"].as_str() else { continue };
            let (metric, label) = query
                .strip_prefix("label_values(")
                .unwrap()
                .strip_suffix(')')
                .unwrap()
                .rsplit_once(", ")
                .unwrap();
            let values = server.query(&format!("count by ({label}) ({})", chosen(metric, job)), at);
            assert!(values.iter().any(|value| value["metric"][label].is_string()), "{name}: {query}");
        }
    }
}

fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

/// Returns the query of a panel that has one.
pub(crate) fn query(name: &str, title: &str) -> String {
    let dashboard = read(name);
    let mut panels = dashboard["panels"].as_array().unwrap().iter();
    let panel = panels.find(|panel| panel["title"] == title).unwrap();
    panel["targets"][0]["expr"].as_str().unwrap().to_owned()
}

/// Returns the job that a dashboard selects when it is opened: the first one, in order, of its
/// choices.
pub(crate) fn first_job(name: &str, ask: impl Fn(&str) -> Vec<Value>) -> String {
    let dashboard = read(name);
    let mut choices = dashboard["templating"]["list"].as_array().unwrap().iter();
    let choice = choices.find(|choice| choice["name"] == "job").unwrap();
    assert_eq!(
        (&choice["multi"], &choice["includeAll"]),
        (&Value::Bool(false), &Value::Bool(false)),
        "{name}"
    );
    let definition = choice["definition"].as_str().unwrap();
    let metric = definition.strip_prefix("label_values(").unwrap().strip_suffix(", job)").unwrap();
    let jobs = ask(&format!("count by (job) ({metric})"));
    jobs.iter().map(|series| series["metric"]["job"].as_str().unwrap().to_owned()).min().unwrap()
}

/// Returns a query as Grafana sends it, with one job selected and all of its task types.
pub(crate) fn chosen(query: &str, job: &str) -> String {
    query.replace("$job", job).replace("$taskType", ".*").replace("$__rate_interval", "5m")
}

#[test]
fn every_dashboard_is_tested() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let dashboards = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut names: Vec<_> =
        dashboards.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    let mut tested = DASHBOARDS.map(|(name, _)| name);
    tested.sort_unstable();
    assert_eq!(names, tested);
}

#[test]
fn every_query_selects_one_job() {
    for (name, _) in DASHBOARDS {
        let dashboard = read(name);
        let targets =
            dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array());
        for query in targets.flatten().map(|target| target["expr"].as_str().unwrap()) {
            rules::assert_selects_one_job(query, name);
        }
    }
}
