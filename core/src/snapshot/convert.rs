//! From merged totals to a snapshot's plain data.

use std::sync::Arc;

use super::{Family, Health, Series, Snapshot, Timing, Value, Window};
use crate::{
    catalog::Kind,
    clock, notice,
    segment::{
        descriptor::FamilyRecord,
        epoch::UNSHARED_EPOCH,
        totals::{FamilyTotal, Observation, SeriesTotal, Totals},
    },
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

impl Snapshot {
    /// The snapshot of merged totals at that instant.
    pub(super) fn new(totals: Totals, now: Now) -> Snapshot {
        let lost = totals.losses.into();
        let health = Health { lost, unread_lanes: totals.unread_lanes, ..Health::default() };
        let families = totals.families.into_iter().filter_map(|(name, shapes)| oldest(&name, shapes));
        Snapshot { families: families.map(|total| family(total, now)).collect(), health }
    }
}

/// Of families that share a name and differ in kind, unit or labels, the one that was there first.
fn oldest(name: &str, shapes: Vec<FamilyTotal>) -> Option<FamilyTotal> {
    if shapes.len() > 1 {
        notice::left_out(name, "a later definition differs in kind, unit or labels and is left out");
    }
    shapes.into_iter().min_by_key(|family| family.created)
}

fn family(total: FamilyTotal, now: Now) -> Family {
    let record = &*total.record;
    let age = (record.max_age > 0).then(|| clock::stamps_in(record.max_age));
    let series = total.series.into_iter().map(|(labels, mut total)| {
        if let Some(age) = age {
            total.newest.retain(|observation| now.is_within(observation, age));
        }
        Series { labels: labels.into(), value: value(record, total) }
    });
    Family { series: series.collect(), ..described(record) }
}

fn described(record: &FamilyRecord) -> Family {
    let FamilyRecord { name, help, kind, unit, labels, .. } = record.clone();
    Family { name, help, kind, unit, label_names: labels, series: Vec::new() }
}

fn value(record: &FamilyRecord, total: SeriesTotal) -> Value {
    match record.kind {
        Kind::Counter => Value::Counter(total.sum.to_f64()),
        Kind::Gauge => Value::Gauge(total.state),
        Kind::Timer => Value::Timer(Timing {
            count: total.count,
            sum: total.sum.to_f64(),
            window: Window::newest(total.newest, record.window as usize),
            distribution: Arc::new(total.distribution),
        }),
    }
}
