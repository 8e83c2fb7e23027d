//! What a reader noticed about the directory itself, and how it is shown: the `ictus_*` families.

use super::{Family, Series, Snapshot, Value};
use crate::{
    catalog::{Kind, Unit},
    segment::layout::{LOSSES, Loss},
};

/// The state of a metrics directory at one instant, and what was not recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Segments whose owner lives.
    pub live_segments: u64,
    /// Segments whose owner is dead and that are not yet folded into the totals.
    pub dead_segments: u64,
    /// Segments that could not be read this time.
    pub bad_segments: u64,
    /// Lanes whose writers were faster than every attempt to read them, and that were never read
    /// before: their observations are missing from this snapshot.
    pub unread_lanes: u64,
    /// Disk space of the directory's segments and totals.
    pub bytes: u64,
    /// Snapshots that this reader took.
    pub snapshots: u64,
    /// Those among them for which an earlier one was served again, because the totals were being
    /// replaced too fast.
    pub stale_snapshots: u64,
    /// What writers could not do.
    pub lost: Lost,
}

/// What the directory's processes counted instead of recording it, living and dead ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lost {
    /// Observations that were NaN.
    pub nan: u64,
    /// Observations that were negative.
    pub negative: u64,
    /// Observations that were infinite or 2^94 or more.
    pub too_large: u64,
    /// Observations made by a signal handler that interrupted an observation of the same series.
    pub reentered: u64,
    /// Observations for which there was no memory.
    pub no_memory: u64,
    /// Observations through handles of series that were removed.
    pub removed: u64,
    /// Look-ups of series beyond a family's number, which got the overflow series. Nothing is lost.
    pub overflowed: u64,
    /// Lanes in memory that only their own process sees, because its segment could not grow.
    pub unshared_lanes: u64,
    /// Laps of a ring that could not grow to its window. Counts and sums are right all the same.
    pub short_windows: u64,
}

impl From<[u64; LOSSES]> for Lost {
    fn from(losses: [u64; LOSSES]) -> Lost {
        let of = |loss: Loss| losses[loss as usize];
        Lost {
            nan: of(Loss::Nan),
            negative: of(Loss::Negative),
            too_large: of(Loss::TooLarge),
            reentered: of(Loss::Reentered),
            no_memory: of(Loss::NoMemory),
            removed: of(Loss::Removed),
            overflowed: of(Loss::Overflow),
            unshared_lanes: of(Loss::Unshared),
            short_windows: of(Loss::ShortWindow),
        }
    }
}

impl Snapshot {
    /// The `ictus_*` families: what every exposition shows of Ictus itself.
    pub(crate) fn own_families(&self) -> Vec<Family> {
        let Health {
            live_segments,
            dead_segments,
            bad_segments,
            unread_lanes,
            bytes,
            snapshots,
            stale_snapshots,
            lost,
        } = &self.health;
        let series = self.families.iter().map(|family| family.series.len() as u64).sum();
        let rejected = [
            ("nan", lost.nan),
            ("negative", lost.negative),
            ("no_memory", lost.no_memory),
            ("reentered", lost.reentered),
            ("removed", lost.removed),
            ("too_large", lost.too_large),
        ];
        let segments = [("bad", *bad_segments), ("dead", *dead_segments), ("live", *live_segments)];
        vec![
            gauge("ictus_directory_bytes", "Disk space of segments and totals.", *bytes),
            labelled(
                "ictus_observations_rejected",
                "Observations that were not recorded, by reason.",
                Kind::Counter,
                "reason",
                &rejected,
            ),
            labelled("ictus_segments", "Segments, by state of their owner.", Kind::Gauge, "state", &segments),
            gauge("ictus_series", "Series over all processes.", series),
            counter(
                "ictus_lanes_unshared",
                "Lanes in memory that only their own process sees, because its segment could not grow.",
                lost.unshared_lanes,
            ),
            gauge(
                "ictus_lanes_unread",
                "Lanes that this snapshot lacks: their writers were too fast.",
                *unread_lanes,
            ),
            counter(
                "ictus_series_overflowed",
                "Look-ups of series beyond a family's number, which got the overflow series.",
                lost.overflowed,
            ),
            counter("ictus_snapshots", "Snapshots that this reader took.", *snapshots),
            counter(
                "ictus_snapshots_stale",
                "Snapshots for which an earlier one was served again.",
                *stale_snapshots,
            ),
            counter(
                "ictus_windows_short",
                "Laps of a ring that could not grow to its window.",
                lost.short_windows,
            ),
        ]
    }
}

fn counter(name: &str, help: &str, value: u64) -> Family {
    family(name, help, Kind::Counter, &[], vec![(vec![], value)])
}

fn gauge(name: &str, help: &str, value: u64) -> Family {
    family(name, help, Kind::Gauge, &[], vec![(vec![], value)])
}

fn labelled(name: &str, help: &str, kind: Kind, label: &str, values: &[(&str, u64)]) -> Family {
    let series = values.iter().map(|&(value, count)| (vec![value.to_owned()], count));
    family(name, help, kind, &[label], series.collect())
}

fn family(name: &str, help: &str, kind: Kind, labels: &[&str], series: Vec<(Vec<String>, u64)>) -> Family {
    let value = |number: u64| match kind {
        Kind::Counter => Value::Counter(number as f64),
        Kind::Gauge | Kind::Timer => Value::Gauge(number as f64),
    };
    Family {
        name: name.to_owned(),
        help: help.to_owned(),
        kind,
        unit: Unit::None,
        label_names: labels.iter().map(|&label| label.to_owned()).collect(),
        series: series
            .into_iter()
            .map(|(labels, number)| Series { labels: labels.into(), value: value(number) })
            .collect(),
    }
}
