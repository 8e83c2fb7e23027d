//! Conversion from the aggregate to a snapshot's plain data.

use super::{
    age::ReadTime,
    aggregate::{FamilyView, SeriesView},
};
use crate::{
    format::descriptor::FamilyDescriptor,
    snapshot::{Family, Observation, Series, Value},
};

/// Returns the families of a snapshot that is taken at `now`.
pub(crate) fn families(families: &[FamilyView<'_>], now: &ReadTime) -> Vec<Family> {
    families.iter().filter(|shown| !shown.is_hidden).map(|shown| family(shown, now)).collect()
}

fn family(shown: &FamilyView<'_>, now: &ReadTime) -> Family {
    let record = &**shown.record;
    let series = shown.series.iter().map(|view| series(view, record, now));
    let FamilyDescriptor { name, help, kind, unit, labels, .. } = record.clone();
    Family { name, help, kind, unit, label_names: labels, series: series.collect() }
}

fn series(shown: &SeriesView<'_>, record: &FamilyDescriptor, now: &ReadTime) -> Series {
    let mut value = shown.value(record.kind);
    if let Value::Timer(timing) = &mut value
        && record.max_age > 0
    {
        let is_within = |one: Observation| now.age((one.epoch, one.stamp)) <= record.max_age;
        // Oldest first: if the first observation is young enough, all are.
        if !timing.window.iter().next().is_none_or(is_within) {
            timing.window = timing.window.map(|one| is_within(one).then_some(one));
        }
    }
    Series { labels: shown.labels.clone(), value }
}
