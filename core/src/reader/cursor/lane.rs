//! Reader of one lane of a segment.

use std::sync::Arc;

use crate::{
    catalog::Kind,
    exemplar::{self, Exemplar},
    format::{
        descriptor::FamilyDescriptor, error::SegmentError, layout::CHUNK_SLOTS, line_index::LineIndex,
        series_word::SeriesWord, source::SegmentSource,
    },
    histogram::{self, Distribution},
    reader::{
        segment_reader::{SegmentReader, SeriesInfo},
        totals::SeriesTotal,
    },
    ring::{self, LaneHeader, NewObservations, RingSnapshot, TailCopy},
    sum::{ExactSum, LIMIT},
};

/// Returns the maximum number of new observations that are counted one by one: at most as many as a
/// ring holds. This is faster than reading all buckets again.
fn max_counted(window: u32) -> u64 {
    (u64::from(window) + CHUNK_SLOTS).min(MAX_COUNTED)
}

const MAX_COUNTED: u64 = 1024;

/// The value of a published lane, or the change of a timer since the last poll.
#[derive(Debug)]
pub(crate) struct LaneDelta {
    /// The series word, which identifies this incarnation of the lane.
    pub(crate) word: SeriesWord,
    pub(crate) series: Arc<SeriesInfo>,
    holds: LaneValue,
    /// None if the exemplars did not change, or if there never were any.
    exemplars: Option<Vec<Exemplar>>,
}

#[derive(Debug)]
enum LaneValue {
    Counter(f64),
    Gauge(f64),
    Timer(RingSnapshot, Distribution),
    /// The number of observations of a timer, and those that are missing from the previous value.
    New {
        head: u64,
        newest: Vec<(u64, f64)>,
    },
}

/// The cached state of a timer's lane.
#[derive(Clone, Copy)]
pub(crate) struct CachedTimer {
    pub(crate) head: u64,
    /// Whether the buckets that were read with that head hold every observation.
    pub(crate) is_complete: bool,
    /// The number of exemplars that were recorded.
    pub(crate) exemplified: u64,
}

/// The result of reading a lane.
pub(crate) enum LaneRead {
    Value(LaneDelta),
    /// The lane has no series, or is the gauge of an ended process.
    Absent,
    /// The lane's series was removed meanwhile.
    Removed,
    /// The writer was faster than every attempt.
    WriterTooFast,
}

/// Reads a lane that had the same series before and after its head was read.
pub(crate) fn read<W: SegmentSource>(
    reader: &mut SegmentReader<W>,
    line: LineIndex,
    head: LaneHeader,
    previous: Option<CachedTimer>,
    lives: bool,
) -> Result<LaneRead, SegmentError> {
    let word = head.series;
    let Some(series) = reader.series(line, word)? else { return Ok(LaneRead::Removed) };
    let value = f64::from_bits(head.head);
    let mut exemplars = None;
    let holds = match series.family.kind {
        Kind::Counter if (0.0..LIMIT).contains(&value) => LaneValue::Counter(value),
        Kind::Counter => return Err(SegmentError::Corrupt("a counter's value")),
        // A gauge ends with its process.
        Kind::Gauge if !lives => return Ok(LaneRead::Absent),
        Kind::Gauge if value.is_finite() => LaneValue::Gauge(value),
        Kind::Gauge => return Err(SegmentError::Corrupt("a gauge's value")),
        Kind::Timer => {
            // Before the observations: each observation with an exemplar that is shown is then read
            // later.
            if head.exemplified != previous.map_or(0, |previous| previous.exemplified) {
                let buckets = if series.family.distribution { series.family.bounds.len() } else { 0 };
                exemplars = Some(exemplar::read(reader.words(), line.word(), buckets)?);
            }
            let read = timer(reader.words(), line, head.head, &series.family, previous);
            // After all other reads: detects that another incarnation of the lane was read.
            if reader.is_stale(line, word)? {
                return Ok(LaneRead::Removed);
            }
            match read {
                Ok(value) => value,
                Err(SegmentError::WriterTooFast) => return Ok(LaneRead::WriterTooFast),
                Err(bad) => return Err(bad),
            }
        }
    };
    Ok(LaneRead::Value(LaneDelta { word, series, holds, exemplars }))
}

/// Copies the new observations of a timer's lane if they are few and its buckets and exemplars are
/// known. The lane must then be read again: its head, and in a later read its series word.
///
/// `lane` had the same series before and after its head was read. `chunk` is the line of the chunk
/// that held its newest observation, or 0. Returns none if the lane must be read by
/// [`read`](self::read), which also finds the cause of an error.
pub(crate) fn copy_new<W: SegmentSource>(
    reader: &SegmentReader<W>,
    lane: LaneHeader,
    previous: CachedTimer,
    chunk: u64,
) -> Option<CopiedLane> {
    let series = Arc::clone(reader.cached(lane.series)?);
    let new = lane.head.checked_sub(previous.head)?;
    let is_followed = series.family.kind == Kind::Timer
        && previous.is_complete
        && previous.exemplified == lane.exemplified
        && (1..=max_counted(series.family.window)).contains(&new);
    if !is_followed {
        return None;
    }
    let (window, since) = (series.family.window, previous.head);
    let copied = match ring::copy_tail(reader.words(), lane, window, since, chunk).ok()? {
        Some(tail) => NewCopy::Tail(tail, chunk),
        None => NewCopy::Chunks(ring::copy_since(reader.words(), lane, window, since).ok()??),
    };
    Some(CopiedLane { series, copied, since, lane })
}

/// The new observations of a timer's lane, before the lane is read again.
pub(crate) struct CopiedLane {
    series: Arc<SeriesInfo>,
    copied: NewCopy,
    /// The head of the previous reading.
    since: u64,
    /// The lane before the copies.
    lane: LaneHeader,
}

