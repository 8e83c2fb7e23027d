//! Decoding of totals: checks every number before it is used.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
    sync::Arc,
};

use crate::{
    exemplar::{self, Exemplar},
    format::{
        descriptor::{FamilyDescriptor, MAX_BOUNDS, MAX_WINDOW},
        limits::{MAX_DEFINITIONS, MAX_VALUE},
        shown_size::totals_shown_allowance,
        stream::Input,
    },
    histogram::{Distribution, SparseCounts, exponential::has_bucket},
    policy::label_order::LabelOrder,
    reader::{overflowed::Overflowed, stored_observations::StoredObservations, totals::SeriesTotal},
    snapshot::Observation,
    sum::{ExactSum, LIMIT},
};

/// A series of a family, or the end of the family.
pub(super) struct Decoded<'a> {
    pub(super) record: &'a Arc<FamilyDescriptor>,
    pub(super) created: u64,
    pub(super) kept: u32,
    pub(super) series: Option<(Vec<String>, SeriesTotal)>,
}

/// Decodes the families, and returns the contributions in overflow series.
pub(super) fn decode_rest(
    body: &mut Input<impl Read>,
    each: &mut dyn FnMut(Decoded<'_>),
) -> Option<Overflowed> {
    let mut allowance = Allowance { shown: totals_shown_allowance(body.left()), definitions: HashMap::new() };
    for _ in 0..body.number()? {
        decode_family(body, &mut allowance, each)?;
    }
    decode_overflowed(body)
}

/// Limits of the families that follow in a file.
struct Allowance {
    /// Bytes that they may take in an exposition.
    shown: u64,
    /// The number of families so far, by name.
    definitions: HashMap<String, usize>,
}

fn decode_family(
    body: &mut Input<impl Read>,
    allowance: &mut Allowance,
    each: &mut dyn FnMut(Decoded<'_>),
) -> Option<()> {
    let words = body.number()?;
    let words: Vec<u64> = (0..words).map(|_| body.word()).collect::<Option<_>>()?;
    let mut record = FamilyDescriptor::decode(&words)?;
    let order = LabelOrder::sort(&mut record.labels);
    let record = Arc::new(record);
    // A search for a series visits all definitions of its name.
    let definitions = allowance.definitions.entry(record.name.clone()).or_default();
    *definitions += 1;
    if *definitions > MAX_DEFINITIONS {
        return None;
    }
    let (created, kept) = (body.word()?, body.number()?);
    if kept > MAX_WINDOW {
        return None;
    }
    for _ in 0..body.number()? {
        let values = body.strings()?;
        if values.len() != record.labels.len() || values.iter().any(|value| value.len() > MAX_VALUE) {
            return None;
        }
        let shown = record.shown_bytes(values.iter().map(String::len).sum());
        allowance.shown = allowance.shown.checked_sub(shown)?;
        let values = order.as_ref().map_or_else(|| values.clone(), |order| order.apply(&values));
        let (begun, count, sum) = (body.word()?, body.word()?, ExactSum(body.words()?));
        let distribution = decode_distribution(body)?;
        let observations = body.number()?;
        let newest =
            (0..observations).map(|_| decode_observation(body)).collect::<Option<StoredObservations>>()?;
        if !are_ordered(&newest) || newest.len() > kept as usize || newest.len() as u64 > count {
            return None;
        }
        let exemplars = decode_exemplars(body, &distribution.bounds)?;
        let total =
            SeriesTotal { begun, count, sum, distribution, newest, exemplars, ..SeriesTotal::default() };
        each(Decoded { record: &record, created, kept, series: Some((values, total)) });
    }
    each(Decoded { record: &record, created, kept, series: None });
    Some(())
}

fn decode_distribution(body: &mut Input<impl Read>) -> Option<Distribution> {
    let count = body.number()?;
    let bounds = (0..count).map(|_| body.word().map(f64::from_bits)).collect::<Option<Vec<_>>>()?;
    let count = body.number()?;
    let classic = (0..count).map(|_| body.word()).collect::<Option<Vec<_>>>()?;
    let (zero, unallocated, count) = (body.word()?, body.word()?, body.number()?);
    let mut last = None;
    // The buckets are ascending, so that each is appended to those before it.
    let bucket = |_| {
        let (bucket, count) = (body.number()?.cast_signed(), body.word()?);
        (last.replace(bucket) < Some(bucket)).then_some((bucket, count))
    };
    let exponential = (0..count).map(bucket).collect::<Option<SparseCounts>>()?;
    let sound = bounds.len() <= MAX_BOUNDS
        && bounds.is_sorted_by(|low, high| low < high)
        && bounds.iter().all(|bound| bound.is_finite());
    let whole = classic.len() == bounds.len() + 1 || (classic.is_empty() && bounds.is_empty());
    let has_buckets = exponential.iter().all(|(bucket, _)| has_bucket(bucket));
    (sound && whole && has_buckets).then_some(Distribution {
        bounds,
        classic,
        zero,
        unallocated,
        exponential,
    })
}

/// Decodes the exemplars of a series with these bounds.
///
/// An exemplar that a reader cannot show is dropped, not refused: no exemplar is worth the totals.
/// Its time may only be ahead of a clock that was set back.
fn decode_exemplars(body: &mut Input<impl Read>, bounds: &[f64]) -> Option<Vec<Exemplar>> {
    let mut exemplars = Vec::new();
    for _ in 0..body.number()? {
        let (value, time, trace_id) = (f64::from_bits(body.word()?), body.word()?, body.string()?);
        exemplars.extend(Exemplar::checked(value, time, trace_id.as_bytes()));
    }
    exemplar::keep_newest(&mut exemplars, bounds);
    Some(exemplars)
}

fn decode_observation(body: &mut Input<impl Read>) -> Option<Observation> {
    let (epoch, stamp, value) = (body.number()?, body.word()?, f64::from_bits(body.word()?));
    (0.0..LIMIT).contains(&value).then_some(Observation { epoch, origin: 0, stamp, value })
}

fn decode_overflowed(body: &mut Input<impl Read>) -> Option<Overflowed> {
    let mut over = Overflowed::default();
    while body.left() > 0 {
        let family = (body.string()?, body.strings()?);
        over.insert_read(family, body.word()?, body.strings()?);
    }
    Some(over)
}

/// Returns whether the timestamps of each epoch are ordered. The order of epochs depends on
/// anchors.
fn are_ordered(newest: &StoredObservations) -> bool {
    let mut last = BTreeMap::new();
    newest.iter().all(|one| last.insert(one.epoch, one.stamp).is_none_or(|stamp| stamp <= one.stamp))
}
