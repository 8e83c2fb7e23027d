//! The totals file: what dead segments leave behind, and which of them it already contains.
//!
//! ```text
//! ICTUSTOT  version, byte order   generation   length of the rest   CRC-32 of all but itself
//! losses    ids folded into it    clocks    families: record, series: values, count, sum, newest, exemplars
//! ```
//!
//! Always replaced as a whole. An id stays named until its segment's file is gone: until then a
//! reader must not count the segment a second time.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use super::{
    anchors,
    bytes::{Bytes, Fields},
    clocks::Clocks,
    descriptor::FamilyRecord,
    layout::{BYTE_ORDER, LOSSES, VERSION},
    limits::{MAX_DEFINITIONS, MAX_VALUE, totals_shown_allowance},
    reader::Bad,
    source::stored_bytes,
    timeline::Timeline,
    totals::{FamilyTotal, Observation, SeriesTotal, Totals, keep_newest},
};
use crate::{
    buckets::{Distribution, Exponential, MOST_BOUNDS, exponential::is_known},
    catalog::Kind,
    exemplar::{self, Exemplar},
    sum::{Exact, LIMIT},
};

/// The decoded file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TotalsFile {
    /// Grows with every replacement.
    pub(crate) generation: u64,
    /// Segments that are contained.
    pub(crate) folded: Vec<u64>,
    pub(crate) totals: Totals,
}

const MAGIC: u64 = u64::from_ne_bytes(*b"ICTUSTOT");
const HEAD: usize = 5 * 8;
/// No totals file is longer: what a reader is willing to load.
const MOST_BYTES: u64 = 1 << 30;
/// File systems keep the contents of short files where they count no blocks.
const UNALLOCATED: u64 = 64 << 10;

impl TotalsFile {
    /// Reads and checks an opened totals file.
    pub(crate) fn read(file: &mut File) -> Result<TotalsFile, Bad> {
        let length = file.metadata()?.len();
        if length > MOST_BYTES {
            return Err(Bad::Body("its length"));
        }
        let mut head = [0; HEAD];
        if let Err(error) = file.read_exact(&mut head) {
            let short = error.kind() == io::ErrorKind::UnexpectedEof;
            return Err(if short { Bad::Header("cut short") } else { error.into() });
        }
        check_head(&head, length - HEAD as u64)?;
        if length > stored_bytes(file)?.saturating_add(UNALLOCATED) {
            return Err(Bad::Body("most of it is not on disk"));
        }
        let mut bytes = Vec::with_capacity(length as usize);
        bytes.extend(head);
        io::Read::by_ref(file).take(length - HEAD as u64).read_to_end(&mut bytes)?;
        TotalsFile::decode(&bytes)
    }

    /// The bytes to be written.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Bytes::default();
        self.totals.losses.iter().for_each(|&lost| body.word(lost));
        body.number(self.folded.len() as u32);
        self.folded.iter().for_each(|&id| body.word(id));
        encode_clocks(&mut body, &self.totals.clocks);
        body.number(self.totals.families.values().flatten().count() as u32);
        self.totals.families.values().flatten().for_each(|family| encode_family(&mut body, family));
        let body = body.as_slice();
        let mut bytes = Bytes::default();
        bytes.word(MAGIC);
        bytes.word(u64::from(VERSION) << 32 | u64::from(BYTE_ORDER));
        bytes.word(self.generation);
        bytes.word(body.len() as u64);
        bytes.word(checksum(bytes.as_slice(), body));
        [bytes.as_slice(), body].concat()
    }

    fn decode(bytes: &[u8]) -> Result<TotalsFile, Bad> {
        let (head, body) = bytes.split_at_checked(HEAD).ok_or(Bad::Header("cut short"))?;
        let (generation, checked) = check_head(head, body.len() as u64)?;
        if checked != checksum(&head[..HEAD - 8], body) {
            return Err(Bad::Header(WRONG));
        }
        let (folded, totals) = decode_body(Fields::of(body)).ok_or(Bad::Body("totals"))?;
        Ok(TotalsFile { generation, folded, totals })
    }
}

const WRONG: &str = "wrong length or checksum";

/// The generation and the checksum of a head with so many bytes after it.
fn check_head(head: &[u8], body: u64) -> Result<(u64, u64), Bad> {
    let [magic, version, generation, length, checked] =
        Fields::of(head).words().ok_or(Bad::Header("cut short"))?;
    if magic != MAGIC {
        return Err(Bad::Header("not a totals file"));
    }
    if version as u32 != BYTE_ORDER {
        return Err(Bad::Header("written in another byte order"));
    }
    if (version >> 32) as u32 > VERSION {
        return Err(Bad::Newer((version >> 32) as u32));
    }
    if length != body {
        return Err(Bad::Header(WRONG));
    }
    Ok((generation, checked))
}

/// CRC-32 of the head's words before it, and of the body.
fn checksum(head: &[u8], body: &[u8]) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    u64::from(hasher.finalize())
}

