//! Requests for `/metrics` at the highest possible rate, with unchanged data and with data that
//! changes from one response to the next, so that no response can be reused.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::text::{LINES, samples};
use crate::{
    budget::Budget,
    endpoint::{Endpoint, Ictus, PROMETHEUS_CLIENT_RATE, PrometheusClientServer, RATE, Recorders},
    measure::{Measured, median},
    python,
    table::{Table, format_time},
    wrk::{self, WrkResult, get, wrk},
};

/// The reference of all candidates.
pub const REFERENCE: &str = PrometheusClientServer::NAME;

const ROUNDS: usize = 3;
const DURATION: Duration = Duration::from_secs(2);
/// The maximum time until recorded data is visible.
const VISIBLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The processes whose metrics are requested.
#[derive(Clone, Copy, Debug)]
pub struct Http {
    /// The name in budgets.
    pub name: &'static str,
    recorders: Recorders,
    how: &'static str,
}

/// One process, whose series `prometheus_client` serves from its memory, and several processes, for
/// which it uses files.
pub const ALL: [Http; 2] = [
    Http {
        name: "http",
        recorders: Recorders { processes: 1, timers: 300 },
        how: "the other client serves the memory of one process, and reads no file",
    },
    Http {
        name: "http, 10 processes",
        recorders: Recorders { processes: 10, timers: 43 },
        how: "the other client reads the files of its multiprocess mode",
    },
];

/// The number of connections, and whether the data changes.
#[derive(Clone, Copy, Debug)]
struct Load {
    connections: usize,
    changing: bool,
}

const LOADS: [Load; 4] = [
    Load { connections: 1, changing: false },
    Load { connections: 50, changing: false },
    Load { connections: 1, changing: true },
    Load { connections: 50, changing: true },
];

impl Load {
    fn candidate_name(self, name: &str) -> String {
        let connections = if self.connections == 1 { "1 scraper" } else { "50 scrapers" };
        format!("{name}, {connections}{}", if self.changing { ", all changed" } else { "" })
    }
}

/// Returns the candidates that budgets may name.
#[must_use]
pub fn names() -> Vec<String> {
    LOADS.iter().map(|load| load.candidate_name(Ictus::NAME)).collect()
}

/// Returns the reason why the group cannot be measured on this machine.
#[must_use]
pub fn missing_program() -> Option<&'static str> {
    match (python::is_installed(), wrk::is_installed()) {
        (false, _) => Some("there is no .venv (`make venv` makes it)"),
        (_, false) => Some("there is no wrk (Debian has it in a package of that name)"),
        _ => None,
    }
}

impl Http {
    /// Checks that the available endpoints respond with the recorded data.
    pub fn check(self) {
        let mut endpoints: Vec<Box<dyn Endpoint>> = vec![Box::new(Ictus::start(self.recorders))];
        if python::is_installed() {
            endpoints.push(Box::new(PrometheusClientServer::start(self.recorders)));
        }
        for endpoint in &mut endpoints {
            let previous = self.series(&get(endpoint.address()));
            assert_eq!(self.series(&get(endpoint.address())), previous, "{}", endpoint.name());
            endpoint.toggle_recording();
            let deadline = Instant::now() + VISIBLE_TIMEOUT;
            while self.series(&get(endpoint.address())) == previous {
                assert!(Instant::now() < deadline, "{} shows nothing new", endpoint.name());
                thread::yield_now();
            }
            endpoint.toggle_recording();
        }
    }

    /// Measures both endpoints under all loads, in turns.
    #[must_use]
    pub fn measure(self, budgets: &[Budget]) -> Table {
        let mut endpoints: [Box<dyn Endpoint>; 2] =
            [Box::new(PrometheusClientServer::start(self.recorders)), Box::new(Ictus::start(self.recorders))];
        let bodies = endpoints.each_ref().map(|endpoint| get(endpoint.address()));
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(
                LOADS.map(|load| endpoints.each_mut().map(|one| self.measure_once(one.as_mut(), load))),
            );
        }
        let Recorders { processes, timers } = self.recorders;
        let about = format!("/metrics, {processes} x {timers} timers");
        let of = format!("of {REFERENCE}");
        let mut table = Table::new(&[&about, "requests/s", "p50", "p99", &of, "budget", ""]);
        for (at, load) in LOADS.into_iter().enumerate() {
            for (which, endpoint) in endpoints.iter().enumerate() {
                let median_of = |number: fn(&WrkResult) -> f64| {
                    median(rounds.iter().map(|round| number(&round[at][which])))
                };
                let ratio = median(rounds.iter().map(|round| round[at][0].rate / round[at][which].rate));
                let nanoseconds = 1e9 / median_of(|result| result.rate);
                let measured = Measured { name: load.candidate_name(endpoint.name()), nanoseconds, ratio };
                let cells = [
                    format_rate(median_of(|result| result.rate)),
                    format_time(median_of(|result| result.p50)),
                    format_time(median_of(|result| result.p99)),
                ];
                table.add_measured(self.name, REFERENCE, &measured, &cells, budgets);
            }
        }
        table.note(format!("- {}", self.how));
        for (endpoint, body) in endpoints.iter().zip(&bodies) {
            let (name, bytes, samples) = (endpoint.name(), body.len(), samples(body));
            table.note(format!(
                "- {name}: {samples} samples, {} of them of the timers, {bytes} bytes",
                timers * LINES
            ));
        }
        table.note(format!(
            "- all changed: with {RATE} observations per second of {}, {PROMETHEUS_CLIENT_RATE} of the other client, on all \
             timers in turn; otherwise nothing changes. The other client updates counts and sums only; its \
             quantiles are constants",
            Ictus::NAME
        ));
        table.note(
            "- a share is that of the time per request: one second divided by the number of requests in it"
                .to_owned(),
        );
        table.note(format!(
            "- {}: requests that arrive during a snapshot share the next one; connections stay open, the other \
             client closes each",
            Ictus::NAME
        ));
        table
    }

    /// Measures an endpoint once.
    fn measure_once(self, endpoint: &mut dyn Endpoint, Load { connections, changing }: Load) -> WrkResult {
        // The endpoint handles the requests that wrk left behind before this one.
        let first = get(endpoint.address());
        if changing {
            endpoint.toggle_recording();
        }
        let result = wrk(endpoint.address(), connections, DURATION);
        if changing {
            endpoint.toggle_recording();
        }
        let name = endpoint.name();
        let after = get(endpoint.address());
        assert_eq!(
            self.series(&first) != self.series(&after),
            changing,
            "{name}: whether it shows other values"
        );
        assert!(result.errors == 0.0, "{name}: {result:?}");
        // A value may have fewer digits than before.
        assert!(result.bytes > 0.9 * first.len() as f64, "{name}: {result:?}, and not {} bytes", first.len());
        result
    }

    /// Returns the samples of the timers; all of them must be there.
    fn series(self, body: &str) -> Vec<String> {
        let lines: Vec<String> =
            body.lines().filter(|line| line.starts_with("task_seconds")).map(str::to_owned).collect();
        assert_eq!(lines.len(), self.recorders.timers * LINES, "{body}");
        lines
    }
}

/// Formats a rate with three significant digits.
fn format_rate(rate: f64) -> String {
    let last = 10_f64.powf((rate.log10().floor() - 2.0).max(0.0));
    format!("{:.0}", (rate / last).round() * last)
}
