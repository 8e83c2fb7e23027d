//! Real Prometheus: what it makes of a real endpoint and of a real file, and whether docs/promql.md is
//! true. Needs Debian's packages `prometheus` and `prometheus-node-exporter` (`.ci/prometheus.sh`).
//!
//! What the servers should say is computed here, from what was recorded (`recorded`): which samples
//! each set of names has (`shown`), and what a query makes of them (`promql`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

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
#[path = "../shell/mod.rs"]
mod shell;
mod shown;
mod text;
mod textfile;
