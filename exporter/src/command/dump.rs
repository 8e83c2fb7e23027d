//! `ictus dump`: prints the metrics of a directory once.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use ictus::Reader;

use super::{Merge, USAGE_ERROR, source_args::SourceArgs};
use crate::{
    error::Result,
    json, percentiles,
    prometheus_client_files::{self, UnmergedMetrics},
    query::{Format, Query},
    table,
    terminal::{eprint, print},
};

#[derive(Args, Debug)]
pub(super) struct Dump {
    #[command(flatten)]
    input: SourceArgs,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Add native histograms, which only protobuf can carry
    #[arg(long)]
    native: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Prometheus text 0.0.4
    Text,
    /// OpenMetrics text 1.0.0
    #[value(name = "openmetrics")]
    OpenMetrics,
    /// Prometheus's protobuf messages, each after its length; not to a terminal
    Protobuf,
    /// The snapshot as one line of JSON, with the names of the surface
    Json,
    /// All series as a table for people, under the names of the surface
    Table,
    /// Lifetime distributions of timers, as percentile files that HdrHistogram's plotters read
    Percentiles,
}

impl Dump {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        if let Some(refusal) = self.refusal() {
            eprint(&refusal);
            return Ok(USAGE_ERROR);
        }
        // The other actions may wait for workers. Here, an empty result would leave the user without
        // the cause.
        if !self.input.is_readable() {
            return Ok(1);
        }
        let exposition = |format| self.exposition(format, merge);
        let bytes = match self.format {
            OutputFormat::Text => exposition(Format::Text)?,
            OutputFormat::OpenMetrics => exposition(Format::OpenMetrics)?,
            OutputFormat::Protobuf => exposition(Format::Protobuf)?,
            OutputFormat::Json => json::json(&self.snapshot()?, self.input.view()),
            OutputFormat::Table => table::table(&self.snapshot()?, self.input.view()).into(),
            OutputFormat::Percentiles => percentiles::percentiles(&self.snapshot()?).into(),
        };
        Ok(print(&bytes))
    }

    /// Returns the reason why the options contradict each other or the output, if they do.
    fn refusal(&self) -> Option<&'static str> {
        let protobuf = self.format == OutputFormat::Protobuf;
        if self.native && !protobuf {
            Some("only protobuf can carry native histograms: add --format protobuf, or leave --native out")
        } else if protobuf && io::stdout().is_terminal() {
            Some("protobuf is not for a terminal: send it to a file (> metrics.pb) or to another program")
        } else {
            None
        }
    }

    fn exposition(&self, format: Format, merge: Option<&Merge>) -> Result<Vec<u8>> {
        let source = self.input.source(merge);
        let query = Query { format, native: self.native, ..Query::from(source.view()) };
        Ok(source.render(&query)?.bytes().to_vec())
    }

    /// Returns the data that Ictus recorded, without the families of `prometheus_client`.
    fn snapshot(&self) -> Result<ictus::Snapshot> {
        UnmergedMetrics::new(&self.input.directory, prometheus_client_files::NOT_RECORDED).poll();
        Ok(Reader::new(&self.input.directory).snapshot()?)
    }
}
