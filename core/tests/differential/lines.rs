//! A snapshot as lines of text, which processes send and the model predicts.

use std::collections::BTreeMap;

use ictus::{
    Snapshot,
    catalog::Kind,
    snapshot::{Family, Timing, Value},
};

/// Names and values of everything that a snapshot shows.
pub(crate) type Lines = BTreeMap<String, String>;

/// Numbers without rounding, separated by spaces.
pub(crate) fn numbers(values: impl IntoIterator<Item = f64>) -> String {
    let words: Vec<String> = values.into_iter().map(|value| format!("{value:?}")).collect();
    words.join(" ")
}

/// Returns the name of a family's lines.
pub(crate) fn family_name(name: &str, labels: &[impl AsRef<str>]) -> String {
    let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
    format!("{name}({})", labels.join(","))
}

/// Returns the line of a family.
pub(crate) fn family_line(kind: Kind, help: &str) -> String {
    format!("{kind:?}, {help}")
}

pub(crate) fn lines(snapshot: &Snapshot) -> Lines {
    let health = &snapshot.health;
    let mut lines = Lines::from([
        ("bad".to_owned(), (health.bad_segments + health.unread_lanes + health.stale_snapshots).to_string()),
        ("conflicts".to_owned(), health.conflicting_definitions.to_string()),
        ("hidden".to_owned(), health.hidden_families.to_string()),
        ("invalid".to_owned(), (health.counts.negative + health.counts.nan).to_string()),
        ("removed".to_owned(), health.counts.removed.to_string()),
    ]);
    for Family { name, help, kind, label_names, series, .. } in &snapshot.families {
        let family = family_name(name, label_names);
        lines.insert(family.clone(), family_line(*kind, help));
        for series in series {
            let series_name = format!("{family} {}", series.labels.join(","));
            match &series.value {
                Value::Counter(value) => _ = lines.insert(series_name, numbers([*value])),
                Value::Gauge(value) => _ = lines.insert(series_name, numbers([*value])),
                Value::Timer(timing) => lines.extend(timer_lines(&series_name, timing)),
                other => panic!("{other:?}"),
            }
        }
    }
    lines
}

fn timer_lines(name: &str, timing: &Timing) -> Vec<(String, String)> {
    let distribution = &timing.distribution;
    let counts = distribution.classic.iter().map(|&count| count as f64);
    let exponential =
        distribution.exponential.iter().flat_map(|(bucket, count)| [f64::from(bucket), count as f64]);
    let mut lines = vec![
        (format!("{name} count"), timing.count.to_string()),
        (format!("{name} sum"), numbers([timing.sum])),
        (format!("{name} window"), numbers(timing.window.observations().iter().map(|one| one.value))),
        (format!("{name} quantiles"), numbers(timing.window.quantiles().into_iter().flatten())),
    ];
    let exemplars: Vec<String> =
        timing.exemplars.iter().map(|one| format!("{:?}={}", one.value, one.trace_id)).collect();
    lines.push((format!("{name} exemplars"), exemplars.join(" ")));
    if !distribution.classic.is_empty() {
        lines.extend([
            (format!("{name} bounds"), numbers(distribution.bounds.iter().copied())),
            (format!("{name} classic"), numbers(counts)),
        ]);
    }
    let unallocated = [distribution.zero as f64, distribution.unallocated as f64];
    lines.push((format!("{name} exponential"), numbers(unallocated.into_iter().chain(exponential))));
    lines
}
