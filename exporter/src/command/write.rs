//! `ictus write`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Merge, input::Input, signals};
use crate::{error::Result, file::Loop, terminal::tell};

#[derive(Args, Debug)]
pub(super) struct Write {
    #[command(flatten)]
    input: Input,
    /// The file to write; node-exporter reads only *.prom [default: DIR/conductor_metrics.prom]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seconds from one write to the next
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = interval)]
    interval: Duration,
}

impl Write {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        let output = self.output.unwrap_or_else(|| self.input.directory.join("conductor_metrics.prom"));
        let (stop, _signals) = signals::stop(None::<fn()>)?;
        let (directory, seconds) = (self.input.directory.display(), self.interval.as_secs_f64());
        tell(&format_args!("writing {directory} to {} every {seconds} s", output.display()));
        Loop::new(self.input.awaited(merge), output, self.interval).run(&stop);
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
