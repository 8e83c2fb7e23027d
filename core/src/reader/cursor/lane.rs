//! Reads one lane of a segment.

use std::sync::Arc;

use crate::{
    catalog::Kind,
    exemplar::{self, Exemplar},
    format::{descriptor::FamilyRecord, error::Bad, source::Words},
    histogram::{self, Distribution},
    reader::{
        segment_reader::{Described, SegmentReader},
        totals::SeriesTotal,
    },
    ring::{self, LaneHead, Reading},
    sum::{Exact, LIMIT},
};

/// More new observations than this are not counted one by one.
const FEW: u64 = 64;

/// A lane that is shown.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Stands for this life of the lane.
    pub(crate) word: u64,
    pub(crate) series: Arc<Described>,
    holds: Holds,
    /// None where they are as they were, or there never were any.
    exemplars: Option<Vec<Exemplar>>,
}

#[derive(Debug)]
enum Holds {
    Counter(f64),
    Gauge(f64),
    /// Without a distribution where that is what it was, with the new observations in it.
    Timer(Reading, Option<Distribution>),
}

/// What is known of a timer's lane.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) head: u64,
    /// Whether the buckets that were read with that head hold every observation.
    pub(crate) is_complete: bool,
    /// How many exemplars there were.
    pub(crate) exemplified: u64,
}

/// What came of reading a lane.
pub(crate) enum Outcome {
    Read(Lane),
    /// There is no series, or it is a dead process's state.
    Nobodys,
    /// Its series was removed meanwhile.
    Ended,
    /// Its writer was too fast.
    Unread,
}

/// Reads a lane that had the same series before and after a look at its head.
pub(crate) fn read<W: Words>(
    reader: &mut SegmentReader<W>,
    line: u64,
    head: LaneHead,
    before: Option<Known>,
    lives: bool,
) -> Result<Outcome, Bad> {
    let word = head.series;
    let Some(series) = reader.series(line, word)? else { return Ok(Outcome::Ended) };
    let value = f64::from_bits(head.head);
    let mut exemplars = None;
    let holds = match series.family.kind {
        Kind::Counter if (0.0..LIMIT).contains(&value) => Holds::Counter(value),
        Kind::Counter => return Err(Bad::Body("a counter's value")),
        // A dead process's state is nobody's state.
        Kind::Gauge if !lives => return Ok(Outcome::Nobodys),
        Kind::Gauge if value.is_finite() => Holds::Gauge(value),
        Kind::Gauge => return Err(Bad::Body("a gauge's value")),
        Kind::Timer => {
            // First: what is read later has every observation whose exemplar is shown.
            if head.exemplified != before.map_or(0, |before| before.exemplified) {
                let buckets = if series.family.distribution { series.family.bounds.len() } else { 0 };
                exemplars = Some(exemplar::read(reader.words(), line, buckets)?);
            }
            let read = timer(reader.words(), line, head.head, &series.family, before);
            // After all of it: nothing of another series' life of the lane was read, or it is seen here.
            if reader.has_ended(line, word)? {
                return Ok(Outcome::Ended);
            }
            match read {
                Ok((reading, distribution)) => Holds::Timer(reading, distribution),
                Err(Bad::Overrun) => return Ok(Outcome::Unread),
                Err(bad) => return Err(bad),
            }
        }
    };
    Ok(Outcome::Read(Lane { word, series, holds, exemplars }))
}

/// A timer's lane, whose head is at least `head`.
fn timer(
    source: &impl Words,
    line: u64,
    head: u64,
    family: &FamilyRecord,
    before: Option<Known>,
) -> Result<(Reading, Option<Distribution>), Bad> {
    let known = before.map_or(0, |before| before.head);
    // Few values are faster counted than all buckets read.
    if before.is_some_and(|before| before.is_complete) && head.saturating_sub(known) <= FEW {
        let reading = ring::read(source, line, family.window, known)?;
        if reading.since(known).is_some() {
            return Ok((newer(reading, known, u64::MAX), None));
        }
    }
    let folded = if family.distribution {
        // Where they are is asked anew: in the copy that first showed the series, other words may still
        // be those of before.
        let place = LaneHead::read(source, line)?.buckets(family.window);
        Some(histogram::read(source, place, &family.bounds)?)
    } else {
        None
    };
    // After the buckets: it has what they lack.
    let reading = ring::read(source, line, family.window, known)?;
    let distribution = folded.map_or(Ok(Distribution::default()), |folded| folded.with_rest(&reading))?;
    Ok((newer(reading, known, family.window.into()), Some(distribution)))
}

/// Without what was known when the head was `before`, and at most so many: what is kept until the whole
/// segment is read is small.
fn newer(mut reading: Reading, before: u64, most: u64) -> Reading {
    let wanted = usize::try_from(most.min(reading.head - before)).unwrap_or(usize::MAX);
    reading.newest = reading.newest.split_off(reading.newest.len().saturating_sub(wanted));
    reading
}

impl Lane {
    /// The word that its line starts with, where this is what it says.
    pub(crate) fn head(&self, seen: u64) -> u64 {
        match &self.holds {
            Holds::Timer(reading, _) => reading.head,
            Holds::Counter(_) | Holds::Gauge(_) => seen,
        }
    }

    /// Whether buckets hold every observation, as far as there are any.
    pub(crate) fn is_complete(&self) -> bool {
        match &self.holds {
            Holds::Timer(reading, Some(distribution)) if self.series.family.distribution => {
                let Distribution { zero, unplaced, exponential, .. } = distribution;
                let all = exponential.values().chain([*zero, *unplaced]);
                let exponential = all.fold(0_u64, u64::saturating_add);
                distribution.count() == reading.head && exponential == reading.head
            }
            Holds::Timer(..) | Holds::Counter(_) | Holds::Gauge(_) => true,
        }
    }

    /// Whether it is what it was, but for new observations; else all of it was read.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.holds, Holds::Timer(_, None))
    }

    /// Its exemplars, where they are not those of before.
    pub(crate) fn take_exemplars(&mut self) -> Option<Vec<Exemplar>> {
        self.exemplars.take()
    }

    /// What it adds to its series, but for observations and exemplars.
    pub(crate) fn take_total(&mut self) -> SeriesTotal {
        let total = SeriesTotal { lanes: 1, ..SeriesTotal::default() };
        match &mut self.holds {
            Holds::Counter(value) => SeriesTotal { sum: Exact::of([*value]), ..total },
            Holds::Gauge(state) => SeriesTotal { state: *state, ..total },
            Holds::Timer(Reading { head, sum, .. }, distribution) => {
                let distribution = distribution.take().unwrap_or_default();
                SeriesTotal { count: *head, sum: *sum, distribution, ..total }
            }
        }
    }

    /// Its observations: those that came since the lane was last read, or the newest of all.
    pub(crate) fn newest(&self) -> &[(u64, f64)] {
        match &self.holds {
            Holds::Timer(reading, _) => &reading.newest,
            Holds::Counter(_) | Holds::Gauge(_) => &[],
        }
    }
}
