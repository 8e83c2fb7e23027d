//! A snapshot as JSON for programs: the recorded families, and the names under which a view shows
//! them.
//!
//! docs/command.md describes the schema. Fields are only added; if one is renamed or removed,
//! `version` changes. Numbers that JSON cannot represent are null.

use std::collections::BTreeMap;

use ictus::{
    Snapshot,
    snapshot::{self, QUANTILES, Timing, Value, Window},
    surface::View,
};
use serde::{Serialize, Serializer};

use crate::{family_origin::FamilyOrigin, series_names::FamilyNames};

const VERSION: u32 = 1;

/// Returns the whole snapshot on one line.
pub(crate) fn json(snapshot: &Snapshot, view: &View) -> Vec<u8> {
    let names: Vec<_> = snapshot.families.iter().map(|family| FamilyNames::new(view, family)).collect();
    let families = snapshot.families.iter().zip(&names).map(|(one, names)| family(one, names)).collect();
    let recorded = SnapshotJson { version: VERSION, families, health: health(&snapshot.health) };
    // Serialization fails only if a key is not a string or the writer fails; neither happens here.
    let mut bytes = serde_json::to_vec(&recorded).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[derive(Serialize)]
struct SnapshotJson<'a> {
    version: u32,
    families: Vec<Family<'a>>,
    health: Health,
}

#[derive(Serialize)]
struct Family<'a> {
    name: &'a str,
    origin: &'static str,
    help: &'a str,
    r#type: &'static str,
    unit: Option<&'static str>,
    /// The names under which the view shows the family, the most informative first.
    shown: Vec<Name<'a>>,
    series: Vec<Series<'a>>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
    r#type: &'static str,
    help: &'a str,
    /// The names of the shown labels.
    labels: Vec<&'a str>,
}

#[derive(Serialize)]
struct Series<'a> {
    labels: Labels<'a>,
    /// The labels under the first shown name, if they are not the recorded ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown_labels: Option<OwnLabels>,
    #[serde(flatten)]
    value: ValueJson,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueJson {
    State { value: f64 },
    Timing { count: u64, sum: f64, window: usize, quantiles: Option<Quantiles> },
}

/// The quantiles of a window that are shown over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    p75: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
    pub(crate) max: f64,
}

impl Quantiles {
    /// Returns the quantiles; none if the window is empty.
    pub(crate) fn new(window: &Window) -> Option<Quantiles> {
        let [p50, p75, p90, p95, p99]: [f64; QUANTILES.len()] = window.quantiles()?;
        let (p999, max) = (window.quantile(0.999)?, window.quantile(1.0)?);
        Some(Quantiles { p50, p75, p90, p95, p99, p999, max })
    }
}

/// Label names and values, in the family's order.
struct Labels<'a>(&'a [String], &'a [String]);

/// Label names and values of a view.
struct OwnLabels(Vec<(String, String)>);

#[derive(Serialize)]
struct Health {
    live_segments: u64,
    dead_segments: u64,
    bad_segments: u64,
    unread_lanes: u64,
    unreadable_segments: u64,
    hidden_families: u64,
    conflicting_definitions: u64,
    saturated_sums: u64,
    bytes: u64,
    counts: CountsJson,
}

