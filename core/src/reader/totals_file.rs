//! The totals file: the data of ended processes, and the ids of the segments that it contains.
//!
//! ```text
//! ICTUSTOT  version, byte order   generation   length of the rest   CRC-32 of all but itself
//! losses    ids folded into it    ids set aside    clocks
//! families: record, created, kept, series: values, begun, count, sum, buckets, newest, exemplars
//! contributions in overflow series: family, segment, values
//! ```
//!
//! The file is always replaced as a whole. It names an id until the segment's file is removed:
//! until then a reader must not count the segment a second time.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Read, Write},
    sync::Arc,
};

use super::{
    overflowed::Overflowed,
    totals::{FamilyTotal, SeriesTotal, Totals},
};
use crate::{
    catalog::Kind,
    directory::Directory,
    exemplar::{self, Exemplar},
    format::{
        descriptor::{FamilyDescriptor, MAX_BOUNDS, MAX_WINDOW},
        error::SegmentError,
        limits::{MAX_DEFINITIONS, MAX_VALUE, totals_shown_allowance},
        stream::{Input, Output},
        totals_head::{self, HEAD, TotalsHead, write_clocks},
    },
    histogram::{Distribution, SparseCounts, exponential::has_bucket},
    policy::label_order::LabelOrder,
    snapshot::{Observation, observation::keep_newest, timeline::Timeline},
    sum::{ExactSum, LIMIT},
};

/// The decoded file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TotalsFile {
    /// Incremented by every replacement.
    pub(crate) generation: u64,
    /// The ids of the segments that the totals contain.
    pub(crate) folded: Vec<u64>,
    /// Those of `folded` that are set aside instead of removed, because some of their lanes cannot
    /// be read.
    pub(crate) aside: Vec<u64>,
    pub(crate) totals: Totals,
}

impl TotalsFile {
    /// Reads and checks an opened totals file.
    pub(crate) fn read(file: &mut File) -> Result<TotalsFile, SegmentError> {
        let length = totals_head::stored_length(file)?;
        TotalsFile::read_from(file, length)
    }

    /// Replaces a directory's totals by these.
    pub(crate) fn replace_in(&self, directory: &Directory) -> Result<(), SegmentError> {
        let head = self.head()?;
        directory.replace_totals(head.length(), |new| self.write(&head, new), TotalsFile::check)
    }

    /// Checks that an opened totals file can be read.
    pub(crate) fn check(file: &mut File) -> Result<(), SegmentError> {
        let length = file.metadata()?.len();
        TotalsFile::decode(file, length, &mut |_| {}).map(|_| ())
    }

    /// Reads and checks totals of `length` bytes.
    fn read_from(source: impl Read, length: u64) -> Result<TotalsFile, SegmentError> {
        let mut totals = Totals::default();
        let mut file = TotalsFile::decode(
            source,
            length,
            &mut |Decoded { record, created, kept, series }| match series {
                Some((values, total)) => totals.add_series(record, created, &values, total),
                None => totals.keep_at_least(record, kept),
            },
        )?;
        (totals.losses, totals.clocks) = (file.totals.losses, std::mem::take(&mut file.totals.clocks));
        totals.over = std::mem::take(&mut file.totals.over);
        file.totals = totals;
        Ok(file)
    }

