//! docs/fleet: two hosts, a Prometheus server that scrapes them, and two servers that receive its
//! data, by federation and by remote write.

use std::{fs, net::SocketAddr, path::Path};

use ictus::{Registry, catalog};
use serde_json::Value;

use super::{
    dashboards,
    http::{data, get},
    ictus_command, page,
    programs::{ChildProgram, installed, listening, tied, until},
};

/// Durations of the fast host, then of the slow one, in microseconds.
const FAST: std::ops::Range<u64> = 10_000..30_000;
const SLOW: std::ops::Range<u64> = 1_000_000..3_000_000;

/// Returns a number of durations in seconds, spread over a range of microseconds.
fn durations(of: std::ops::Range<u64>, many: u64) -> Vec<f64> {
    let width = of.end - of.start;
    // 7,919 is a prime: values from all parts of the range come in any order.
    (0..many).map(|at| (of.start + at * 7_919 % many * width / many) as f64 / 1e6).collect()
}

fn execute(registry: &Registry, values: &[f64]) {
    let timer = registry.catalog_timer(&catalog::TASK_EXECUTE_TIME).unwrap();
    let timer = timer.labels(&["resize", "SUCCESS"]).unwrap();
    values.iter().for_each(|value| timer.observe(*value));
}

/// Returns the quantile as the SDK defines it, of all values together.
fn exact(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor(), at.fract());
    sorted[low as usize] + part * (sorted[at.ceil() as usize] - sorted[low as usize])
}

fn count(registry: &Registry, definition: &catalog::Definition, by: f64) {
    registry.catalog_counter(definition).unwrap().labels(&["resize"]).unwrap().add(by);
}

/// Starts a Prometheus with that configuration. With `native` it accepts native histograms, and
/// therefore requests protobuf.
pub(crate) fn prometheus(
    home: &Path,
    name: &str,
    configuration: &str,
    native: bool,
) -> (ChildProgram, SocketAddr) {
    let file = home.join(format!("{name}.yml"));
    fs::write(&file, configuration).unwrap();
    let storage = home.join(format!("{name}-data"));
    listening(
        |address| {
            let mut command = tied("prometheus");
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.tsdb.path={}", storage.display()));
            command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
            command.arg("--web.enable-remote-write-receiver");
            command.args(native.then_some("--enable-feature=native-histograms"));
            command
        },
        |address| get(address, "/-/ready").is_ok(),
    )
}

/// Returns the one value of a query.
pub(crate) fn value(server: SocketAddr, query: &str) -> Option<f64> {
    let answer = data(server, "/api/v1/query", &[("query", query)]).unwrap();
    let [series] = answer["result"].as_array()?.as_slice() else { return None };
    let value: f64 = series["value"][1].as_str()?.parse().ok()?;
    value.is_finite().then_some(value)
}

