//! What one segment says, reading again only the lanes that have moved.

use std::collections::HashMap;

use super::{
    reader::{Bad, LaneAt, SegmentReader},
    source::Words,
    totals::{Observation, SeriesTotal, Totals},
};
use crate::{
    buckets::{self, Distribution},
    catalog::Kind,
    clock,
    ring::{self, LaneHead},
    sum::LIMIT,
};

/// The lanes of a segment by their line, as they last were.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    timers: HashMap<u64, (LaneHead, SeriesTotal)>,
    /// The series word, and the stamp at which the lane was first seen with it.
    since: HashMap<u64, (u64, u64)>,
}

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
        let (now, mut since) = (clock::now(), HashMap::new());
        for lane in &lanes {
            let family = &lane.series.family;
            let value = f64::from_bits(lane.head.head);
            let mut total = SeriesTotal { lanes: 1, ..SeriesTotal::default() };
            let word = lane.head.series;
            let seen = *since
                .entry(lane.line)
                .insert_entry(match self.since.get(&lane.line) {
                    Some(&known) if known.0 == word => known,
                    _ => (word, now),
                })
                .get();
            let origin = totals.next_lane();
            match family.kind {
                Kind::Counter if (0.0..LIMIT).contains(&value) => total.sum.add_value(value),
                Kind::Counter => return Err(Bad::Body("a counter's value")),
                // A dead process's state is nobody's state.
                Kind::Gauge if !lives => continue,
                Kind::Gauge if value.is_finite() => total.state = value,
                Kind::Gauge => return Err(Bad::Body("a gauge's value")),
                Kind::Timer => match self.timer(reader, lane)? {
                    Lane::Read(timer) => total.clone_from(timer),
                    Lane::Ended => continue,
                    Lane::Unread => {
                        totals.unread_lanes += 1;
                        continue;
                    }
                },
            }
            total.since = seen.1;
            total.newest.iter_mut().for_each(|observation| observation.origin = origin);
            totals.add_series(family, reader.created, &lane.series.values, total);
        }
        self.timers.retain(|line, (head, _)| since.get(line).is_some_and(|&(word, _)| word == head.series));
        self.since = since;
        Ok(totals)
    }

    /// A timer's lane.
    fn timer<W: Words>(&mut self, reader: &SegmentReader<W>, lane: &LaneAt) -> Result<Lane<'_>, Bad> {
        let word = lane.head.series;
        let unmoved = self.timers.get(&lane.line).is_some_and(|(head, _)| *head == lane.head);
        if !unmoved {
            let before = self.timers.get(&lane.line).filter(|(head, _)| head.series == word);
            let read = timer(reader, lane, before.map(|(_, total)| total));
            // After all of it: nothing of another series' life of the lane was read, or it is seen here.
            if reader.has_ended(lane.line, word)? {
                return Ok(Lane::Ended);
            }
            match read {
                Ok(total) => _ = self.timers.insert(lane.line, (lane.head, total)),
                Err(Bad::Overrun) => {}
                Err(bad) => return Err(bad),
            }
        }
        let known = self.timers.get(&lane.line).filter(|(head, _)| head.series == word);
        Ok(known.map_or(Lane::Unread, |(_, total)| Lane::Read(total)))
    }
}

/// What is known of a timer's lane.
enum Lane<'a> {
    Read(&'a SeriesTotal),
    /// Its series was removed meanwhile.
    Ended,
    /// It could never be read.
    Unread,
}

/// What a timer's lane says now; `before` is what it said the last time.
fn timer<W: Words>(
    reader: &SegmentReader<W>,
    lane: &LaneAt,
    before: Option<&SeriesTotal>,
) -> Result<SeriesTotal, Bad> {
    let (source, family) = (reader.source(), &lane.series.family);
    let mut distribution = Distribution::default();
    let reading = if family.distribution {
        // Where they are is asked anew: in the copy that first showed the series, other words may still
        // be those of before.
        let place = LaneHead::read(source, lane.line)?.buckets(family.window);
        let folded = buckets::read(source, place, &family.bounds)?;
        let reading = ring::read(source, lane.line, family.window, 0)?;
        distribution = folded.with_rest(&reading)?;
        reading
    } else {
        ring::read(source, lane.line, family.window, 0)?
    };
    if let Some(before) = before {
        distribution.raise(&before.distribution);
    }
    let epoch = reader.epoch;
    let observation = |&(stamp, value)| Observation { epoch, origin: 0, stamp, value };
    let surplus = reading.newest.len().saturating_sub(family.window as usize);
    Ok(SeriesTotal {
        lanes: 1,
        since: 0,
        count: reading.head,
        sum: reading.sum,
        state: 0.0,
        distribution,
        newest: reading.newest[surplus..].iter().map(observation).collect(),
    })
}
