//! A Prometheus server of the test, and its stored data.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    http::data,
    page,
    programs::{ChildProgram, WAIT_TIMEOUT, listening, tied, until},
    promql::Vector,
    text::{Labels, Series},
};

/// A server that runs one configuration of the page.
pub(crate) struct Prometheus {
    pub(crate) jobs: Vec<&'static str>,
    pub(crate) native: bool,
    address: SocketAddr,
    _running: ChildProgram,
    _home: TempDir,
}

/// All samples of a server at an instant, five minutes back, by job.
pub(crate) struct Stored {
    pub(crate) at: f64,
    /// Times and values; a value is text, or a histogram.
    series: BTreeMap<(String, Series), Vec<(f64, Value)>>,
}

impl Prometheus {
    /// Starts the server. With `native` it accepts native histograms.
    pub(crate) fn start(
        jobs: &[&'static str],
        native: bool,
        endpoint: SocketAddr,
        exporter: SocketAddr,
    ) -> Prometheus {
        let home = tempfile::tempdir().unwrap();
        let configuration = home.path().join("prometheus.yml");
        fs::write(&configuration, page::configuration(jobs, endpoint, exporter)).unwrap();
        let storage = home.path().join("data").display().to_string();
        let command = |address| {
            let mut command = tied("prometheus");
            command.arg(format!("--config.file={}", configuration.display()));
            command.arg(format!("--storage.tsdb.path={storage}"));
            command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
            command.arg("--enable-feature=exemplar-storage");
            let consoles = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fleet/consoles");
            command.arg(format!("--web.console.templates={consoles}"));
            command.args(native.then_some("--enable-feature=native-histograms"));
            command
        };
        let ready = |address| {
            let flags = data(address, "/api/v1/status/flags", &[]);
            flags.is_ok_and(|flags| flags["storage.tsdb.path"] == storage.as_str())
                && super::http::get(address, "/-/ready").is_ok()
        };
        let (running, address) = listening(command, ready);
        Prometheus { jobs: jobs.to_vec(), native, address, _running: running, _home: home }
    }

    /// Returns a page.
    pub(crate) fn page(&self, target: &str) -> String {
        super::http::get(self.address, target).unwrap()
    }

    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        data(self.address, path, parameters).unwrap()
    }

    /// Returns the results of a query at a time.
    pub(crate) fn query(&self, query: &str, at: f64) -> Vec<Value> {
        let answer = self.ask("/api/v1/query", &[("query", query), ("time", &format!("{at:.3}"))]);
        answer["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}")).clone()
    }

    /// Returns the results as numbers by labels, without the labels of the scrape and the name.
    pub(crate) fn vector(&self, query: &str, at: f64) -> Vector {
        let mut vector = Vector::new();
        for result in self.query(query, at) {
            let mut labels = labels(&result["metric"]);
            labels.retain(|label, _| !["__name__", "instance", "job"].contains(&label.as_str()));
            let value = result["value"][1].as_str().unwrap_or_else(|| panic!("{query}: {result}"));
            let previous = vector.insert(labels, value.replace("Inf", "inf").parse().unwrap());
            assert_eq!(previous, None, "{query}: {result}");
        }
        vector
    }

    /// Waits until each job has had `times` complete scrapes after `since`.
    pub(crate) fn until_scraped(&self, times: usize, since: f64) {
        for job in &self.jobs {
            until(&format!("{times} scrapes of {job}"), || {
                let result = self.query(&format!("up{{job=\"{job}\"}}[5m]"), now());
                let scrapes = result.first().and_then(|series| series["values"].as_array());
                let scrapes = scrapes.into_iter().flatten();
                let good = scrapes.filter(|scrape| scrape[0].as_f64() > Some(since) && scrape[1] == "1");
                good.count() >= times
            });
        }
    }

    /// Returns the stored samples up to the last scrape that began before now.
    pub(crate) fn stored(&self) -> Stored {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            let at = now();
            self.until_scraped(1, at);
            let stored = Stored::new(at, &self.query("{__name__=~\".+\"}[5m]", at));
            let up = Series::new("up", &[]);
            // On a busy machine a scrape may fail by its timeout, and queries use the last scrape.
            if self.jobs.iter().all(|job| stored.ends(job, &up)[1] == "1") {
                return stored;
            }
            assert!(Instant::now() < deadline, "no good scrapes of {:?}", self.jobs);
        }
    }
}

impl Stored {
    fn new(at: f64, all: &[Value]) -> Stored {
        let series = all.iter().map(|result| {
            let mut labels = labels(&result["metric"]);
            let [name, job] = ["__name__", "job"].map(|label| labels.remove(label).unwrap());
            labels.remove("instance");
            let samples = ["values", "histograms"].into_iter().filter_map(|kind| result[kind].as_array());
            let samples = samples.flatten().map(|sample| (sample[0].as_f64().unwrap(), sample[1].clone()));
            ((job, Series { name, labels }), samples.collect())
        });
        Stored { at, series: series.collect() }
    }

    fn of(&self, job: &str, series: &Series) -> &[(f64, Value)] {
        let value = self.series.get(&(job.to_owned(), series.clone()));
        value.unwrap_or_else(|| panic!("{job} has no {series:?}"))
    }

    /// Returns the times at which a series was scraped, in seconds relative to now: never above
    /// zero.
    pub(crate) fn times(&self, job: &str, series: &Series) -> Vec<f64> {
        // Whole milliseconds, as in Prometheus; a difference of seconds would lose digits.
        let milliseconds = |time: f64| (time * 1000.0).round();
        let since = |(time, _): &(f64, Value)| (milliseconds(*time) - milliseconds(self.at)) / 1000.0;
        self.of(job, series).iter().map(since).collect()
    }

    /// Returns the first and the last value of a series.
    pub(crate) fn ends(&self, job: &str, series: &Series) -> [&Value; 2] {
        let samples = self.of(job, series);
        [&samples[0].1, &samples[samples.len() - 1].1]
    }

    /// Returns the series of a job.
    pub(crate) fn of_job(&self, job: &str) -> impl Iterator<Item = &Series> {
        self.series.keys().filter(move |(given, _)| given == job).map(|(_, series)| series)
    }
}

/// Parses a number that Prometheus wrote as text.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_str().unwrap_or_else(|| panic!("{value} is no number")).replace("Inf", "inf").parse().unwrap()
}

pub(crate) fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as f64 / 1000.0
}

fn labels(metric: &Value) -> Labels {
    let pairs = metric.as_object().unwrap().iter();
    pairs.map(|(label, value)| (label.clone(), value.as_str().unwrap().to_owned())).collect()
}
