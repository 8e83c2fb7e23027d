//! A real Prometheus: its data from a real endpoint and a real file, and whether docs/promql.md is
//! correct. Needs Debian's packages `prometheus` and `prometheus-node-exporter`
//! (`.ci/prometheus.sh`).
//!
//! The tests compute the expected results from the recorded values (`recorded`): the samples of
//! each set of names (`shown`), and the results of queries on them (`promql`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod consoles;
mod dashboards;
mod exemplars;
mod expected;
mod fleet;
#[path = "../../../core/tests/hostile/segment.rs"]
#[allow(dead_code, reason = "a part of what the core's tests need")]
mod hostile_segment;
mod http;
mod ictus_command;
mod invalid;
mod lint;
mod metadata;
mod native;
mod page;
mod programs;
mod promql;
mod push;
mod queries;
mod recorded;
mod rules;
mod scrapes;
mod secured;
mod server;
mod surfaces;
#[path = "../terminal/mod.rs"]
mod terminal;
mod text;
mod textfile;
