//! A handmade snapshot in which every recorded metric has series, some with awkward label values.

use ictus::{
    catalog::{self, Definition, Kind, Unit},
    snapshot::{Distribution, Exemplar, Family, Observation, Series, Snapshot, Timing, Value, Window},
};

/// Returns a snapshot of every recorded metric, and one family of each kind that a user might add.
pub(crate) fn snapshot() -> Snapshot {
    let mut families = conductor();
    families.extend(users());
    Snapshot::new(families)
}

fn conductor() -> Vec<Family> {
    // Timestamps decide which observation is newest: the failed poll, though its series comes
    // first.
    let slow: Vec<f64> = (1..=1_200).map(|n| f64::from(n) / 1_024.0).collect();
    vec![
        timers(
            catalog::API_REQUEST_TIME,
            &[
                (&["GET", "/tasks/poll/batch/{taskType}", "200"], 10, &slow),
                (&["POST", "/tasks/update-v2", "500"], 2_000, &[0.5, 0.25]),
                (&["POST", "/tasks/update-v2", "error"], 2_100, &[30.0]),
            ],
        ),
        counters(catalog::TASK_POLL, &[(&["resize"], 1_234_567.0), (&["send_mail"], 3.0)]),
        timers(
            catalog::TASK_POLL_TIME,
            &[
                (&["resize", "FAILURE"], 5_000, &[0.0625]),
                (&["resize", "SUCCESS"], 10, &slow),
                (&["send_mail", "SUCCESS"], 20, &[0.00001, 0.00003]),
            ],
        ),
        timers(
            catalog::TASK_EXECUTE_TIME,
            &[(&["resize", "FAILURE"], 100, &[2.0]), (&["resize", "SUCCESS"], 200, &[0.125, 0.25, 0.75])],
        ),
        timers(catalog::TASK_UPDATE_TIME, &[(&["resize", "SUCCESS"], 300, &[0.1, 0.2, 0.4, 0.3])]),
        counters(
            catalog::TASK_EXECUTE_ERROR,
            &[(&["resize", "TimeoutError"], 2.0), (&["resize", "ValueError"], 1.0)],
        ),
        counters(
            catalog::TASK_EXECUTE_ERROR_MESSAGE,
            &[
                (&["resize", "no such file: \"C:\\tmp\\a\"\nat line 3"], 1.0),
                (&["resize", "timed out after 30 s"], 2.0),
            ],
        ),
        counters(catalog::TASK_UPDATE_ERROR, &[(&["resize", "ApiException"], 4.0)]),
        counters(
            catalog::TASK_UPDATE_ERROR_MESSAGE,
            &[(&["resize", "<class 'conductor.client.http.rest.ApiException'>"], 4.0)],
        ),
        counters(catalog::TASK_POLL_ERROR, &[(&["resize", "AuthorizationException"], 5.0)]),
        counters(catalog::TASK_EXECUTION_STARTED, &[(&["resize"], 6.0)]),
        counters(catalog::TASK_ACK_ERROR, &[(&["resize", "ValueError"], 7.0)]),
        counters(catalog::TASK_ACK_ERROR_MESSAGE, &[(&["resize", ""], 3.0), (&["resize", "日本語"], 4.0)]),
        counters(catalog::TASK_ACK_FAILED, &[(&["resize"], 8.0)]),
        counters(catalog::TASK_EXECUTION_QUEUE_FULL, &[(&["resize"], 9.0)]),
        counters(catalog::TASK_PAUSED, &[(&["resize"], 10.0)]),
        counters(catalog::WORKER_RESTART, &[(&["resize"], 0.0)]),
        counters(catalog::UNCAUGHT_EXCEPTION, &[(&["KeyError"], 11.0), (&["OSError"], 31.0)]),
        // Series that differ only by operation are one series on the documented surface.
        counters(
            catalog::EXTERNAL_PAYLOAD_USED,
            &[
                (&["resize", "READ", "TASK_INPUT"], 12.0),
                (&["resize", "WRITE", "TASK_INPUT"], 13.0),
                (&["resize", "WRITE", "TASK_OUTPUT"], 14.0),
            ],
        ),
        counters(catalog::WORKFLOW_START_ERROR, &[(&["order", "ApiException"], 15.0)]),
        counters(catalog::WORKFLOW_START_ERROR_MESSAGE, &[(&["order", "(404) no such workflow"], 15.0)]),
        timers(catalog::TASK_RESULT_SIZE, &[(&["resize"], 400, &[1_048_576.0, 2_097_152.0])]),
        // No version, the version "1", and an empty version.
        timers(
            catalog::WORKFLOW_INPUT_SIZE,
            &[
                (&["order", "", ""], 500, &[100.0]),
                (&["order", "", "1"], 502, &[300.0]),
                (&["order", "1", ""], 501, &[200.0]),
                (&["order", "2", ""], 503, &[400.0]),
            ],
        ),
        family(catalog::ACTIVE_WORKERS, vec![(&["resize"], Value::Gauge(3.0))]),
    ]
}

