//! From merged lanes to a snapshot's plain data.

use super::{
    Family, Series, Value,
    merged::{Shown, ShownFamily},
};
use crate::{
    clock, notice,
    segment::{descriptor::FamilyRecord, epoch::UNSHARED_EPOCH, totals::Observation},
};

/// The clock by which observations grow old.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    stamp: u64,
    /// The epoch in the directory whose stamps are of this process's clock.
    epoch: Option<u32>,
}

impl Now {
    pub(super) fn in_epoch(epoch: Option<u32>) -> Now {
        Now { stamp: clock::now(), epoch }
    }

    /// Whether an observation is not older than so many stamps. What another clock stamped is of an
    /// earlier boot.
    fn is_within(self, observation: &Observation, age: u64) -> bool {
        let own = Some(observation.epoch) == self.epoch || observation.epoch == UNSHARED_EPOCH;
        own && self.stamp.saturating_sub(observation.stamp) <= age
    }
}

/// The families that a snapshot has at that instant.
pub(super) fn families(families: Vec<(&str, Vec<ShownFamily<'_>>)>, now: Now) -> Vec<Family> {
    let shown = families.into_iter().filter_map(|(name, shapes)| oldest(name, shapes));
    shown.map(|shown| family(&shown, now)).collect()
}

/// Of families that share a name and differ in kind, unit or labels, the one that was there first.
fn oldest<'a>(name: &str, shapes: Vec<ShownFamily<'a>>) -> Option<ShownFamily<'a>> {
    if shapes.len() > 1 {
        notice::left_out(name, "a later definition differs in kind, unit or labels and is left out");
    }
    shapes.into_iter().next()
}

fn family(shown: &ShownFamily<'_>, now: Now) -> Family {
    let record = &**shown.record;
    let age = (record.max_age > 0).then(|| clock::stamps_in(record.max_age));
    let series = shown.series.iter().map(|series| one(series, record, age, now));
    let FamilyRecord { name, help, kind, unit, labels, .. } = record.clone();
    Family { name, help, kind, unit, label_names: labels, series: series.collect() }
}

fn one(shown: &Shown<'_>, record: &FamilyRecord, age: Option<u64>, now: Now) -> Series {
    let mut value = shown.value(record.kind, record.window);
    if let (Value::Timer(timing), Some(age)) = (&mut value, age) {
        let is_within = |one: &Observation| now.is_within(one, age);
        if !timing.window.observations().iter().all(is_within) {
            timing.window = timing.window.map(|one| is_within(one).then_some(*one));
        }
    }
    Series { labels: shown.labels.clone(), value }
}
