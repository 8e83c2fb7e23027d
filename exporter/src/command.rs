//! The `ictus` command: the sinks for a shell.
//!
//! Metrics go to standard output, everything else to standard error. Exit codes: 0 done (or ended
//! by SIGTERM or SIGINT), 1 failed, 2 wrongly called.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    thread,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ictus::{Reader, surface::View};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::{Handle, Signals},
};

use crate::{
    error::{Error, Result},
    file::Loop,
    http::Server,
    query::{Format, Query},
    source::Source,
    stop::Stop,
    table,
    terminal::{self, print, tell},
};

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

/// What every action takes.
#[derive(Args, Debug)]
struct Input {
    /// The metrics directory that the workers record into
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The surfaces to show: legacy, documented, or canonical alone
    #[arg(long, value_name = "NAMES", env = "ICTUS_SURFACES", default_value = "legacy,documented")]
    surface: View,
}

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    input: Input,
    /// Where to listen; 0.0.0.0 or [::] for all interfaces
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9464", value_parser = addresses)]
    listen: Addresses,
}

#[derive(Args, Debug)]
struct Write {
    #[command(flatten)]
    input: Input,
    /// The file to write; node-exporter reads only *.prom [default: DIR/conductor_metrics.prom]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seconds from one write to the next
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = interval)]
    interval: Duration,
}

#[derive(Args, Debug)]
struct Dump {
    #[command(flatten)]
    input: Input,
    /// How to print
    #[arg(long, value_enum, default_value_t = Printed::Text)]
    format: Printed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Printed {
    /// Prometheus text 0.0.4
    Text,
    /// OpenMetrics text 1.0.0
    #[value(name = "openmetrics")]
    OpenMetrics,
    /// A table of what was recorded, whatever the surface
    Table,
}

/// A host may have several addresses; the first that can be bound is served.
#[derive(Clone, Debug)]
struct Addresses(Vec<SocketAddr>);

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

impl Serve {
    fn run(self) -> Result<i32> {
        let source = self.input.awaited();
        let (stop, _signals) = stop_on_signals()?;
        let server = self.listen.start(&source)?;
        let address = server.local_addr();
        tell(&format_args!("serving {} at http://{address}/metrics", self.input.directory.display()));
        stop.wait();
        server.stop();
        Ok(0)
    }
}

impl Write {
    fn run(self) -> Result<i32> {
        let output = self.output.unwrap_or_else(|| self.input.directory.join("conductor_metrics.prom"));
        let (stop, _signals) = stop_on_signals()?;
        let (directory, seconds) = (self.input.directory.display(), self.interval.as_secs_f64());
        tell(&format_args!("writing {directory} to {} every {seconds} s", output.display()));
        Loop::new(self.input.awaited(), output, self.interval).run(&stop);
        Ok(0)
    }
}

impl Dump {
    fn run(self) -> Result<i32> {
        // The other actions may wait for their workers; a person would look at nothing and wonder.
        if !self.input.directory.is_dir() {
            tell(&format_args!(
                "{} is not a directory; give the metrics directory that the workers record into",
                self.input.directory.display()
            ));
            return Ok(1);
        }
        let format = match self.format {
            Printed::Text => Format::Text,
            Printed::OpenMetrics => Format::OpenMetrics,
            Printed::Table => {
                let snapshot = Reader::new(&self.input.directory).snapshot()?;
                return Ok(print(table::table(&snapshot).as_bytes()));
            }
        };
        let source = self.input.source();
        let rendered = source.render(&Query { format, ..Query::from(source.view()) })?;
        Ok(print(rendered.bytes()))
    }
}

impl Input {
    /// The source, for an action that goes on: workers may start later.
    fn awaited(&self) -> Source {
        if !self.directory.is_dir() {
            tell(&format_args!("{} does not exist yet; waiting for workers", self.directory.display()));
        }
        self.source()
    }

    fn source(&self) -> Source {
        Source::new(&self.directory).with_view(self.surface.clone())
    }
}

impl Addresses {
    fn start(&self, source: &Source) -> Result<Server> {
        let mut tried = Err(Error::Start(io::ErrorKind::AddrNotAvailable.into()));
        for address in &self.0 {
            tried = Server::start(source.clone(), *address);
            if tried.is_ok() {
                break;
            }
        }
        tried
    }
}

fn addresses(given: &str) -> std::result::Result<Addresses, String> {
    match given.to_socket_addrs().map(Vec::from_iter) {
        Ok(found) if !found.is_empty() => Ok(Addresses(found)),
        Ok(_) => Err("this host has no address".to_owned()),
        Err(error) => Err(format!("{error}; give a host and a port, such as 127.0.0.1:9464")),
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

/// A flag that SIGTERM and SIGINT set, as long as the guard lives.
fn stop_on_signals() -> Result<(Stop, SignalGuard)> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Error::Start)?;
    let guard = SignalGuard(signals.handle());
    let stop = Stop::new();
    thread::Builder::new()
        .name("ictus-signal".to_owned())
        .spawn({
            let stop = stop.clone();
            move || {
                if signals.forever().next().is_some() {
                    stop.set();
                }
            }
        })
        .map_err(Error::Start)?;
    Ok((stop, guard))
}

/// Ends the thread that waits for signals.
struct SignalGuard(Handle);

impl Drop for SignalGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}