fn users() -> [Family; 3] {
    const JOBS: Definition = Definition::new("jobs", Kind::Counter, Unit::None, &["zone", "queue"]);
    const LEVEL: Definition = Definition::new("level", Kind::Gauge, Unit::None, &[]);
    const WAIT: Definition = Definition::new("wait_seconds", Kind::Timer, Unit::Seconds, &["queue"]);
    [
        counters(JOBS, &[(&["eu", "fast"], 2.0)]),
        family(LEVEL, vec![(&[], Value::Gauge(-1e6))]),
        timers(WAIT, &[(&["fast"], 600, &[1.0, 3.0]), (&["idle"], 0, &[])]),
    ]
}

type Labels = &'static [&'static str];

fn counters(definition: Definition, series: &[(Labels, f64)]) -> Family {
    family(definition, series.iter().map(|&(labels, total)| (labels, Value::Counter(total))).collect())
}

/// Creates series of observations at `stamp`, `stamp + 1`, …
fn timers(definition: Definition, series: &[(Labels, u64, &[f64])]) -> Family {
    let lanes = (0_u64..).zip(series);
    let timing = |(origin, &(labels, stamp, values)): (u64, &(Labels, u64, &[f64]))| {
        let observations = (stamp..).zip(values);
        let observed = observations.map(|(stamp, &value)| {
            let mut observation = Observation::new(stamp, value);
            (observation.epoch, observation.origin) = (1, origin);
            observation
        });
        let mut timing = Timing::default();
        timing.window = Window::newest(observed.collect(), 1_000);
        (timing.count, timing.sum) = (values.len() as u64, values.iter().sum());
        timing.distribution = distribution(definition.unit.buckets(), values).into();
        timing.exemplars = exemplars(values).into();
        (labels, Value::Timer(timing))
    };
    family(definition, lanes.map(timing).collect())
}

/// Returns the exemplars of some series: at a bound, between bounds, and above all bounds.
fn exemplars(values: &[f64]) -> Vec<Exemplar> {
    match values {
        [0.125, 0.25, 0.75] => vec![
            Exemplar::new(0.25, 1_520_879_607_789_000_001, "4bf92f3577b34da6a3ce929d0e0e4736"),
            Exemplar::new(0.75, 1_520_879_608_000_000_000, "a \\ \"b\""),
        ],
        [30.0] => vec![Exemplar::new(30.0, 1_520_879_609_050_000_000, "日本")],
        _ => Vec::new(),
    }
}

fn distribution(bounds: &[f64], values: &[f64]) -> Distribution {
    let mut classic = vec![0; bounds.len() + 1];
    values.iter().for_each(|value| classic[bounds.partition_point(|bound| bound < value)] += 1);
    let mut distribution = Distribution::default();
    (distribution.bounds, distribution.classic) = (bounds.to_vec(), classic);
    distribution
}

fn family(definition: Definition, series: Vec<(Labels, Value)>) -> Family {
    let owned = |names: Labels| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let mut series: Vec<_> =
        series.into_iter().map(|(labels, value)| Series::new(owned(labels), value)).collect();
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut family = Family::new(definition.name, definition.kind, definition.labels, series);
    family.help = format!("What {} measures", definition.name);
    family.unit = definition.unit;
    family
}