fn encode_clocks(body: &mut Bytes, clocks: &Clocks) {
    body.number(clocks.epochs().count() as u32);
    for (epoch, fingerprint, anchors) in clocks.iter() {
        body.number(epoch);
        body.word(fingerprint);
        body.number(anchors.len() as u32);
        anchors.iter().flat_map(anchors::words).for_each(|word| body.word(word));
    }
}

fn decode_clocks(body: &mut Fields<'_>) -> Option<Clocks> {
    let mut clocks = Clocks::default();
    for _ in 0..body.number()? {
        let (epoch, fingerprint, count) = (body.number()?, body.word()?, body.number()?);
        let anchors = (0..count).map(|_| body.words().map(anchors::from_words));
        clocks.add(epoch, fingerprint, anchors.collect::<Option<Vec<_>>>()?);
    }
    Some(clocks)
}

/// Whether the stamps of each epoch are in order. How epochs stand among each other depends on anchors.
fn are_ordered(newest: &[Observation]) -> bool {
    let mut last = BTreeMap::new();
    newest.iter().all(|one| last.insert(one.epoch, one.stamp).is_none_or(|stamp| stamp <= one.stamp))
}

fn encode_family(body: &mut Bytes, family: &FamilyTotal) {
    let words = family.record.encode();
    body.number(words.len() as u32);
    words.iter().for_each(|&word| body.word(word));
    body.word(family.created);
    body.number(family.series.len() as u32);
    for (values, series) in &family.series {
        body.strings(values);
        body.word(series.count);
        series.sum.0.iter().for_each(|&word| body.word(word));
        encode_distribution(body, &series.distribution);
        body.number(series.newest.len() as u32);
        for observation in &series.newest {
            body.number(observation.epoch);
            body.word(observation.stamp);
            body.word(observation.value.to_bits());
        }
        body.number(series.exemplars.len() as u32);
        for Exemplar { value, time, trace_id } in &series.exemplars {
            body.word(value.to_bits());
            body.word(*time);
            body.string(trace_id);
        }
    }
}

fn decode_body(mut body: Fields<'_>) -> Option<(Vec<u64>, Totals)> {
    let losses = body.words::<LOSSES>()?;
    let count = body.number()?;
    let folded = (0..count).map(|_| body.word()).collect::<Option<_>>()?;
    let mut totals = Totals::of_losses(losses);
    totals.clocks = decode_clocks(&mut body)?;
    let mut shown = totals_shown_allowance(body.len() as u64);
    for _ in 0..body.number()? {
        decode_family(&mut body, &mut totals, &mut shown)?;
    }
    body.is_empty().then_some((folded, totals))
}

/// `shown` is how many bytes of an exposition the series may take.
fn decode_family(body: &mut Fields<'_>, totals: &mut Totals, shown: &mut u64) -> Option<()> {
    let words = body.number()?;
    let words: Vec<u64> = (0..words).map(|_| body.word()).collect::<Option<_>>()?;
    let record = Arc::new(FamilyRecord::decode(&words)?);
    // A series is sought among all definitions of its name.
    if totals.families.get(&record.name).is_some_and(|shapes| shapes.len() >= MAX_DEFINITIONS) {
        return None;
    }
    let created = body.word()?;
    for _ in 0..body.number()? {
        let values = body.strings()?;
        if values.len() != record.labels.len() || values.iter().any(|value| value.len() > MAX_VALUE) {
            return None;
        }
        *shown = shown.checked_sub(record.shown_bytes(values.iter().map(String::len).sum()))?;
        let (count, sum) = (body.word()?, Exact(body.words()?));
        let distribution = decode_distribution(body)?;
        let observations = body.number()?;
        let newest = (0..observations).map(|_| decode_observation(body)).collect::<Option<Vec<_>>>()?;
        if !are_ordered(&newest) || newest.len() > record.window as usize || newest.len() as u64 > count {
            return None;
        }
        let exemplars = decode_exemplars(body, &distribution.bounds)?;
        let total = SeriesTotal { count, sum, distribution, newest, exemplars, ..SeriesTotal::default() };
        totals.add_series(&record, created, &values, total);
    }
    Some(())
}

fn encode_distribution(body: &mut Bytes, distribution: &Distribution) {
    let Distribution { bounds, classic, zero, unplaced, exponential } = distribution;
    body.number(bounds.len() as u32);
    bounds.iter().for_each(|bound| body.word(bound.to_bits()));
    body.number(classic.len() as u32);
    classic.iter().for_each(|&count| body.word(count));
    body.word(*zero);
    body.word(*unplaced);
    body.number(exponential.len() as u32);
    for (bucket, count) in exponential.iter() {
        body.number(bucket.cast_unsigned());
        body.word(count);
    }
}