enum NewCopy {
    /// Only from the chunk that held the newest observation, with the line of that chunk.
    Tail(TailCopy, u64),
    Chunks(NewObservations),
}

impl CopiedLane {
    /// Returns the change of the lane, and the line of the chunk that holds its newest observation.
    /// `after` was read after the copies, and `last` after that. Returns none if the lane must be
    /// read by [`read`].
    pub(crate) fn validate(self, after: LaneHeader, last: LaneHeader) -> Option<(LaneDelta, u64)> {
        let CopiedLane { series, copied, since, lane: LaneHeader { head, series: word, .. } } = self;
        if last.series != word {
            return None;
        }
        let (newest, chunk) = match copied {
            NewCopy::Tail(tail, chunk) => (tail.settle(after).ok()??, chunk),
            NewCopy::Chunks(chunks) => {
                let (reading, chunk) = chunks.settle(after).ok()??;
                (trim_to_window(reading, since, u64::MAX).newest, chunk)
            }
        };
        Some((LaneDelta { word, series, holds: LaneValue::New { head, newest }, exemplars: None }, chunk))
    }
}

/// Reads a timer's lane, whose head is at least `head`.
fn timer(
    source: &impl SegmentSource,
    line: LineIndex,
    head: u64,
    family: &FamilyDescriptor,
    previous: Option<CachedTimer>,
) -> Result<LaneValue, SegmentError> {
    let read_head = previous.map_or(0, |previous| previous.head);
    if previous.is_some_and(|previous| previous.is_complete)
        && head.saturating_sub(read_head) <= max_counted(family.window)
    {
        let reading = ring::read(source, line.word(), family.window, read_head)?;
        if reading.since(read_head).is_some() {
            let RingSnapshot { head, newest, .. } = trim_to_window(reading, read_head, u64::MAX);
            return Ok(LaneValue::New { head, newest });
        }
    }
    let folded = if family.distribution {
        // Read the position of the buckets again: in the copy that first showed the series, other
        // words may be older than the series word.
        let buckets = LaneHeader::read(source, line.word())?.buckets(family.window);
        Some(histogram::read(source, buckets, &family.bounds)?)
    } else {
        None
    };
    // After the buckets, so that the ring has the observations that the buckets lack.
    let reading = ring::read(source, line.word(), family.window, read_head)?;
    let distribution = folded.map_or(Ok(Distribution::default()), |folded| folded.complete_with(&reading))?;
    Ok(LaneValue::Timer(trim_to_window(reading, read_head, family.window.into()), distribution))
}

/// Drops the observations before the head `read_head`, and all but the newest `most` of the others.
/// This keeps the delta small until the whole segment is read.
fn trim_to_window(mut reading: RingSnapshot, read_head: u64, most: u64) -> RingSnapshot {
    let wanted = usize::try_from(most.min(reading.head - read_head)).unwrap_or(usize::MAX);
    reading.newest = reading.newest.split_off(reading.newest.len().saturating_sub(wanted));
    reading
}

impl LaneDelta {
    /// Returns the first word of the lane that belongs to this value. `seen` is the word that was
    /// read.
    pub(crate) fn head(&self, seen: u64) -> u64 {
        match &self.holds {
            LaneValue::Timer(RingSnapshot { head, .. }, _) | LaneValue::New { head, .. } => *head,
            LaneValue::Counter(_) | LaneValue::Gauge(_) => seen,
        }
    }

    /// Returns whether the buckets, if there are any, hold every observation.
    pub(crate) fn is_complete(&self) -> bool {
        match &self.holds {
            LaneValue::Timer(reading, distribution) if self.series.family.distribution => {
                let Distribution { zero, unallocated, exponential, .. } = distribution;
                let all = exponential.values().chain([*zero, *unallocated]);
                let exponential = all.fold(0_u64, u64::saturating_add);
                distribution.count() == reading.head && exponential == reading.head
            }
            LaneValue::Timer(..) | LaneValue::New { .. } | LaneValue::Counter(_) | LaneValue::Gauge(_) => {
                true
            }
        }
    }

    /// Returns the number of observations of a timer of which only the new ones were read.
    pub(crate) fn advanced_to(&self) -> Option<u64> {
        match &self.holds {
            LaneValue::New { head, .. } => Some(*head),
            LaneValue::Timer(..) | LaneValue::Counter(_) | LaneValue::Gauge(_) => None,
        }
    }

    /// Returns the exemplars, if they changed.
    pub(crate) fn take_exemplars(&mut self) -> Option<Vec<Exemplar>> {
        self.exemplars.take()
    }

    /// Returns the contribution of the lane to its series, without observations and exemplars; none
    /// if only the new observations were read.
    pub(crate) fn take_total(&mut self) -> Option<SeriesTotal> {
        let total = SeriesTotal { lanes: 1, ..SeriesTotal::default() };
        Some(match &mut self.holds {
            LaneValue::Counter(value) => SeriesTotal { sum: ExactSum::from_values([*value]), ..total },
            LaneValue::Gauge(state) => SeriesTotal { state: *state, ..total },
            LaneValue::Timer(RingSnapshot { head, sum, .. }, distribution) => {
                SeriesTotal { count: *head, sum: *sum, distribution: std::mem::take(distribution), ..total }
            }
            LaneValue::New { .. } => return None,
        })
    }

    /// Returns the observations since the lane was last read, or the newest of all.
    pub(crate) fn newest(&self) -> &[(u64, f64)] {
        match &self.holds {
            LaneValue::Timer(RingSnapshot { newest, .. }, _) | LaneValue::New { newest, .. } => newest,
            LaneValue::Counter(_) | LaneValue::Gauge(_) => &[],
        }
    }
}
