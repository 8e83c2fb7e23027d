//! Code blocks of the docs; of docs/promql.md, its configurations and its queries.

use std::{fs, net::SocketAddr, path::Path};

/// Returns the code blocks of a page in one language.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let page = fs::read_to_string(path).unwrap();
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1).map(|rest| rest.split_once("\n```").unwrap().0.to_owned());
    let blocks: Vec<_> = blocks.collect();
    assert!(!blocks.is_empty(), "no {language}");
    blocks
}

/// Returns the queries, each on one line.
pub(crate) fn queries() -> Vec<String> {
    blocks("promql.md", "promql").iter().map(|query| one_line(query)).collect()
}

pub(crate) fn one_line(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the scrape configurations, unchanged.
pub(crate) fn configurations() -> Vec<String> {
    blocks("promql.md", "yaml")
}

/// Returns the names of a configuration's jobs.
pub(crate) fn jobs(configuration: &str) -> Vec<&str> {
    configuration.lines().filter_map(|line| line.trim().strip_prefix("- job_name: ")).collect()
}

/// Returns the configuration with these jobs, adapted for tests: other addresses, scraped every
/// second.
pub(crate) fn configuration(wanted: &[&str], endpoint: SocketAddr, exporter: SocketAddr) -> String {
    let matching = configurations().into_iter().find(|configuration| jobs(configuration) == wanted);
    let page = matching.unwrap_or_else(|| panic!("no configuration of {wanted:?}"));
    assert_eq!(page.matches("scrape_interval: 15s").count(), 1, "{page}");
    let targets = page.matches("[\"localhost:9464\"]").count() + page.matches("[\"localhost:9100\"]").count();
    assert_eq!(targets, wanted.len(), "{page}");
    page.replace("scrape_interval: 15s", "scrape_interval: 1s")
        .replace("localhost:9464", &endpoint.to_string())
        .replace("localhost:9100", &exporter.to_string())
}
