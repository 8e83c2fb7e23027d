//! `ictus serve`: serves the metrics over HTTP.

use std::time::{Duration, Instant};

use clap::Args;

use super::{
    Merge, USAGE_ERROR, labels::LabelArgs, security_args::SecurityArgs, signals, source_args::SourceArgs,
};
use crate::{
    error::Result,
    history,
    http::{BoundAddress, ListenAddress, Security, Server},
    terminal::eprint,
};

#[derive(Args, Debug)]
pub(super) struct Serve {
    #[command(flatten)]
    input: SourceArgs,
    /// The address: HOST:PORT (0.0.0.0 or [::] for all interfaces), or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: ListenAddress,
    /// Add native histograms to protobuf responses; a request with ?native=0 omits them
    #[arg(long)]
    native: bool,
    /// A host name that requests may use, in addition to IP addresses and localhost; may be repeated.
    /// Without any, an endpoint on a loopback address accepts no other name, and an endpoint elsewhere
    /// accepts all
    #[arg(long = "allow-host", value_name = "NAME", env = "ICTUS_ALLOWED_HOSTS", value_delimiter = ',')]
    allowed_hosts: Vec<String>,
    /// Serve below this path, for example behind a proxy: /ictus serves /ictus/metrics
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true, value_parser = prefix)]
    path_prefix: String,
    /// Minutes of past quantiles on the live page, from a snapshot every 10 seconds; 0 for none
    #[arg(long, value_name = "MINUTES", default_value = "15", value_parser = clap::value_parser!(u64).range(..=60))]
    history: u64,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    secure: SecurityArgs,
}

impl Serve {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        let labels = match self.labels.checked() {
            Ok(labels) => labels,
            Err(refusal) => {
                eprint(&refusal);
                return Ok(USAGE_ERROR);
            }
        };
        let source = self
            .input
            .source_when_ready(merge, labels)
            .with_native(self.native)
            .with_path_prefix(&self.path_prefix)
            .with_history(Duration::from_secs(60 * self.history));
        let security = self.secure.open()?;
        let scheme = if security.as_ref().is_some_and(Security::is_tls) { "https" } else { "http" };
        let reload = security.clone().map(|security| move || print_reload(security.reload()));
        let (stop, _signals) = signals::stop(reload)?;
        let listen = self.listen.with_allowed_hosts(self.allowed_hosts);
        let server = Server::start_secured(source.clone(), listen, security)?;
        let directory = self.input.directory.display();
        match server.address() {
            BoundAddress::Tcp(address) => {
                let prefix = &self.path_prefix;
                let url = format!("{scheme}://{address}{prefix}");
                // An address that a browser can open.
                let page = match address.ip() {
                    ip if ip.is_unspecified() => format!("{scheme}://localhost:{}{prefix}/", address.port()),
                    _ => format!("{url}/"),
                };
                eprint(&format_args!("serving {directory} at {url}/metrics, with a page at {page}"));
            }
            unix @ BoundAddress::Unix(_) => {
                eprint(&format_args!("serving {directory} at {unix}, path {}/metrics", self.path_prefix));
            }
        }
        // Without scrapes, the history takes its own snapshots. Failures are reported to clients.
        while self.history > 0 && !stop.wait_until(Instant::now() + history::INTERVAL) {
            if source.history().is_some_and(|history| history.is_due()) {
                let _ = source.snapshot_since(source.freshness());
            }
        }
        stop.wait();
        server.stop();
        Ok(0)
    }
}

/// A path that starts with a slash and does not end with one; empty for none.
fn prefix(given: &str) -> std::result::Result<String, String> {
    let path = given.trim_end_matches('/');
    let is_path = path.is_empty() || path.starts_with('/');
    if is_path && path.chars().all(|c| c.is_ascii_graphic() && !['?', '#'].contains(&c)) {
        Ok(path.to_owned())
    } else {
        Err("give a path, such as /ictus".to_owned())
    }
}

fn print_reload(reloaded: Result<()>) {
    match reloaded {
        Ok(()) => eprint(&"certificates and credentials are reloaded"),
        Err(error) => eprint(&error),
    }
}
