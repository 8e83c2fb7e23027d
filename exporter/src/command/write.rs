//! `ictus write`: writes the metrics to a file at an interval.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    Merge, USAGE_ERROR,
    labels::LabelArgs,
    signals,
    source_args::{SourceArgs, file},
};
use crate::{
    error::Result,
    file::PeriodicWriter,
    terminal::{eprint, print},
};

/// The name of standard output.
const STDOUT: &str = "-";

#[derive(Args, Debug)]
pub(super) struct Write {
    #[command(flatten)]
    input: SourceArgs,
    /// The file to write, which node-exporter reads only as *.prom; - for standard output [default: DIR/conductor_metrics.prom]
    #[arg(long, value_name = "FILE", value_parser = file())]
    output: Option<PathBuf>,
    /// The interval of the writes in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = interval)]
    interval: Duration,
    #[command(flatten)]
    labels: LabelArgs,
}

impl Write {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        let output = self.output.unwrap_or_else(|| self.input.directory.join("conductor_metrics.prom"));
        let labels = match self.labels.checked() {
            Ok(labels) => labels,
            Err(refusal) => {
                eprint(&refusal);
                return Ok(USAGE_ERROR);
            }
        };
        if output.is_dir() {
            let file = output.join("conductor_metrics.prom");
            eprint(&format_args!(
                "{} is a directory; name a file in it: --output {}",
                output.display(),
                file.display()
            ));
            return Ok(USAGE_ERROR);
        }
        let (stop, _signals) = signals::stop(None::<fn()>)?;
        let source = self.input.source_when_ready(merge, labels);
        if output == Path::new(STDOUT) {
            loop {
                let printed = source.text(source.view()).map(|text| print(&text));
                match printed {
                    Ok(0) => {}
                    // The reader has closed standard output.
                    Ok(code) => return Ok(code),
                    Err(error) => eprint(&error),
                }
                if stop.wait_until(Instant::now() + self.interval) {
                    return Ok(0);
                }
            }
        }
        let (directory, seconds) = (self.input.directory.display(), self.interval.as_secs_f64());
        eprint(&format_args!("writing {directory} to {} every {seconds} s", output.display()));
        PeriodicWriter::new(source, output, self.interval).run(&stop);
        Ok(0)
    }
}

fn interval(given: &str) -> std::result::Result<Duration, String> {
    given
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.01..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "give seconds between 0.01 and 86400".to_owned())
}
