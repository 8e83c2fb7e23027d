//! `ictus top`: shows the series in a terminal, live.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use ictus::surface::View;

use super::{USAGE_ERROR, signals, source_args::directory};
use crate::{
    error::{Error, Result},
    shutdown::ShutdownFlag,
    terminal::eprint,
    top::{self, Options, Order},
};

#[derive(Args, Debug)]
pub(super) struct Top {
    /// The metrics directory in which the workers record
    #[arg(value_name = "DIR", env = "ICTUS_DIRECTORY", value_parser = directory())]
    directory: PathBuf,
    /// The set of names to show: legacy, documented, or canonical alone
    #[arg(long, value_name = "NAMES", env = "ICTUS_SURFACES", default_value = "legacy,documented")]
    surface: View,
    /// Which series come first
    #[arg(long, value_enum, default_value_t = Order::P99)]
    sort: Order,
    /// Seconds between two snapshots
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
}

/// From a twentieth of a second to an hour.
fn interval(given: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = given.parse().map_err(|_| "give seconds, such as 0.5".to_owned())?;
    if (0.05..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("give seconds from 0.05 to 3600".to_owned())
    }
}

impl Top {
    pub(super) fn run(self) -> Result<i32> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            eprint(
                &"top needs a terminal as standard input and output; print the metrics once with `ictus dump DIR --format table`",
            );
            return Ok(USAGE_ERROR);
        }
        let hangup = ShutdownFlag::new();
        let (stop, _signals) = signals::stop(Some({
            let hangup = hangup.clone();
            move || hangup.set()
        }))?;
        let options = Options { order: self.sort, interval: self.interval, view: self.surface };
        top::run(&self.directory, options, &|| stop.is_set() || hangup.is_set()).map_err(Error::Start)?;
        Ok(0)
    }
}
