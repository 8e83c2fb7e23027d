//! The results of scrapes: each job is up, no sample is lost, and types and help texts are as
//! declared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    http,
    promql::{Facts, close},
    server::{Prometheus, Stored, number},
    text::{Series, Text},
};

/// The metrics that Prometheus adds to each job.
const ADDED: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Each job has the data of its target: every sample with its value, every family with its type and
/// help.
pub(crate) fn nothing_is_lost(server: &Prometheus, stored: &Stored) {
    let targets = server.ask("/api/v1/targets", &[("state", "active")]);
    let targets = targets["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), server.jobs.len());
    let mut stated = BTreeSet::new();
    for target in targets {
        let job = target["labels"]["job"].as_str().unwrap();
        let text = shown_at(target["scrapeUrl"].as_str().unwrap());
        let native: Vec<&str> =
            if job == "conductor-native" { text.of_type("histogram").collect() } else { Vec::new() };
        assert_eq!(native.is_empty(), job != "conductor-native", "{job}");

        // A native histogram is one sample.
        let mut expected = BTreeMap::new();
        for (series, value) in &text.samples {
            match native.iter().find(|name| part_of(&series.name, name)) {
                None => expected.insert(series.clone().relabelled(), Some(*value)),
                Some(name) if series.name.ends_with("_count") => {
                    let series = Series { name: (*name).to_owned(), labels: series.labels.clone() };
                    expected.insert(series.relabelled(), None)
                }
                Some(_) => continue,
            };
        }
        let added = |name| number(stored.ends(job, &Series::new(name, &[]))[1]);
        assert_eq!(added("up"), 1.0, "{job}");
        assert_eq!(added("scrape_samples_scraped"), expected.len() as f64, "{job}");
        assert_eq!(added("scrape_samples_post_metric_relabeling"), expected.len() as f64, "{job}");

        let names = stored.of_job(job).filter(|series| !ADDED.contains(&series.name.as_str()));
        assert_eq!(names.collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{job}");
        for (series, value) in expected.iter().filter(|(series, _)| rests(&series.name)) {
            let last = stored.ends(job, series)[1];
            assert!(
                value.is_none_or(|value| number(last) == value),
                "{job}: {series:?}: {last}, not {value:?}"
            );
        }
        stated.extend(text.families);
    }
    let exposed: BTreeSet<_> = metadata(server).collect();
    // A server without native histograms requests OpenMetrics from Ictus, and that format states a
    // counter's name without its suffix. node-exporter does not support it.
    let openmetrics = !server.native && server.jobs != ["node"];
    let plain = |name: &str, kind: &str| match name.strip_suffix("_total") {
        Some(short) if kind == "counter" && openmetrics => short.to_owned(),
        _ => name.to_owned(),
    };
    let stated: BTreeSet<_> =
        stated.into_iter().map(|(name, (kind, help))| (plain(&name, &kind), kind, help)).collect();
    assert_eq!(exposed, stated, "{:?}", server.jobs);
}

/// The first and the last sample of each series are the values that were recorded at first and in
/// the end.
pub(crate) fn ends_are_as_recorded(facts: &Facts<'_>) {
    let job = facts.job;
    let mut checked = 0;
    for (at, shown) in facts.shown.iter().enumerate() {
        for (series, value) in shown {
            let scraped = number(facts.stored.ends(job, series)[at]);
            assert!(close(scraped, *value), "{job}: {series:?}: {scraped}, not {value}");
            checked += 1;
        }
    }
    for (at, native) in facts.native.iter().enumerate() {
        for (series, histogram) in native {
            let scraped = facts.stored.ends(job, series)[at];
            assert!(histogram.is(scraped), "{job}: {series:?}: {scraped:#}, not {histogram:?}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{job}: {checked}");
}

/// Fetches and parses the text of a target.
fn shown_at(url: &str) -> Text {
    let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    Text::parse(&http::get(address.parse().unwrap(), &format!("/{target}")).unwrap())
}

fn part_of(sample: &str, histogram: &str) -> bool {
    sample.strip_prefix(histogram).is_some_and(|end| ["_bucket", "_count", "_sum"].contains(&end))
}

/// Whether a sample stays the same while no process records.
fn rests(name: &str) -> bool {
    !name.starts_with("ictus_snapshots") && !name.starts_with("node_")
}

/// Returns name, type and help of each family that a server has.
fn metadata(server: &Prometheus) -> impl Iterator<Item = (String, String, String)> {
    let response = server.ask("/api/v1/metadata", &[]);
    let response = response.as_object().unwrap().clone().into_iter();
    response.flat_map(|(name, stated)| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let stated = stated.as_array().unwrap().clone();
        stated.into_iter().map(move |stated| (name.clone(), text(&stated["type"]), text(&stated["help"])))
    })
}
