//! What one segment says, reading again only the lanes that have moved.

use std::collections::HashMap;

use super::{
    reader::{Bad, LaneAt, SegmentReader},
    source::Words,
    totals::{Observation, SeriesTotal, Totals},
};
use crate::{
    buckets,
    catalog::Kind,
    ring::{self, LaneHead},
    sum::LIMIT,
};

/// Timers' lanes by their line, as they last were.
#[derive(Debug, Default)]
pub(crate) struct Lanes(HashMap<u64, (LaneHead, SeriesTotal)>);

impl Lanes {
    /// What a segment says now. All or nothing: a segment found bad midway says nothing. Only a lane
    /// whose writer was faster than every attempt stays as it last was.
    pub(crate) fn read<W: Words>(
        &mut self,
        reader: &mut SegmentReader<W>,
        lives: bool,
    ) -> Result<Totals, Bad> {
        let lanes = reader.lanes()?;
        let mut totals = Totals::of_losses(reader.losses()?);
        for lane in &lanes {
            let family = &lane.series.family;
            let value = f64::from_bits(lane.head.head);
            let mut total = SeriesTotal::default();
            let origin = totals.next_lane();
            match family.kind {
                Kind::Counter if (0.0..LIMIT).contains(&value) => total.sum.add_value(value),
                Kind::Counter => return Err(Bad::Body("a counter's value")),
                // A dead process's state is nobody's state.
                Kind::Gauge if !lives => continue,
                Kind::Gauge if value.is_finite() => total.state = value,
                Kind::Gauge => return Err(Bad::Body("a gauge's value")),
                Kind::Timer => match self.timer(reader, lane)? {
                    Some(timer) => total.clone_from(timer),
                    None => {
                        totals.unread_lanes += 1;
                        continue;
                    }
                },
            }
            total.newest.iter_mut().for_each(|observation| observation.origin = origin);
            totals.add_series(family, reader.created, &lane.series.values, total);
        }
        Ok(totals)
    }

    /// A timer's lane; none where it could never be read.
    fn timer<W: Words>(
        &mut self,
        reader: &SegmentReader<W>,
        lane: &LaneAt,
    ) -> Result<Option<&SeriesTotal>, Bad> {
        let unmoved = self.0.get(&lane.line).is_some_and(|(head, _)| *head == lane.head);
        if !unmoved {
            match timer(reader, lane) {
                Ok(total) => _ = self.0.insert(lane.line, (lane.head, total)),
                Err(Bad::Overrun) => {}
                Err(bad) => return Err(bad),
            }
        }
        Ok(self.0.get(&lane.line).map(|(_, total)| total))
    }
}

fn timer<W: Words>(reader: &SegmentReader<W>, lane: &LaneAt) -> Result<SeriesTotal, Bad> {
    let family = &lane.series.family;
    let reading = ring::read(reader.source(), lane.line, family.window)?;
    // After the ring: no bucket lacks an observation that the ring has. Where they are is asked anew:
    // in the copy that first showed the series, other words may still be those of before.
    let buckets = LaneHead::read(reader.source(), lane.line)?.buckets(family.window);
    let distribution = buckets::read(reader.source(), buckets, &family.bounds)?;
    let epoch = reader.epoch;
    let observation = |(stamp, value)| Observation { epoch, origin: 0, stamp, value };
    Ok(SeriesTotal {
        count: reading.head,
        sum: reading.sum,
        state: 0.0,
        distribution,
        newest: reading.newest.into_iter().map(observation).collect(),
    })
}
