//! Merges lanes into series and series into families.

use std::{collections::BTreeMap, sync::Arc};

use super::{Family, Observation, Series, Snapshot, Timing, Value, Window};
use crate::{
    catalog::Kind,
    ring,
    segment::{
        descriptor::FamilyRecord,
        reader::{Bad, Described, LaneAt, SegmentReader},
        source::Words,
    },
    sum::{Exact, LIMIT},
};

/// Takes segments one by one, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// One for each shape that a name was recorded in.
    families: BTreeMap<String, Vec<Merged>>,
    /// Lanes taken so far: the rank that orders equal stamps.
    lanes: u32,
}

#[derive(Debug)]
struct Merged {
    record: Arc<FamilyRecord>,
    /// When the first segment that defined it was made.
    created: u64,
    series: BTreeMap<Vec<String>, Total>,
}

#[derive(Debug, Default)]
struct Total {
    count: u64,
    /// Sum of a timer, value of a counter.
    sum: Exact,
    state: f64,
    observations: Vec<Observation>,
}

impl Collector {
    /// Adds a segment's lanes. All or nothing: a segment found bad midway adds nothing.
    pub(super) fn segment<W: Words>(
        &mut self,
        reader: &SegmentReader<W>,
        lanes: &[LaneAt],
        lives: bool,
    ) -> Result<(), Bad> {
        let mut read = Vec::with_capacity(lanes.len());
        for lane in lanes {
            self.lanes += 1;
            read.push((&lane.series, self.lane(reader, lane, lives)?));
        }
        for (series, total) in read {
            self.add(series, reader.created, total);
        }
        Ok(())
    }

    fn lane<W: Words>(&self, reader: &SegmentReader<W>, lane: &LaneAt, lives: bool) -> Result<Total, Bad> {
        let value = f64::from_bits(lane.head.head);
        let mut total = Total::default();
        match lane.series.family.kind {
            Kind::Counter if (0.0..LIMIT).contains(&value) => total.sum.add_value(value),
            Kind::Counter => return Err(Bad::Body("a counter's value")),
            // A dead process's state is nobody's state.
            Kind::Gauge if value.is_finite() => total.state = if lives { value } else { 0.0 },
            Kind::Gauge => return Err(Bad::Body("a gauge's value")),
            Kind::Timer => {
                let reading = ring::read(reader.source(), lane.line, lane.series.family.window)?;
                total.count = reading.head;
                total.sum = reading.sum;
                let (epoch, origin) = (reader.epoch as u32, self.lanes);
                let observation = |(stamp, value)| Observation { epoch, origin, stamp, value };
                total.observations = reading.newest.into_iter().map(observation).collect();
            }
        }
        Ok(total)
    }

    fn add(&mut self, series: &Described, created: u64, total: Total) {
        let record = &series.family;
        let shapes = self.families.entry(record.name.clone()).or_default();
        let known = shapes.iter().position(|merged| same_shape(&merged.record, record));
        let at = known.unwrap_or_else(|| {
            shapes.push(Merged { record: Arc::clone(record), created, series: BTreeMap::new() });
            shapes.len() - 1
        });
        let merged = &mut shapes[at];
        merged.created = merged.created.min(created);
        if record.window < merged.record.window {
            merged.record = Arc::clone(record);
        }
        let into = merged.series.entry(series.values.clone()).or_default();
        into.count = into.count.saturating_add(total.count);
        into.sum.add(&total.sum);
        into.state += total.state;
        into.observations.extend(total.observations);
    }

    /// The snapshot of all that was taken: of each family, the shape that was there first.
    pub(super) fn finish(self) -> Snapshot {
        let families = self.families.into_iter().filter_map(|(name, shapes)| {
            if shapes.len() > 1 {
                log::warn!("a later definition of {name} differs in kind or labels and is left out");
            }
            shapes.into_iter().min_by_key(|merged| merged.created)
        });
        let families = families.map(|merged| {
            let FamilyRecord { name, help, kind, unit, window, labels } = (*merged.record).clone();
            let value = |total: Total| match kind {
                Kind::Counter => Value::Counter(total.sum.to_f64()),
                Kind::Gauge => Value::Gauge(total.state),
                Kind::Timer => Value::Timer(Timing {
                    count: total.count,
                    sum: total.sum.to_f64(),
                    window: Window::newest(total.observations, window as usize),
                }),
            };
            let series =
                merged.series.into_iter().map(|(labels, total)| Series { labels, value: value(total) });
            Family { name, help, kind, unit, label_names: labels, series: series.collect() }
        });
        Snapshot { families: families.collect() }
    }
}

fn same_shape(one: &FamilyRecord, other: &FamilyRecord) -> bool {
    (one.kind, one.unit, &one.labels) == (other.kind, other.unit, &other.labels)
}

#[cfg(test)]
mod tests {
    use super::{Arc, Collector, Described, Exact, FamilyRecord, Kind, Total, Value};
    use crate::catalog::Unit;

    #[test]
    fn the_shape_that_was_there_first_is_shown_whole_in_any_order() {
        let record = |kind| FamilyRecord {
            name: "jobs".to_owned(),
            help: String::new(),
            kind,
            unit: Unit::None,
            window: 1000,
            labels: Vec::new(),
        };
        let segments = [(Kind::Counter, 10), (Kind::Gauge, 5), (Kind::Counter, 1)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut collector = Collector::default();
            for (kind, created) in order.map(|segment| segments[segment]) {
                let series = Described { family: Arc::new(record(kind)), values: Vec::new() };
                collector.add(&series, created, Total { sum: Exact::of([1.0]), ..Total::default() });
            }
            let snapshot = collector.finish();
            assert_eq!(snapshot.family("jobs").unwrap().get(&[]), Some(&Value::Counter(2.0)), "{order:?}");
        }
    }
}
