//! The `ictus` command: the sinks for a shell.
//!
//! Metrics go to standard output, everything else to standard error. Exit codes: 0 done (or ended
//! by SIGTERM or SIGINT), 1 failed, 2 wrongly called. docs/command.md is its page for users.

mod dump;
mod input;
mod serve;
mod signals;
mod write;

use std::{
    ffi::OsString,
    io::{self, Write as _},
};

use clap::{Parser, Subcommand};

use self::{dump::Dump, serve::Serve, write::Write};
use crate::terminal::{self, print, tell};

/// The exit code of a call that cannot be meant, as clap's own.
const WRONGLY_CALLED: i32 = 2;

/// Shows what the workers of Conductor recorded into a metrics directory.
#[derive(Debug, Parser)]
#[command(name = "ictus", version, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serves the metrics over HTTP, for Prometheus to scrape
    Serve(Serve),
    /// Writes the metrics to a file at an interval, for node-exporter's textfile collector
    Write(Write),
    /// Prints the metrics once
    Dump(Dump),
}

/// Runs the command with those arguments, the first being its name, and returns its exit code.
/// SIGTERM and SIGINT are caught while it serves or writes.
pub fn run(args: impl Iterator<Item = OsString>) -> i32 {
    terminal::log_to_standard_error();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(answer) => {
            let text = answer.render().to_string();
            if answer.use_stderr() {
                let _ = io::stderr().lock().write_all(text.as_bytes());
                return answer.exit_code();
            }
            return print(text.as_bytes());
        }
    };
    let done = match cli.action {
        Action::Serve(serve) => serve.run(),
        Action::Write(write) => write.run(),
        Action::Dump(dump) => dump.run(),
    };
    done.unwrap_or_else(|error| {
        tell(&error);
        1
    })
}
