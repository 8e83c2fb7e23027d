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
    families: BTreeMap<String, Merged>,
    /// Lanes taken so far: the rank that orders equal stamps.
    lanes: u32,
}

#[derive(Debug)]
struct Merged {
    record: Arc<FamilyRecord>,
    /// When the segment that defined it was made.
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
        let merged = self.families.entry(record.name.clone()).or_insert_with(|| Merged {
            record: Arc::clone(record),
            created,
            series: BTreeMap::new(),
        });
        if !same_shape(&merged.record, record) {
            if created >= merged.created {
                log::warn!("a later definition of {} differs in kind or labels and is left out", record.name);
                return;
            }
            log::warn!("a later definition of {} differs in kind or labels and is left out", record.name);
            *merged = Merged { record: Arc::clone(record), created, series: BTreeMap::new() };
        } else if record.window < merged.record.window {
            merged.record = Arc::clone(record);
        }
        let into = merged.series.entry(series.values.clone()).or_default();
        into.count = into.count.saturating_add(total.count);
        into.sum.add(&total.sum);
        into.state += total.state;
        into.observations.extend(total.observations);
    }

    /// The snapshot of all that was taken.
    pub(super) fn finish(self) -> Snapshot {
        let families = self.families.into_values().map(|merged| {
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
