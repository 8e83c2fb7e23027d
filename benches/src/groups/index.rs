//! Lookups in a family of 10,000 series: an existing series, a new one, and one beyond the limit.

use std::{collections::HashMap, hint::black_box};

use ictus::{FamilyOptions, Registry, observe::Family};

use crate::candidate::{Candidate, Group, Workload};

const SERIES: usize = 10_000;
/// New series in one batch, in addition to the existing ones. Each run hashes the family with
/// another seed, so creating the first 10,000 takes up to four million instructions more or less:
/// few for each of so many.
const NEW: usize = 20_000;
/// Lookups in one batch that adds no series, as many for the same reason.
const LOOK_UPS: u64 = 200_000;

/// Returns the group with all candidates.
#[must_use]
pub fn index() -> Group {
    Group::new(
        "index",
        "a look-up in a family of 10,000 series",
        vec![
            Candidate::new("HashMap insert", || {
                Workload::prepared(NEW as u64, hash_map, |(map, names), times| {
                    for name in &names[..times as usize] {
                        map.insert(vec![name.clone(), "SUCCESS".to_owned()], 0);
                    }
                })
            }),
            Candidate::new("ictus, existing series", || {
                Workload::prepared(LOOK_UPS, || (family(SERIES), names(0, SERIES)), look_up)
            }),
            Candidate::new("ictus, new series", || {
                Workload::prepared(NEW as u64, || (family(SERIES + NEW), names(SERIES, NEW)), look_up)
            }),
            Candidate::new("ictus, beyond the limit", || {
                Workload::prepared(LOOK_UPS, || (family(SERIES), names(SERIES, NEW)), look_up)
            }),
        ],
    )
}

fn names(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|number| format!("task_type_{number:05}")).collect()
}

fn hash_map() -> (HashMap<Vec<String>, u64>, Vec<String>) {
    let entries = names(0, SERIES).into_iter().map(|name| (vec![name, "SUCCESS".to_owned()], 0));
    (entries.collect(), names(SERIES, NEW))
}

/// Creates a family with 10,000 series and a limit of series.
fn family(limit: usize) -> Family<ictus::Counter> {
    let limit = u32::try_from(limit).expect("a small number");
    let registry = Registry::with_options(FamilyOptions::default().max_series(limit));
    let family = registry.counter("tasks", "", &["task", "status"]).expect("a valid name");
    for name in names(0, SERIES) {
        family.labels(&[&name, "SUCCESS"]).expect("two values");
    }
    family
}

fn look_up((family, names): &mut (Family<ictus::Counter>, Vec<String>), times: u64) {
    for name in names.iter().cycle().take(times as usize) {
        black_box(family.labels(&[name, "SUCCESS"]).expect("two values"));
    }
}