/// Names and their counts; each name occurs once.
struct CountsJson(Vec<(&'static str, u64)>);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}

impl Serialize for OwnLabels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for CountsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

fn family<'a>(family: &'a snapshot::Family, names: &'a FamilyNames) -> Family<'a> {
    let (origin, name) = FamilyOrigin::from_family(family);
    let shown_names = names.shown.iter().map(|shown| Name {
        name: &shown.name,
        r#type: shown.shown_type.as_str(),
        help: &shown.help,
        labels: shown.label_names().collect(),
    });
    let series = family.series.iter().map(|series| Series {
        labels: Labels(&family.label_names, &series.labels),
        shown_labels: shown_labels(names, series),
        value: value_json(&series.value),
    });
    Family {
        name,
        origin: origin.name(),
        help: &family.help,
        r#type: family.kind.as_str(),
        unit: family.unit.as_str(),
        shown: shown_names.collect(),
        series: series.collect(),
    }
}

fn shown_labels(names: &FamilyNames, series: &snapshot::Series) -> Option<OwnLabels> {
    let shown: Vec<_> = names.label_pairs(&series.labels).collect();
    let is_recorded = names.recorded_pairs(&series.labels).collect::<BTreeMap<_, _>>()
        == shown.iter().copied().collect::<BTreeMap<_, _>>();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    (!is_recorded).then(|| OwnLabels(shown.into_iter().map(owned).collect()))
}

fn value_json(value: &Value) -> ValueJson {
    match value {
        Value::Counter(value) | Value::Gauge(value) => ValueJson::State { value: *value },
        Value::Timer(Timing { count, sum, window, .. }) => ValueJson::Timing {
            count: *count,
            sum: *sum,
            window: window.len(),
            quantiles: Quantiles::new(window),
        },
        // A kind that this version cannot show: the series is listed with the value `null`.
        _ => ValueJson::State { value: f64::NAN },
    }
}

fn health(health: &snapshot::Health) -> Health {
    let snapshot::Health { live_segments, dead_segments, bad_segments, unread_lanes, bytes, .. } = *health;
    let snapshot::Health {
        unreadable_segments,
        hidden_families,
        conflicting_definitions,
        saturated_sums,
        ..
    } = *health;
    Health {
        live_segments,
        dead_segments,
        bad_segments,
        unread_lanes,
        unreadable_segments,
        hidden_families,
        conflicting_definitions,
        saturated_sums,
        bytes,
        counts: CountsJson(health.counts.counts().collect()),
    }
}

#[cfg(test)]
mod tests {
    use ictus::{
        Snapshot,
        catalog::{Kind, Unit},
        snapshot::{Family, Observation, Series, Timing, Value, Window},
        surface::View,
    };

    fn json(snapshot: &Snapshot) -> Vec<u8> {
        super::json(snapshot, &View::default())
    }

    fn family(name: &str, kind: Kind, unit: Unit, names: &[&str], series: &[(&[&str], Value)]) -> Family {
        let strings = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        let series = series.iter().map(|(labels, value)| Series::new(strings(labels), value.clone()));
        let mut family = Family::new(name, kind, names, series.collect());
        family.unit = unit;
        family
    }

    /// Equals the example in the user documentation, except for white space.
    #[test]
    fn every_metric_is_printed_as_documented() {
        let observations = (1..=5).map(|n| Observation::new(n, n as f64 / 8.0));
        let mut full = Timing::default();
        (full.count, full.sum) = (7, 2.5);
        full.window = Window::newest(observations.collect(), 1000);
        let polls = [(&["resize", "SUCCESS"][..], Value::Timer(full))];
        let families = vec![
            family("conductor/task_poll_time", Kind::Timer, Unit::Seconds, &["taskType", "status"], &polls),
            family("jobs", Kind::Counter, Unit::None, &[], &[(&[], Value::Counter(7.0))]),
        ];
        let mut snapshot = Snapshot::new(families);
        (snapshot.health.live_segments, snapshot.health.bytes) = (2, 524_288);
        let page = include_str!("../../docs/command.md");
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut quoted = false;
        let is_said = |character: &char| {
            quoted ^= *character == '"';
            quoted || !character.is_whitespace()
        };
        let expected: String = example.chars().filter(is_said).chain(['\n']).collect();
        assert_eq!(String::from_utf8(json(&snapshot)).unwrap(), expected);
    }

    /// The label has another name in the documented metric than in the record.
    #[test]
    fn labels_of_the_view_are_there_if_they_differ() {
        let names = ["entityName", "operation", "payloadType"];
        let values = [(&["resize", "READ", "TASK"][..], Value::Counter(1.0))];
        let name = "conductor/external_payload_used";
        let families = vec![family(name, Kind::Counter, Unit::None, &names, &values)];
        let snapshot = Snapshot::new(families);
        let bytes = super::json(&snapshot, &"documented".parse().unwrap());
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let family = &parsed["families"][0];
        assert_eq!(family["shown"][0]["name"], "external_payload_used_total");
        assert_eq!(family["shown"][0]["labels"], serde_json::json!(["payloadType", "taskType"]));
        let series = &family["series"][0];
        assert_eq!(series["labels"]["entityName"], "resize");
        assert_eq!(series["shown_labels"]["taskType"], "resize");
        assert_eq!(series["shown_labels"]["operation"], "READ", "it distinguishes the recorded series");
    }

    #[test]
    fn arbitrary_text_and_empty_windows_are_valid() {
        let label = "x\n\u{1b}\"\\é";
        let series = [(&[label][..], Value::Timer(Timing::default()))];
        let families = vec![family("wait", Kind::Timer, Unit::Bytes, &["queue"], &series)];
        let bytes = json(&Snapshot::new(families));
        assert_eq!(bytes.iter().filter(|byte| byte.is_ascii_control()).count(), 1, "the end of the line");
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let series = &parsed["families"][0]["series"][0];
        assert_eq!(series["labels"]["queue"], label);
        assert!(series["count"] == 0 && series["quantiles"].is_null(), "{series}");
    }

    #[test]
    fn numbers_without_a_json_form_are_null() {
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0];
        let series: Vec<_> = values.iter().map(|value| (&[][..], Value::Gauge(*value))).collect();
        let families = vec![family("level", Kind::Gauge, Unit::None, &[], &series)];
        let bytes = json(&Snapshot::new(families));
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let shown: Vec<_> =
            (0..values.len()).map(|at| parsed["families"][0]["series"][at]["value"].as_f64()).collect();
        assert_eq!(shown, [None, None, None, Some(f64::MAX), Some(-0.0)]);
        assert!(parsed["families"][0]["series"][0]["value"].is_null());
    }
}
