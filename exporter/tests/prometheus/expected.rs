//! The expected results of each query of docs/promql.md.

use super::{
    native::Native,
    promql::{
        Facts, Vector, each, histogram_quantile, max_by, only, positive, ratio, sum_by, sum_histograms_by,
        top,
    },
    text::Labels,
};

/// The names that a query is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Sdk,
    Canonical,
    Native,
    /// The names of node-exporter itself.
    Textfile,
}

pub(crate) type Expectation = (Names, &'static str, fn(&Facts<'_>) -> Vector);

const TASK: &[&str] = &["taskType"];

/// All queries, in the order of the page; white space is ignored.
pub(crate) const ALL: &[Expectation] = &[
    (Names::Textfile, "node_textfile_scrape_error > 0", |_| Vector::new()),
    (Names::Textfile, "time() - node_textfile_mtime_seconds > 300", |_| Vector::new()),
    (
        Names::Sdk,
        "rate(api_request_time_seconds_sum[5m]) / rate(api_request_time_seconds_count[5m])",
        |facts| {
            let sum = facts.rate("api_request_time_seconds_sum");
            ratio(&sum, &facts.rate("api_request_time_seconds_count"))
        },
    ),
    (
        Names::Sdk,
        r#"sum(rate(api_request_time_seconds_count{status=~"4..|5.."}[5m]))
           / sum(rate(api_request_time_seconds_count[5m]))"#,
        |facts| {
            let answered = |labels: &Labels| labels["status"].starts_with(['4', '5']);
            share(&facts.rate("api_request_time_seconds_count"), answered, &[])
        },
    ),
    (
        Names::Sdk,
        r#"sum(rate(task_poll_time_seconds_count{status="SUCCESS"}[5m]))
           / sum(rate(task_poll_time_seconds_count[5m]))"#,
        |facts| {
            share(&facts.rate("task_poll_time_seconds_count"), |labels| labels["status"] == "SUCCESS", &[])
        },
    ),
    (Names::Sdk, r#"task_execute_time_seconds{quantile="0.95"}"#, |facts| {
        facts.now("task_execute_time_seconds", &[("quantile", "0.95")])
    }),
    (Names::Sdk, r#"topk(10, api_request_time_seconds{quantile="0.99"})"#, |facts| {
        top(10, facts.now("api_request_time_seconds", &[("quantile", "0.99")]))
    }),
    (Names::Sdk, "task_poll_time_seconds_sum / task_poll_time_seconds_count", |facts| {
        let sum = facts.now("task_poll_time_seconds_sum", &[]);
        ratio(&sum, &facts.now("task_poll_time_seconds_count", &[]))
    }),
    (
        Names::Sdk,
        r#"sum(rate(api_request_time_seconds_count{status!~"2..|3.."}[5m]))
           / sum(rate(api_request_time_seconds_count[5m]))"#,
        |facts| share(&facts.rate("api_request_time_seconds_count"), failed, &[]),
    ),
    (Names::Sdk, "sum by (status) (rate(api_request_time_seconds_count[5m]))", |facts| {
        sum_by(&["status"], facts.rate("api_request_time_seconds_count"))
    }),
    (Names::Sdk, r#"topk(10, http_api_client_request{quantile="0.99"})"#, |facts| {
        top(10, facts.now("http_api_client_request", &[("quantile", "0.99")]))
    }),
    (
        Names::Sdk,
        "sum by (taskType) (rate(task_execute_time_seconds_sum[5m]))
         / sum by (taskType) (rate(task_execute_time_seconds_count[5m]))",
        mean_execution,
    ),
    (
        Names::Sdk,
        r#"sum by (task_type) (rate(task_execute_time_seconds_count{status="FAILURE"}[5m]))
           / sum by (task_type) (rate(task_execute_time_seconds_count[5m]))"#,
        |facts| {
            let rates = facts.rate("task_execute_time_seconds_count");
            share(&rates, |labels| labels["status"] == "FAILURE", &["task_type"])
        },
    ),
    (Names::Sdk, "sum by (taskType) (rate(task_execute_time_seconds_sum[5m]))", |facts| {
        sum_by(TASK, facts.rate("task_execute_time_seconds_sum"))
    }),
    (
        Names::Sdk,
        r#"max by (taskType) (task_update_time_seconds{quantile="0.99", status="SUCCESS"})"#,
        |facts| {
            let selected = [("quantile", "0.99"), ("status", "SUCCESS")];
            max_by(TASK, facts.now("task_update_time_seconds", &selected))
        },
    ),
    (Names::Sdk, "sum by (taskType) (rate(task_poll_total[5m]))", |facts| {
        sum_by(TASK, facts.rate("task_poll_total"))
    }),
    (Names::Sdk, "topk(5, sum by (taskType, exception) (increase(task_execute_error_total[5m])))", |facts| {
        top(5, errors(facts))
    }),
    (Names::Sdk, "sum by (taskType) (rate(task_execution_queue_full_total[5m])) > 0", |facts| {
        positive(sum_by(TASK, facts.rate("task_execution_queue_full_total")))
    }),
    (Names::Sdk, "increase(worker_restart_total[5m]) > 0", |facts| {
        positive(facts.increase("worker_restart_total"))
    }),
    (Names::Sdk, "increase(ictus_observations_rejected_total[5m]) > 0", |facts| {
        positive(facts.increase("ictus_observations_rejected_total"))
    }),
    (
        Names::Canonical,
        "histogram_quantile(0.95, sum by (le, taskType) (rate(task_execute_time_seconds_bucket[5m])))",
        |facts| {
            let rates = facts.rate("task_execute_time_seconds_bucket");
            histogram_quantile(0.95, sum_by(&["le", "taskType"], rates))
        },
    ),
    (
        Names::Canonical,
        "histogram_quantile(0.95, sum by (le, taskType) (task_execute_time_seconds_bucket))",
        |facts| {
            let totals = facts.now("task_execute_time_seconds_bucket", &[]);
            histogram_quantile(0.95, sum_by(&["le", "taskType"], totals))
        },
    ),
    (
        Names::Canonical,
        "histogram_quantile(0.99, sum by (le, uri) (rate(http_api_client_request_seconds_bucket[5m])))",
        |facts| {
            let rates = facts.rate("http_api_client_request_seconds_bucket");
            histogram_quantile(0.99, sum_by(&["le", "uri"], rates))
        },
    ),
    (
        Names::Canonical,
        "histogram_quantile(0.5, sum by (le, taskType) (rate(task_result_size_bytes_bucket[5m])))",
        |facts| {
            let rates = facts.rate("task_result_size_bytes_bucket");
            histogram_quantile(0.5, sum_by(&["le", "taskType"], rates))
        },
    ),
    (
        Names::Canonical,
        r#"sum by (taskType) (rate(task_execute_time_seconds_bucket{le="0.25"}[5m]))
           / sum by (taskType) (rate(task_execute_time_seconds_bucket{le="+Inf"}[5m]))"#,
        |facts| {
            let rates = facts.rate("task_execute_time_seconds_bucket");
            let [within, all] =
                ["0.25", "+Inf"].map(|bound| sum_by(TASK, only(&rates, |labels| labels["le"] == bound)));
            ratio(&within, &all)
        },
    ),
    (
        Names::Canonical,
        r#"sum by (taskType) (rate(task_execute_time_seconds_sum{job="conductor-canonical"}[5m]))
           / sum by (taskType) (rate(task_execute_time_seconds_count{job="conductor-canonical"}[5m]))"#,
        mean_execution,
    ),
    (
        Names::Canonical,
        r#"sum(rate(http_api_client_request_seconds_count{status!~"2..|3.."}[5m]))
           / sum(rate(http_api_client_request_seconds_count[5m]))"#,
        |facts| share(&facts.rate("http_api_client_request_seconds_count"), failed, &[]),
    ),
    (
        Names::Canonical,
        r#"sum by (taskType, exception) (increase(task_execute_error_total{job="conductor-canonical"}[5m]))"#,
        errors,
    ),
    (Names::Canonical, "sum by (taskType) (active_workers)", |facts| {
        sum_by(TASK, facts.now("active_workers", &[]))
    }),
    (
        Names::Native,
        r#"histogram_quantile(0.95,
           sum by (taskType) (rate(task_execute_time_seconds{job="conductor-native"}[5m])))"#,
        |facts| executions(facts, |rates| rates.quantile(0.95)),
    ),
    (
        Names::Native,
        r#"histogram_quantile(0.95, sum by (taskType) (task_execute_time_seconds{job="conductor-native"}))"#,
        |facts| {
            let totals = sum_histograms_by(TASK, facts.histograms("task_execute_time_seconds"));
            each(&totals, |total| total.quantile(0.95))
        },
    ),
    (
        Names::Native,
        "histogram_quantile(0.99, sum by (uri) (rate(http_api_client_request_seconds[5m])))",
        |facts| {
            let rates = facts.histogram_rate("http_api_client_request_seconds");
            each(&sum_histograms_by(&["uri"], rates), |rates| rates.quantile(0.99))
        },
    ),
    (
        Names::Native,
        r#"histogram_sum(sum by (taskType) (rate(task_execute_time_seconds{job="conductor-native"}[5m])))
           / histogram_count(sum by (taskType) (rate(task_execute_time_seconds{job="conductor-native"}[5m])))"#,
        |facts| executions(facts, |rates| rates.sum() / rates.count()),
    ),
    (
        Names::Native,
        r#"histogram_count(sum by (taskType) (rate(task_execute_time_seconds{job="conductor-native"}[5m])))"#,
        |facts| executions(facts, Native::count),
    ),
    (
        Names::Native,
        r#"histogram_fraction(0, 0.3,
           sum by (taskType) (rate(task_execute_time_seconds{job="conductor-native"}[5m])))"#,
        |facts| executions(facts, |rates| rates.share_up_to(0.3)),
    ),
];

fn failed(labels: &Labels) -> bool {
    !labels["status"].starts_with(['2', '3'])
}

/// Computes `sum by (…) (…) / sum by (…) (…)` of the series that `meant` selects, and of all
/// series.
fn share(rates: &Vector, meant: impl Fn(&Labels) -> bool, by: &[&str]) -> Vector {
    ratio(&sum_by(by, only(rates, meant)), &sum_by(by, rates.clone()))
}

fn mean_execution(facts: &Facts<'_>) -> Vector {
    let sum = sum_by(TASK, facts.rate("task_execute_time_seconds_sum"));
    ratio(&sum, &sum_by(TASK, facts.rate("task_execute_time_seconds_count")))
}

fn errors(facts: &Facts<'_>) -> Vector {
    sum_by(&["taskType", "exception"], facts.increase("task_execute_error_total"))
}

fn executions(facts: &Facts<'_>, number: impl Fn(&Native) -> f64) -> Vector {
    each(&sum_histograms_by(TASK, facts.histogram_rate("task_execute_time_seconds")), number)
}