    /// Decodes and checks totals of `length` bytes. Passes each series to `each`, and keeps none.
    fn decode(
        source: impl Read,
        length: u64,
        each: &mut dyn FnMut(Decoded<'_>),
    ) -> Result<TotalsFile, SegmentError> {
        let decode_rest = |body: &mut Input<_>| decode_rest(body, each).filter(|_| body.left() == 0);
        let (head, over) = TotalsHead::decode(source, length, decode_rest)?;
        let TotalsHead { generation, losses, folded, aside, clocks } = head;
        let mut totals = Totals::from_losses(losses);
        (totals.clocks, totals.over) = (clocks, over);
        Ok(TotalsFile { generation, folded, aside, totals })
    }

    /// Encodes the body without writing it: its length and checksum precede it in the file.
    fn head(&self) -> io::Result<Head> {
        let mut spelled = Output::new(io::sink());
        self.write_body(&mut spelled)?;
        let (body, checksum) = spelled.finish()?;
        Ok(Head { body, checksum })
    }

    /// Writes the file piece by piece.
    fn write(&self, Head { body, checksum }: &Head, into: &mut impl Write) -> io::Result<()> {
        into.write_all(bytemuck::cast_slice(&totals_head::encode(self.generation, *body, checksum)))?;
        let mut output = Output::new(into);
        self.write_body(&mut output)?;
        output.finish().map(|_| ())
    }

    fn write_body(&self, body: &mut Output<impl Write>) -> io::Result<()> {
        let families = || self.totals.families.values().flatten();
        self.totals.losses.iter().try_for_each(|&lost| body.word(lost))?;
        body.number(self.folded.len() as u32)?;
        self.folded.iter().try_for_each(|&id| body.word(id))?;
        body.number(self.aside.len() as u32)?;
        self.aside.iter().try_for_each(|&id| body.word(id))?;
        write_clocks(body, &self.totals.clocks)?;
        body.number(families().count() as u32)?;
        families().try_for_each(|family| write_family(body, family))?;
        write_overflowed(body, &self.totals.over)
    }
}

/// The length and the checksum of the body.
struct Head {
    /// The number of bytes of the body.
    body: u64,
    checksum: crc32fast::Hasher,
}

impl Head {
    /// Returns the number of bytes of the file.
    fn length(&self) -> u64 {
        HEAD as u64 + self.body
    }
}

/// Writes nothing if there are no contributions, so that the bytes are those of earlier versions.
fn write_overflowed(body: &mut Output<impl Write>, over: &Overflowed) -> io::Result<()> {
    for (name, labels, segment, values) in over.iter() {
        body.string(name)?;
        body.strings(labels)?;
        body.word(segment)?;
        body.strings(values)?;
    }
    Ok(())
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
fn are_ordered(newest: &[Observation]) -> bool {
    let mut last = BTreeMap::new();
    newest.iter().all(|one| last.insert(one.epoch, one.stamp).is_none_or(|stamp| stamp <= one.stamp))
}

fn write_family(body: &mut Output<impl Write>, family: &FamilyTotal) -> io::Result<()> {
    let words = family.record.encode();
    body.number(words.len() as u32)?;
    words.iter().try_for_each(|&word| body.word(word))?;
    body.word(family.created)?;
    body.number(family.kept)?;
    body.number(family.series.len() as u32)?;
    for (values, series) in &family.series {
        body.strings(values)?;
        body.word(series.begun)?;
        body.word(series.count)?;
        series.sum.0.iter().try_for_each(|&word| body.word(word))?;
        write_distribution(body, &series.distribution)?;
        body.number(series.newest.len() as u32)?;
        for observation in &series.newest {
            body.number(observation.epoch)?;
            body.word(observation.stamp)?;
            body.word(observation.value.to_bits())?;
        }
        body.number(series.exemplars.len() as u32)?;
        for Exemplar { value, time, trace_id } in &series.exemplars {
            body.word(value.to_bits())?;
            body.word(*time)?;
            body.string(trace_id)?;
        }
    }
    Ok(())
}

/// A series of a family, or the end of the family.
struct Decoded<'a> {
    record: &'a Arc<FamilyDescriptor>,
    created: u64,
    kept: u32,
    series: Option<(Vec<String>, SeriesTotal)>,
}

/// Decodes the families, and returns the contributions in overflow series.
fn decode_rest(body: &mut Input<impl Read>, each: &mut dyn FnMut(Decoded<'_>)) -> Option<Overflowed> {
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
        let newest = (0..observations).map(|_| decode_observation(body)).collect::<Option<Vec<_>>>()?;
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

fn write_distribution(body: &mut Output<impl Write>, distribution: &Distribution) -> io::Result<()> {
    let Distribution { bounds, classic, zero, unallocated, exponential } = distribution;
    body.number(bounds.len() as u32)?;
    bounds.iter().try_for_each(|bound| body.word(bound.to_bits()))?;
    body.number(classic.len() as u32)?;
    classic.iter().try_for_each(|&count| body.word(count))?;
    body.word(*zero)?;
    body.word(*unallocated)?;
    body.number(exponential.len() as u32)?;
    for (bucket, count) in exponential.iter() {
        body.number(bucket.cast_unsigned())?;
        body.word(count)?;
    }
    Ok(())
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
    let known = exponential.iter().all(|(bucket, _)| has_bucket(bucket));
    (sound && whole && known).then_some(Distribution { bounds, classic, zero, unallocated, exponential })
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

impl Totals {
    /// Prepares the totals for storage: bounds the windows, and drops the gauges of ended
    /// processes.
    pub(crate) fn prepare_for_storage(&mut self) {
        for shapes in self.families.values_mut() {
            shapes.retain(|family| family.record.kind != Kind::Gauge);
        }
        self.families.retain(|_, shapes| !shapes.is_empty());
        let timeline = Timeline::default().follow(&self.clocks);
        for family in self.families.values_mut().flatten() {
            for series in family.series.values_mut() {
                keep_newest(&mut series.newest, family.kept, &timeline);
                (series.lanes, series.since) = (0, 0);
                series.newest.iter_mut().for_each(|observation| observation.origin = 0);
            }
        }
        let series = self.families.values().flatten().flat_map(|family| family.series.values());
        let used = series.flat_map(|series| series.newest.iter().map(|one| one.epoch)).collect();
        self.clocks.settle(&used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(file: &TotalsFile) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.write(&file.head().unwrap(), &mut bytes).unwrap();
        bytes
    }

    fn decoded(bytes: &[u8]) -> Result<TotalsFile, SegmentError> {
        TotalsFile::read_from(bytes, bytes.len() as u64)
    }

    fn family(kind: Kind, labels: usize) -> Arc<FamilyDescriptor> {
        let labels = ["a", "b", "c"][..labels].to_vec();
        Arc::new(FamilyDescriptor {
            distribution: true,
            ..FamilyDescriptor::test_fixture(&format!("{kind:?}"), kind, &labels)
        })
    }

    fn file(series: &[(String, u32)]) -> TotalsFile {
        let mut totals = Totals::from_losses(std::array::from_fn(|loss| loss as u64 + 1));
        for (value, count) in series {
            let newest = (0..*count).map(|index| Observation {
                epoch: index / 2,
                origin: 7,
                stamp: u64::from(index),
                value: f64::from(index) / 3.0,
            });
            let total = SeriesTotal {
                lanes: 0,
                since: 0,
                begun: 3,
                count: u64::from(*count),
                sum: ExactSum::from_values(newest.clone().map(|observation| observation.value)),
                state: 0.0,
                distribution: Distribution {
                    bounds: vec![0.5],
                    classic: vec![1, u64::from(*count)],
                    zero: 7,
                    unallocated: 8,
                    exponential: [(-5, 1), (700, 2)].into_iter().collect(),
                },
                newest: newest.collect(),
                exemplars: [0.25, 0.75]
                    .map(|value| Exemplar { value, time: 9, trace_id: "ab".into() })
                    .into(),
            };
            totals.add_series(&family(Kind::Timer, 1), 5, std::slice::from_ref(value), total);
        }
        totals.prepare_for_storage();
        for (segment, value) in [(3, "a"), (3, "b"), (u64::MAX, "a")] {
            totals.over.insert(segment, &family(Kind::Timer, 1), &[value.to_owned()]);
        }
        TotalsFile { generation: 9, folded: vec![1, u64::MAX], aside: vec![1], totals }
    }

    #[test]
    fn exemplars_that_cannot_be_shown_are_dropped() {
        let mut file = file(&[("a".into(), 5)]);
        let of = |time, trace_id: &str| Exemplar { value: 0.25, time, trace_id: trace_id.into() };
        for unfit in [of(0, "a"), of(u64::MAX, "a"), of(9, ""), of(9, "\n")] {
            let series =
                file.totals.families.values_mut().flatten().flat_map(|family| family.series.values_mut());
            series.for_each(|series| series.exemplars = vec![unfit.clone(), of(9, "fit")]);
            let decoded = self::decoded(&encoded(&file)).unwrap();
            let mut series =
                decoded.totals.families.values().flatten().flat_map(|family| family.series.values());
            assert_eq!(series.next().unwrap().exemplars, [of(9, "fit")]);
        }
    }

    proptest! {
        #[test]
        fn totals_round_trip_through_a_file(series in prop::collection::vec((".*", 0u32..6), 0..4)) {
            let file = file(&series);
            prop_assert_eq!(decoded(&encoded(&file)).unwrap(), file);
        }

        #[test]
        fn flipped_and_missing_bytes_are_detected(at in any::<prop::sample::Index>(), bit in 0..8, cut in any::<bool>()) {
            let mut bytes = encoded(&file(&[("a".into(), 5)]));
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1u8 << bit }
            prop_assert!(decoded(&bytes).is_err());
        }
    }
}
