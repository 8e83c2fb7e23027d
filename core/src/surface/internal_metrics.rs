//! The `ictus_*` families, which expose the state of Ictus itself.

use super::{
    exposition::{Exposition, ShownFamily, ShownType},
    labels::{Column, Labels},
    line_prefixes::LinePrefixes,
    shown_series::{ShownSeries, ShownValue},
};
use crate::snapshot::Snapshot;

/// The name, help text, type and values of one family.
struct InternalMetric {
    name: &'static str,
    help: &'static str,
    shown_type: ShownType,
    /// The name of the label, if the family has one.
    label: Option<&'static str>,
    /// Sorted label values, and the number of each.
    series: &'static [(&'static str, Number)],
}

type Number = fn(&Snapshot) -> u64;

const LEFT_OUT: &str = "ictus_series_left_out";

const ROWS: &[InternalMetric] = &[
    gauge("ictus_directory_bytes", "Disk space of segments and totals.", &[("", |of| of.health.bytes)]),
    counter(
        "ictus_exemplars_rejected",
        "Exemplars that were dropped; their observations were recorded.",
        &[("", |of| of.health.counts.exemplars)],
    ),
    InternalMetric {
        label: Some("reason"),
        ..counter(
            "ictus_observations_rejected",
            "Observations that were not recorded, by reason.",
            &[
                ("nan", |of| of.health.counts.nan),
                ("negative", |of| of.health.counts.negative),
                ("no_memory", |of| of.health.counts.no_memory),
                ("reentered", |of| of.health.counts.reentered),
                ("removed", |of| of.health.counts.removed),
                ("unlabelled", |of| of.health.counts.unlabelled),
                ("label_too_long", |of| of.health.counts.label_too_long),
                ("too_large", |of| of.health.counts.too_large),
            ],
        )
    },
    InternalMetric {
        label: Some("state"),
        ..gauge(
            "ictus_segments",
            "Segments, by state of their owner.",
            &[
                ("bad", |of| of.health.bad_segments),
                ("dead", |of| of.health.dead_segments),
                ("live", |of| of.health.live_segments),
                ("unreadable", |of| of.health.unreadable_segments),
            ],
        )
    },
    gauge(
        "ictus_families_hidden",
        "Families that are not shown, because a newer definition of their name has another type or unit.",
        &[("", |of| of.health.hidden_families)],
    ),
    gauge(
        "ictus_definitions_conflicting",
        "Definitions of live processes that are ignored, because a newer one has other options.",
        &[("", |of| of.health.conflicting_definitions)],
    ),
    gauge(
        "ictus_sums_saturated",
        "Series whose sum has reached the maximum and no longer grows.",
        &[("", |of| of.health.saturated_sums)],
    ),
    gauge("ictus_series", "Series over all processes.", &[("", series)]),
    // `show_left_out` sets the number, which the exposition has.
    gauge(LEFT_OUT, "Series that are not shown, because their names are invalid or taken.", &[("", |_| 0)]),
    counter(
        "ictus_lanes_process_local",
        "Lanes created in memory that other processes could not read, until the segment could be created or grow.",
        &[("", |of| of.health.counts.process_local_lanes)],
    ),
    counter(
        "ictus_segment_files_removed",
        "Segments whose file was removed while their process lived, and that were written again.",
        &[("", |of| of.health.counts.removed_files)],
    ),
    counter(
        "ictus_descriptors_closed",
        "File descriptors of segments that their program closed.",
        &[("", |of| of.health.counts.closed_descriptors)],
    ),
    gauge(
        "ictus_lanes_unread",
        "Lanes missing from this snapshot, because their writers were too fast.",
        &[("", |of| of.health.unread_lanes)],
    ),
    counter(
        "ictus_series_overflowed",
        "Look-ups of series beyond their family's limit, which got the overflow series.",
        &[("", |of| of.health.counts.overflowed)],
    ),
    counter("ictus_snapshots", "Snapshots that this reader took.", &[("", |of| of.health.snapshots)]),
    counter(
        "ictus_snapshots_stale",
        "Snapshots for which an earlier one was served again.",
        &[("", |of| of.health.stale_snapshots)],
    ),
    counter(
        "ictus_windows_truncated",
        "Wraps of rings that could not grow to their window.",
        &[("", |of| of.health.counts.truncated_windows)],
    ),
];

const fn counter(
    name: &'static str,
    help: &'static str,
    series: &'static [(&'static str, Number)],
) -> InternalMetric {
    InternalMetric { name, help, shown_type: ShownType::Counter, label: None, series }
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    series: &'static [(&'static str, Number)],
) -> InternalMetric {
    InternalMetric { name, help, shown_type: ShownType::Gauge, label: None, series }
}

fn series(of: &Snapshot) -> u64 {
    of.families.iter().map(|family| family.series.len() as u64).sum()
}

/// Adds the families to an exposition, and returns the index of the first one.
pub(crate) fn add(exposition: &mut Exposition) -> usize {
    let first = exposition.families.len();
    exposition.families.extend(ROWS.iter().map(InternalMetric::family));
    first
}

/// Sets the numbers of a snapshot in the families that start at `first`.
pub(crate) fn show(exposition: &mut Exposition, first: usize, snapshot: &Snapshot) {
    for (row, family) in ROWS.iter().zip(exposition.families.iter_mut().skip(first)) {
        for ((_, number), series) in row.series.iter().zip(&mut family.series) {
            series.value = row.value(number(snapshot));
        }
    }
}

/// Sets the number of series that the exposition does not show, if it has these families.
pub(crate) fn show_left_out(exposition: &mut Exposition) {
    let left_out = exposition.left_out as f64;
    if let Some(family) = exposition.families.iter_mut().find(|family| family.name == LEFT_OUT) {
        family.series.iter_mut().for_each(|series| series.value = ShownValue::Gauge(left_out));
    }
}

impl InternalMetric {
    fn family(&self) -> ShownFamily {
        let column = |name: &'static str| Column { name: name.into(), at: 0, absent: None };
        let columns = self.label.map(column).into_iter().collect();
        let series = self.series.iter().map(|&(value, _)| {
            let labels = Labels::new(&columns, &[value.to_owned()].into());
            ShownSeries { labels, value: self.value(0) }
        });
        let series: Vec<_> = series.collect();
        let mut heads = LinePrefixes::default();
        heads.set(self.name, &series);
        let (name, help, shown_type) = (self.name.to_owned(), self.help.to_owned(), self.shown_type);
        ShownFamily { name, help, shown_type, series, heads, left_out: 0 }
    }

    fn value(&self, number: u64) -> ShownValue {
        match self.shown_type {
            ShownType::Counter => ShownValue::Counter(number as f64),
            _ => ShownValue::Gauge(number as f64),
        }
    }
}