#[test]
fn fleet_percentile_is_that_of_all_values() {
    if !installed(&["prometheus", "setpriv"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let [fast, slow] = [durations(FAST, 9_000), durations(SLOW, 1_000)];
    let all = [fast.clone(), slow.clone()].concat();
    let hosts = ["worker-1", "worker-2"].map(|host| {
        let directory = home.path().join(host);
        let registry = Registry::open(&directory).unwrap();
        // A rate needs a first value.
        execute(&registry, &[]);
        let requests = registry.catalog_timer(&catalog::API_REQUEST_TIME).unwrap();
        requests.labels(&["GET", "/tasks/poll", "200"]).unwrap().observe(0.01);
        count(&registry, &catalog::TASK_POLL, 0.0);
        count(&registry, &catalog::WORKER_RESTART, 0.0);
        (ictus_command::serve(&directory), registry)
    });

    let blocks = page::blocks("fleet/README.md", "yaml");
    let [scrapes, federation, writing] = blocks.as_slice() else { panic!("{blocks:#?}") };
    let (_second, over) = {
        // Starts without targets: the first server below, which sends to this one, needs its
        // address.
        prometheus(home.path(), "second", "global: {scrape_interval: 1s}\n", true)
    };
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet/rules").display().to_string();
    let [one, other] = hosts.each_ref().map(|((_, address), _)| address.to_string());
    let first = format!("{scrapes}\n{writing}\n")
        .replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s")
        .replace("rules/", &format!("{rules}/"))
        .replace("worker-1:9464", &one)
        .replace("worker-2:9464", &other)
        .replace("prometheus-2:9090", &over.to_string());
    let (_first, server) = prometheus(home.path(), "first", &first, true);
    let federating = format!("global: {{scrape_interval: 1s}}\n{federation}\n")
        .replace("prometheus-1:9090", &server.to_string());
    let (_third, federated) = prometheus(home.path(), "third", &federating, true);

    let up = || value(server, "sum(up)") == Some(6.0);
    until("all targets are up", up);
    // Series exist, without observations, before the measurement.
    for (_, registry) in &hosts {
        execute(registry, &[0.015]);
    }
    until("both hosts have been scraped", || {
        value(
            server,
            "count(task_execute_time_seconds_count{job=\"conductor-native\"} or histogram_count(task_execute_time_seconds{job=\"conductor-native\"}))",
        ) == Some(2.0)
            && value(server, "count(task_execute_time_seconds_bucket{le=\"+Inf\"})") == Some(2.0)
    });
    for ((_, registry), values) in hosts.iter().zip([&fast, &slow]) {
        execute(registry, values);
        count(registry, &catalog::TASK_POLL, 100.0);
    }
    three_jobs_on_one_endpoint_count_once(server, &hosts[0].1);
    let wanted = exact(&all, 0.99);
    let queries = page::blocks("fleet/README.md", "promql");
    let [native, classic] = queries.as_slice() else { panic!("{queries:#?}") };
    until("the fleet's values are scraped", || {
        value(server, "sum(histogram_count(task_execute_time_seconds{job=\"conductor-native\"}))")
            == Some(10_002.0)
            && value(server, "sum(task_execute_time_seconds_bucket{le=\"+Inf\"})") == Some(10_002.0)
            && value(server, native).is_some_and(|percentile| percentile > 2.0)
            && value(server, classic).is_some_and(|percentile| percentile > 2.5)
    });
    // The third job is scraped too: the slow host's percentile is there.
    let mean = "avg(task_execute_time_seconds{job=\"conductor\", quantile=\"0.99\"})";
    until("the hosts' percentiles are scraped", || {
        value(server, mean).is_some_and(|percentile| percentile > 1.0)
    });
    let percentile = value(server, native).unwrap();
    assert!((percentile / wanted - 1.0).abs() < 0.1, "native: {percentile}, not {wanted}");
    let percentile = value(server, classic).unwrap();
    assert!(
        (2.5..=5.0).contains(&percentile) && (2.5..=5.0).contains(&wanted),
        "classic: {percentile}, not {wanted}"
    );

    // The page warns of this: the mean of exact quantiles is the quantile of no host.
    let mean = value(server, mean).unwrap();
    assert!((mean - (exact(&fast[8_000..], 0.99) + exact(&slow, 0.99)) / 2.0).abs() < 0.05, "{mean}");
    assert!((mean / wanted - 1.0).abs() > 0.4, "{mean} is not {wanted}");

    // On the servers above: the results of recording rules, and the data of remote write.
    let rule = "taskType:task_execute_time_seconds:p99_5m";
    until("the rule is federated", || {
        let [here, there] = [server, federated].map(|source| value(source, rule));
        here.is_some_and(|here| here > 2.5) && there.is_some_and(|there| there > 2.5)
    });
    let sent = "count(task_execute_time_seconds_bucket{le=\"+Inf\"})";
    until("both hosts' buckets are sent", || value(over, sent) == Some(2.0));
    until("both hosts' polls are sent, of one job", || value(over, "sum(task_poll_total)") == Some(200.0));
    let names = data(over, "/api/v1/label/__name__/values", &[]).unwrap();
    assert_eq!(names, Value::from(vec!["task_execute_time_seconds_bucket", "task_poll_total"]));
}

/// Returns the firing alerts: each with its name and its summary.
fn firing(server: SocketAddr) -> Vec<(String, String)> {
    let alerts = data(server, "/api/v1/alerts", &[]).unwrap();
    let alerts = alerts["alerts"].as_array().unwrap().iter().filter(|alert| alert["state"] == "firing");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = |alert: &Value| (text(&alert["labels"]["alertname"]), text(&alert["annotations"]["summary"]));
    let mut alerts: Vec<_> = alerts.map(named).collect();
    alerts.sort();
    alerts
}

/// One event at an endpoint that three jobs scrape causes one alert, and its number is not three
/// times as high.
fn three_jobs_on_one_endpoint_count_once(server: SocketAddr, registry: &Registry) {
    let restarts = |total: f64| {
        let everywhere = format!("sum(worker_restart_total) == {}", 3.0 * total);
        until("all three jobs have scraped it", || value(server, &everywhere).is_some());
    };
    let evaluations = || {
        let rules = data(server, "/api/v1/rules", &[("type", "alert")]).unwrap();
        let groups = rules["groups"].as_array().unwrap().iter();
        groups.map(|group| group["lastEvaluation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let evaluate = || {
        for _ in 0..2 {
            let previous = evaluations();
            until("each group of rules is evaluated", || {
                evaluations().iter().zip(&previous).all(|(now, previous)| now != previous)
            });
        }
    };
    let refused = registry.catalog_timer(&catalog::TASK_EXECUTE_TIME).unwrap();
    (0..4).for_each(|_| refused.labels(&["resize", "SUCCESS"]).unwrap().observe(f64::NAN));
    count(registry, &catalog::WORKER_RESTART, 1.0);
    restarts(1.0);
    evaluate();
    let alerts = firing(server);
    let [(rejected, _)] = alerts.as_slice() else { panic!("not one alert of one restart: {alerts:#?}") };
    assert_eq!(rejected, "IctusObservationsRejected");

    count(registry, &catalog::WORKER_RESTART, 2.0);
    restarts(3.0);
    evaluate();
    let alerts = firing(server);
    let [(restart, summary), _] = alerts.as_slice() else { panic!("not two alerts: {alerts:#?}") };
    assert_eq!(restart, "ConductorWorkersRestart");
    // Over a few seconds, `increase` extrapolates to between three and four; with three jobs it
    // would be nine or more.
    let died = summary.strip_prefix("resize: worker processes died ").unwrap();
    let died = died.strip_suffix(" times in 15 minutes").and_then(|number| number.parse().ok());
    assert!(died.is_some_and(|number: f64| (3.0..=6.0).contains(&number)), "{summary}");

    // Each dashboard offers one job, in which its queries find each poll once.
    until("all three jobs have the polls", || value(server, "sum(task_poll_total)") == Some(600.0));
    for (name, expected) in dashboards::DASHBOARDS {
        let job = dashboards::first_job(name, |query| {
            data(server, "/api/v1/query", &[("query", query)]).unwrap()["result"].as_array().unwrap().clone()
        });
        assert_eq!(job, expected, "{name}");
        let polls = dashboards::query(name, "Polls").replace("[$__rate_interval]", "").replace("rate", "");
        assert_eq!(value(server, &dashboards::chosen(&polls, &job)), Some(200.0), "{name}");
    }
}
