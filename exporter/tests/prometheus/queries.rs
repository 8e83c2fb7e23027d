//! Every configuration and every query of docs/promql.md, on servers with and without support for
//! native histograms.

use std::collections::BTreeSet;

use super::{
    dashboards,
    expected::{self, Names},
    ictus_command, page,
    programs::installed,
    promql::{Facts, Vector, close},
    recorded::{Recorded, record_others},
    rules, scrapes,
    server::{Prometheus, now},
    surfaces, textfile,
};

/// The jobs of a configuration, whether the server accepts native histograms, and the names of its
/// queries.
const SERVERS: [(&[&str], bool, &[Names]); 6] = [
    (&["conductor"], false, &[Names::Sdk]),
    (&["conductor"], true, &[Names::Sdk]),
    (&["conductor", "conductor-canonical"], false, &[Names::Canonical]),
    (&["conductor", "conductor-canonical"], true, &[Names::Canonical]),
    (&["conductor-native"], true, &[Names::Native]),
    (&["node"], false, &[Names::Sdk, Names::Textfile]),
];

#[test]
fn query_results_equal_recorded_values() {
    if !installed(&["prometheus", "prometheus-node-exporter", "setpriv"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let metrics = home.path().join("metrics");
    let registry = ictus::Registry::open(&metrics).unwrap();
    let [initial, added] = [Recorded::initial(), Recorded::added()];
    initial.record(&registry);
    record_others(&registry, &initial);

    let (_serving, endpoint) = ictus_command::serve(&metrics);
    let file = home.path().join("conductor.prom");
    let _writing = ictus_command::write(&metrics, "legacy,documented", &file);
    let (_exporting, exporter) = textfile::exporter(&file);
    let servers =
        SERVERS.map(|(jobs, native, names)| (Prometheus::start(jobs, native, endpoint, exporter), names));
    servers.iter().for_each(|(server, _)| server.until_scraped(2, 0.0));
    added.record(&registry);
    textfile::until_written(&metrics, "legacy,documented", &file);
    let recorded = now();
    servers.iter().for_each(|(server, _)| server.until_scraped(2, recorded));

    let recorded = [initial.clone(), initial.and(&added)];
    let sdk = recorded.each_ref().map(surfaces::sdk);
    let canonical = recorded.each_ref().map(surfaces::canonical);
    let native = recorded.each_ref().map(surfaces::native);
    let (no_samples, no_histograms) = Default::default();
    for (server, names) in &servers {
        let stored = server.stored();
        scrapes::nothing_is_lost(server, &stored);
        for &job in &server.jobs {
            let (shown, native) = match job {
                "conductor" | "node" => (&sdk, &no_histograms),
                "conductor-canonical" => (&canonical, &no_histograms),
                _ => (&no_samples, &native),
            };
            let facts = Facts { job, shown, native, stored: &stored };
            scrapes::ends_are_as_recorded(&facts);
            // The queries of the first job have a separate server.
            if Some(&job) == server.jobs.last() {
                answers_are_as_expected(server, names, &facts);
            }
            // Native histograms have no classic buckets.
            if job == "conductor-canonical" && !server.native {
                dashboards::every_panel_has_an_answer(server, stored.at);
                rules::every_metric_is_there(server, stored.at);
            }
        }
    }
}

fn answers_are_as_expected(server: &Prometheus, names: &[Names], facts: &Facts<'_>) {
    let at = facts.stored.at;
    for (_, query, expectation) in expected::ALL.iter().filter(|(of, ..)| names.contains(of)) {
        let expected = expectation(facts);
        let answer = server.vector(query, at);
        assert!(same(&answer, &expected), "{:?}: {query}: {answer:#?} is not {expected:#?}", facts.job);
        // A silent alert proves nothing unless its metric exists.
        if let Some((alarm, _)) = query.split_once(" > ").filter(|_| answer.is_empty()) {
            assert!(!server.vector(alarm, at).is_empty(), "{alarm}");
        }
    }
}

fn same(left: &Vector, right: &Vector) -> bool {
    left.len() == right.len()
        && left.iter().all(|(labels, value)| right.get(labels).is_some_and(|other| close(*value, *other)))
}

#[test]
fn the_page_and_the_expectations_have_the_same_queries() {
    let page = page::queries();
    let expected: Vec<_> = expected::ALL.iter().map(|(_, query, _)| page::one_line(query)).collect();
    assert_eq!(page, expected);
    assert_eq!(BTreeSet::from_iter(&page).len(), page.len(), "a query is there twice");
}

#[test]
fn every_configuration_of_the_page_has_a_server() {
    let page: Vec<_> = page::configurations();
    let page: BTreeSet<_> = page.iter().map(|configuration| page::jobs(configuration)).collect();
    assert_eq!(page, SERVERS.iter().map(|(jobs, ..)| jobs.to_vec()).collect());
}
