//! `ictus top`: shows the series in a terminal, live.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{USAGE_ERROR, input::directory};
use crate::{
    error::{Error, Result},
    terminal::tell,
    top::{self, Order},
};

#[derive(Args, Debug)]
pub(super) struct Top {
    /// The metrics directory that the workers record into
    #[arg(value_name = "DIR", env = "ICTUS_DIRECTORY", value_parser = directory())]
    directory: PathBuf,
    /// Which series come first
    #[arg(long, value_enum, default_value_t = Order::P99)]
    sort: Order,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
}

/// From a twentieth of a second to an hour.
fn interval(given: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = given.parse().map_err(|_| "give seconds, such as 0.5".to_owned())?;
    if (0.05..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("from 0.05 to 3600".to_owned())
    }
}

impl Top {
    pub(super) fn run(self) -> Result<i32> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            tell(&"top draws on a terminal, and this is none: print once with ictus dump DIR --format table");
            return Ok(USAGE_ERROR);
        }
        top::run(&self.directory, self.sort, self.interval).map_err(Error::Start)?;
        Ok(0)
    }
}
