//! What users record beside Conductor's metrics, and Ictus of itself: shown as it is, on every surface.

use std::collections::BTreeSet;

use super::{
    RECORDED_PREFIX, ShownFamily, ShownType,
    series::{Column, Shown},
    shape,
};
use crate::{
    catalog::Kind,
    notice,
    snapshot::{Family, Snapshot},
};

/// Adds the users' families whose names are still free.
pub(super) fn add(families: &mut Vec<ShownFamily>, snapshot: &Snapshot, own_state: bool) {
    let mut taken: BTreeSet<String> = families.iter().flat_map(names).collect();
    let own = if own_state { snapshot.own_families() } else { Vec::new() };
    let guests = snapshot.families.iter().filter(|family| !family.name.starts_with(RECORDED_PREFIX));
    for family in own.iter().chain(guests) {
        if let Some(why) = unfit(family) {
            notice::left_out(&family.name, why);
            continue;
        }
        let shown = show(family);
        if shown.samples.is_empty() {
            continue;
        }
        let names = names(&shown);
        if names.iter().any(|name| taken.contains(name)) {
            notice::left_out(&family.name, "another family is shown under that name");
            continue;
        }
        taken.extend(names);
        families.push(shown);
    }
}

fn show(family: &Family) -> ShownFamily {
    let label = |(at, name)| Column { name, at, absent: None };
    let mut columns: Vec<_> = family.label_names.iter().map(String::as_str).enumerate().map(label).collect();
    columns.sort_unstable_by_key(|column| column.name);
    let (name, help, shown) = (shown_name(family), family.help.as_str(), Shown::new(family, columns));
    match family.kind {
        Kind::Counter => shape::counter(name, help, &shown),
        Kind::Gauge => shape::gauge(name, help, &shown),
        Kind::Timer => shape::summary(name, help, &shown),
    }
}

/// The name to show: a counter's `_total` comes with its samples and is not written twice.
fn shown_name(family: &Family) -> &str {
    match family.kind {
        Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
        Kind::Gauge | Kind::Timer => &family.name,
    }
}

/// Every name that a family takes from the others, as `prometheus_client`'s registry counts them.
fn names(family: &ShownFamily) -> Vec<String> {
    let suffixes: &[&str] = match family.shown_type {
        ShownType::Counter => &["", "_total"],
        ShownType::Gauge => &[""],
        ShownType::Summary => &["", "_sum", "_count"],
        ShownType::Histogram => &["", "_bucket", "_sum", "_count"],
    };
    suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)).collect()
}

/// Why a family's names cannot be written. A registry refuses them; a segment may hold any bytes.
fn unfit(family: &Family) -> Option<&'static str> {
    let labels = &family.label_names;
    if !is_name(shown_name(family), ":") {
        Some("its name is not a metric's name")
    } else if !labels.iter().all(|label| is_name(label, "")) {
        Some("a label's name is not a label's name")
    } else if labels.iter().collect::<BTreeSet<_>>().len() < labels.len() {
        Some("two of its labels have one name")
    } else if family.kind == Kind::Timer && labels.iter().any(|label| label == shape::QUANTILE) {
        Some("a timer's own label is named quantile")
    } else {
        None
    }
}

/// Letters, digits, underscores and what else is allowed, not a digit first.
fn is_name(name: &str, also: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || also.contains(c);
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(allowed)
}

#[cfg(test)]
mod tests;