fn decode_distribution(body: &mut Fields<'_>) -> Option<Distribution> {
    let count = body.number()?;
    let bounds = (0..count).map(|_| body.word().map(f64::from_bits)).collect::<Option<Vec<_>>>()?;
    let count = body.number()?;
    let classic = (0..count).map(|_| body.word()).collect::<Option<Vec<_>>>()?;
    let (zero, unplaced, count) = (body.word()?, body.word()?, body.number()?);
    let mut last = None;
    // Ascending: each is added at the end of those before it.
    let bucket = |_| {
        let (bucket, count) = (body.number()?.cast_signed(), body.word()?);
        (last.replace(bucket) < Some(bucket)).then_some((bucket, count))
    };
    let exponential = (0..count).map(bucket).collect::<Option<Exponential>>()?;
    let sound = bounds.len() <= MOST_BOUNDS
        && bounds.is_sorted_by(|low, high| low < high)
        && bounds.iter().all(|bound| bound.is_finite());
    let whole = classic.len() == bounds.len() + 1 || (classic.is_empty() && bounds.is_empty());
    let known = exponential.iter().all(|(bucket, _)| is_known(bucket));
    (sound && whole && known).then_some(Distribution { bounds, classic, zero, unplaced, exponential })
}

/// The exemplars of a series whose buckets have those bounds. What a reader cannot show is dropped, not
/// refused, for no exemplar is worth the totals: a time may only be ahead of a clock that was set back.
fn decode_exemplars(body: &mut Fields<'_>, bounds: &[f64]) -> Option<Vec<Exemplar>> {
    let mut exemplars = Vec::new();
    for _ in 0..body.number()? {
        let (value, time, trace_id) = (f64::from_bits(body.word()?), body.word()?, body.string()?);
        exemplars.extend(Exemplar::checked(value, time, trace_id.as_bytes()));
    }
    exemplar::keep_newest(&mut exemplars, bounds);
    Some(exemplars)
}

fn decode_observation(body: &mut Fields<'_>) -> Option<Observation> {
    let (epoch, stamp, value) = (body.number()?, body.word()?, f64::from_bits(body.word()?));
    (0.0..LIMIT).contains(&value).then_some(Observation { epoch, origin: 0, stamp, value })
}

impl Totals {
    /// Makes these totals fit to be kept for ever: bounded windows, and no states of the dead.
    pub(super) fn settle(&mut self) {
        for shapes in self.families.values_mut() {
            shapes.retain(|family| family.record.kind != Kind::Gauge);
        }
        self.families.retain(|_, shapes| !shapes.is_empty());
        let timeline = Timeline::default().follow(&self.clocks);
        for family in self.families.values_mut().flatten() {
            for series in family.series.values_mut() {
                keep_newest(&mut series.newest, family.record.window, &timeline);
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

    fn family(kind: Kind, labels: usize) -> Arc<FamilyRecord> {
        let labels = ["a", "b", "c"][..labels].to_vec();
        Arc::new(FamilyRecord {
            distribution: true,
            ..FamilyRecord::plain(&format!("{kind:?}"), kind, &labels)
        })
    }

    fn file(series: &[(String, u32)]) -> TotalsFile {
        let mut totals = Totals::of_losses(std::array::from_fn(|loss| loss as u64 + 1));
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
                count: u64::from(*count),
                sum: Exact::of(newest.clone().map(|observation| observation.value)),
                state: 0.0,
                distribution: Distribution {
                    bounds: vec![0.5],
                    classic: vec![1, u64::from(*count)],
                    zero: 7,
                    unplaced: 8,
                    exponential: [(-5, 1), (700, 2)].into_iter().collect(),
                },
                newest: newest.collect(),
                exemplars: [0.25, 0.75]
                    .map(|value| Exemplar { value, time: 9, trace_id: "ab".into() })
                    .into(),
            };
            totals.add_series(&family(Kind::Timer, 1), 5, std::slice::from_ref(value), total);
        }
        totals.settle();
        TotalsFile { generation: 9, folded: vec![1, u64::MAX], totals }
    }

    #[test]
    fn exemplars_that_cannot_be_shown_are_dropped() {
        let mut file = file(&[("a".into(), 5)]);
        let of = |time, trace_id: &str| Exemplar { value: 0.25, time, trace_id: trace_id.into() };
        for unfit in [of(0, "a"), of(u64::MAX, "a"), of(9, ""), of(9, "\n")] {
            let series =
                file.totals.families.values_mut().flatten().flat_map(|family| family.series.values_mut());
            series.for_each(|series| series.exemplars = vec![unfit.clone(), of(9, "fit")]);
            let decoded = TotalsFile::decode(&file.encode()).unwrap();
            let mut series =
                decoded.totals.families.values().flatten().flat_map(|family| family.series.values());
            assert_eq!(series.next().unwrap().exemplars, [of(9, "fit")]);
        }
    }

    proptest! {
        #[test]
        fn a_file_comes_back_as_it_was(series in prop::collection::vec((".*", 0u32..6), 0..4)) {
            let file = file(&series);
            prop_assert_eq!(TotalsFile::decode(&file.encode()).unwrap(), file);
        }

        #[test]
        fn any_change_and_any_cut_is_seen(at in any::<prop::sample::Index>(), bit in 0..8, cut in any::<bool>()) {
            let mut bytes = file(&[("a".into(), 5)]).encode();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1u8 << bit }
            prop_assert!(TotalsFile::decode(&bytes).is_err());
        }
    }
}
