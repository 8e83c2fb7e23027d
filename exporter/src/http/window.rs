//! `/window.json`: the newest observations of one series; `/history.json`: its past quantiles.

use hyper::Uri;
use ictus::{Snapshot, snapshot::Value};
use serde::Serialize;

use crate::{
    family_origin::FamilyOrigin,
    history::{History, PastPoint},
    json::Quantiles,
};

/// The identity of a series: the origin and the name of its family, as in `/snapshot.json`, and its
/// label values in the family's order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SeriesKey {
    origin: String,
    name: String,
    labels: Vec<String>,
}

#[derive(Serialize)]
struct Window<'a> {
    count: u64,
    /// Oldest first.
    values: &'a [f64],
}

#[derive(Serialize)]
struct Past {
    /// Oldest first.
    points: Vec<ShownPoint>,
}

#[derive(Serialize)]
struct ShownPoint {
    time: u64,
    count: u64,
    quantiles: Option<Quantiles>,
}

impl SeriesKey {
    pub(super) fn from_uri(uri: &Uri) -> SeriesKey {
        let mut series = SeriesKey { origin: String::new(), name: String::new(), labels: Vec::new() };
        for (key, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match &*key {
                "origin" => series.origin = value.into_owned(),
                "name" => series.name = value.into_owned(),
                "label" => series.labels.push(value.into_owned()),
                _ => {}
            }
        }
        series
    }

    /// Returns the past of the series as JSON; without points if there is none.
    pub(super) fn past(&self, history: Option<&History>) -> Vec<u8> {
        let is_series = |family: &str, labels: &[String]| {
            let (origin, name) = FamilyOrigin::from_name(family);
            origin.name() == self.origin && name == self.name && labels == self.labels
        };
        let points = history.map(|history| history.points(is_series)).unwrap_or_default().into_iter();
        let points = points.map(|PastPoint { time, count, quantiles }| ShownPoint { time, count, quantiles });
        // Serialization fails only if a key is not a string; all keys are.
        serde_json::to_vec(&Past { points: points.collect() }).unwrap_or_default()
    }

    /// Returns the window as JSON; `None` if there is no such timer.
    pub(super) fn json(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        let family = snapshot.families.iter().find(|family| {
            let (origin, name) = FamilyOrigin::from_family(family);
            origin.name() == self.origin && name == self.name
        })?;
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let Some(Value::Timer(timing)) = family.get(&labels) else { return None };
        let values: Vec<f64> = timing.window.iter().map(|seen| seen.value).collect();
        serde_json::to_vec(&Window { count: timing.count, values: &values }).ok()
    }
}
