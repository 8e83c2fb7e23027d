//! The reader of exemplars.

use std::{cmp::Reverse, io, sync::Arc};

use super::{bucket, is_valid, slots};
use crate::{
    clock,
    format::{
        layout::{EXEMPLAR_TEXT, ExemplarSlot, LINE_WORDS, Lines},
        source::SegmentSource,
    },
    ring::LaneHeader,
    sum::LIMIT,
};

/// Maximum time by which an exemplar may be ahead of the reader's clock, in nanoseconds. Otherwise
/// an exemplar with a time far in the future would remain the newest.
pub(super) const MAX_CLOCK_SKEW: u64 = 24 * 60 * 60 * 1_000_000_000;
/// Words of a slot.
const WORDS: usize = ExemplarSlot::LINES as usize * LINE_WORDS;
/// Maximum number of attempts. No real workload writes a slot between two reads so often in
/// succession.
const MAX_ATTEMPTS: usize = if cfg!(ictus_loom) { 1 } else { 8 };

/// An observation with the id of its trace.
///
/// ```
/// use ictus::{Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// let jobs = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// jobs.observe_with_exemplar(0.25, "4bf92f3577b34da6a3ce929d0e0e4736");
/// let snapshot = registry.snapshot()?;
/// let Some(Value::Timer(timing)) = snapshot.get("job_seconds", &[]) else { panic!("a timer") };
/// assert_eq!(timing.exemplars[0].value, 0.25);
/// assert_eq!(&*timing.exemplars[0].trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// The value, in seconds or bytes.
    pub value: f64,
    /// When the value was observed: nanoseconds since 1970, by the wall clock of the observing
    /// process.
    pub time: u64,
    /// The id of the trace, as passed by the program: 1 to 96 bytes without control characters.
    pub trace_id: Arc<str>,
}

impl Exemplar {
    /// Creates an exemplar.
    #[must_use]
    pub fn new(value: f64, time: u64, trace_id: impl Into<Arc<str>>) -> Exemplar {
        Exemplar { value, time, trace_id: trace_id.into() }
    }

    /// Returns an exemplar that a reader may show, or `None` if a part of it is invalid.
    pub(crate) fn checked(value: f64, time: u64, trace_id: &[u8]) -> Option<Exemplar> {
        let trace_id = std::str::from_utf8(trace_id).ok().filter(|trace_id| is_valid(trace_id))?;
        let is_plausible = (1..clock::wall().saturating_add(MAX_CLOCK_SKEW)).contains(&time);
        let is_value = (0.0..LIMIT).contains(&value);
        (is_value && is_plausible).then(|| Exemplar { value, time, trace_id: trace_id.into() })
    }
}

/// Reads the exemplars of a lane that was seen to have some. Its buckets have `bounds` bounds.
/// Leaves out invalid exemplars, and exemplars that are overwritten at each attempt.
pub(crate) fn read(source: &impl SegmentSource, lane: u64, bounds: usize) -> io::Result<Vec<Exemplar>> {
    // Read again: the words of the read that showed the number may be older than the number.
    let first = LaneHeader::read(source, lane)?.exemplars;
    if first == 0 {
        return Ok(Vec::new());
    }
    let mut exemplars: Vec<Option<Exemplar>> = vec![None; slots(bounds)];
    let mut looks = [(); 3].map(|()| vec![0; exemplars.len() * WORDS]);
    for _ in 0..MAX_ATTEMPTS {
        // Three reads. A slot that has the same even turn in the first and the last read had it
        // throughout. So the second read shows one complete exemplar: "whole" and "turn".
        for look in &mut looks {
            source.read(first, look)?;
        }
        let mut is_torn = false;
        for (slot, exemplars) in exemplars.iter_mut().enumerate() {
            let [first, second, last] = looks.each_ref().map(|look| &look[slot * WORDS..][..WORDS]);
            match (first[0], last[0]) {
                // Other words of the slot, if any, are left from another series.
                (0, 0) => *exemplars = None,
                (turn, again) if turn == again && turn % 2 == 0 => *exemplars = decode(second),
                _ => is_torn = true,
            }
        }
        if !is_torn {
            break;
        }
    }
    Ok(exemplars.into_iter().flatten().collect())
}

fn decode(words: &[u64]) -> Option<Exemplar> {
    let &[_, value, time, length, ref text @ ..] = words else { return None };
    let text: &[u8] = bytemuck::cast_slice(&text[..EXEMPLAR_TEXT]);
    let trace_id = text.get(..usize::try_from(length).ok()?)?;
    Exemplar::checked(f64::from_bits(value), time, trace_id)
}

/// Keeps the newest exemplar of each bucket, in the order of the buckets.
pub(crate) fn keep_newest(exemplars: &mut Vec<Exemplar>, bounds: &[f64]) {
    let bucket = |one: &Exemplar| bucket(bounds, one.value);
    // The remaining keys break ties, so that the result does not depend on the order of lanes and
    // segments.
    exemplars.sort_by(|one, other| {
        let key = |one: &Exemplar| (bucket(one), Reverse(one.time));
        let ties = || one.trace_id.cmp(&other.trace_id).then(one.value.total_cmp(&other.value));
        key(one).cmp(&key(other)).then_with(ties)
    });
    exemplars.dedup_by_key(|one| bucket(one));
}
