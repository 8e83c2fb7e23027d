use ictus::{
    Snapshot,
    catalog::{EXTERNAL_PAYLOAD_USED, Kind, TASK_EXECUTE_TIME, Unit},
    snapshot::{Family, Series, Timing, Value},
    surface::View,
};
use serde::Deserialize;

use super::{FamilyNames, Search};
use crate::json::json;

/// The searches that `top` and the live page are tested with. A browser test reads the same file.
#[derive(Deserialize)]
struct Cases {
    snapshot: serde_json::Value,
    /// The names of the series of the snapshot, in its order.
    series: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    search: String,
    matches: Vec<String>,
    #[serde(default)]
    has_error: bool,
}

fn family(name: &str, kind: Kind, labels: &[&str], series: &[&[&str]]) -> Family {
    let value = || match kind {
        Kind::Timer => Value::Timer(Timing::default()),
        Kind::Counter => Value::Counter(1.0),
        _ => Value::Gauge(1.0),
    };
    let series = series.iter().map(|values| {
        let values: Vec<String> = values.iter().map(|&one| one.to_owned()).collect();
        Series::new(values, value())
    });
    Family::new(name, kind, labels, series.collect())
}

fn snapshot() -> Snapshot {
    let mut executed = family(
        TASK_EXECUTE_TIME.name,
        Kind::Timer,
        TASK_EXECUTE_TIME.labels,
        &[&["charge_card", "SUCCESS"], &["refund", "FAILURE"]],
    );
    executed.unit = Unit::Seconds;
    let payload = EXTERNAL_PAYLOAD_USED;
    Snapshot::new(vec![
        executed,
        family(payload.name, payload.kind, payload.labels, &[&["resize", "READ", "TASK_INPUT"]]),
        family("queue.depth", Kind::Gauge, &["région"], &[&["Été à la mer"], &["-"]]),
        family("jobTime", Kind::Timer, &["path"], &[&["C:\\new \"a\"\n"], &["a+b"]]),
    ])
}

#[test]
fn searches_find_the_series_of_the_shared_cases() {
    let Cases { snapshot: shared, series: ids, cases } =
        serde_json::from_str(include_str!("../../tests/search_cases.json")).unwrap();
    let (snapshot, view) = (snapshot(), View::default());
    let written: serde_json::Value = serde_json::from_slice(&json(&snapshot, &view)).unwrap();
    assert_eq!(written["families"], shared["families"], "{}", written["families"]);
    for Case { search: text, matches, has_error } in cases {
        let search = Search::parse(&text);
        let mut next_id = ids.iter();
        let mut matching = Vec::new();
        for family in &snapshot.families {
            let names = FamilyNames::new(&view, family);
            for series in &family.series {
                let id = next_id.next().unwrap();
                if search.matches(&names, &series.labels) {
                    matching.push(id.clone());
                }
            }
        }
        assert_eq!((matching, search.error().is_some()), (matches, has_error), "{text}");
    }
}

#[test]
fn an_invalid_expression_is_reported() {
    let search = Search::parse("{status=~\"(\"}");
    assert!(
        search
            .error()
            .is_some_and(|error| error == "( is not a regular expression of Prometheus: unclosed group")
    );
    assert!(Search::parse("{status=~\"a\"}").error().is_none());
}
