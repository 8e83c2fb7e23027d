//! From merged totals to a snapshot's plain data.

use super::{Family, Health, Series, Snapshot, Timing, Value, Window};
use crate::{
    catalog::Kind,
    notice,
    segment::{
        descriptor::FamilyRecord,
        totals::{FamilyTotal, SeriesTotal, Totals},
    },
};

impl From<Totals> for Snapshot {
    fn from(totals: Totals) -> Snapshot {
        let health =
            Health { lost: totals.losses.into(), unread_lanes: totals.unread_lanes, ..Health::default() };
        let families = totals.families.into_iter().filter_map(|(name, shapes)| oldest(&name, shapes));
        Snapshot { families: families.map(family).collect(), health }
    }
}

/// Of families that share a name and differ in kind, unit or labels, the one that was there first.
fn oldest(name: &str, shapes: Vec<FamilyTotal>) -> Option<FamilyTotal> {
    if shapes.len() > 1 {
        notice::left_out(name, "a later definition differs in kind, unit or labels and is left out");
    }
    shapes.into_iter().min_by_key(|family| family.created)
}

fn family(total: FamilyTotal) -> Family {
    let FamilyRecord { name, help, kind, unit, window, labels, .. } = (*total.record).clone();
    let series =
        total.series.into_iter().map(|(labels, total)| Series { labels, value: value(kind, window, total) });
    Family { name, help, kind, unit, label_names: labels, series: series.collect() }
}

fn value(kind: Kind, window: u32, total: SeriesTotal) -> Value {
    match kind {
        Kind::Counter => Value::Counter(total.sum.to_f64()),
        Kind::Gauge => Value::Gauge(total.state),
        Kind::Timer => {
            let window = Window::newest(total.newest, window as usize);
            Value::Timer(Timing {
                count: total.count,
                sum: total.sum.to_f64(),
                window,
                distribution: total.distribution,
            })
        }
    }
}
