//! Descriptors: families and series as bytes. They are written once, and every reader checks them.
//!
//! ```text
//! word 0     tag (high half), length of the payload in bytes (low half)
//! word 1     CRC-32 of the payload
//! word 2..   payload: numbers of 4 bytes, then strings, each after its length
//! ```

use super::{
    codec::{Decoder, Encoder},
    layout::{LINE, LINE_WORDS},
    limits::{MAX_HELP, MAX_NAME, MAX_NAMES, MAX_SERIES, MAX_VALUE, cut, names_bytes},
    line_index::LineIndex,
};
use crate::{
    catalog::{Kind, Unit},
    packed::{pack, unpack},
};

/// Maximum number of bounds of a family.
pub(crate) const MAX_BOUNDS: usize = 1000;
/// Maximum number of observations in a window. It bounds the memory of a reader.
pub(crate) const MAX_WINDOW: u32 = 1 << 16;

/// A family's descriptor in a segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FamilyDescriptor {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) window: u32,
    /// Nanoseconds after which an observation leaves the window; 0 for never.
    pub(crate) max_age: u64,
    /// Nanoseconds after which a series that no process has updated expires; 0 for never.
    pub(crate) expire_after: u64,
    pub(crate) max_series: u32,
    /// Whether a timer has buckets.
    pub(crate) distribution: bool,
    /// Upper bounds of a timer's classic buckets, ascending.
    pub(crate) bounds: Vec<f64>,
    pub(crate) labels: Vec<String>,
}

/// A series' descriptor in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesDescriptor {
    /// The line of the family's descriptor.
    pub(crate) family: LineIndex,
    /// Unique to this descriptor. Its lines may be reused from a removed series.
    pub(crate) serial: u32,
    /// When its process created the series: nanoseconds since 1970, by the clock of its epoch; 0 if
    /// unknown.
    pub(crate) begun: u64,
    pub(crate) values: Vec<String>,
}

const FAMILY: u32 = 1;
const SERIES: u32 = 2;
/// Maximum length of a descriptor's payload in bytes. It bounds the bytes that a reader copies.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Words before the payload.
const HEAD_WORDS: usize = 2;

impl FamilyDescriptor {
    /// Returns whether series of both families may be merged.
    pub(crate) fn is_compatible(&self, other: &FamilyDescriptor) -> bool {
        (self.kind, self.unit, &self.labels) == (other.kind, other.unit, &other.labels)
    }

    /// Returns whether both descriptors define the same family: the same shape and name.
    pub(crate) fn same_family(&self, other: &FamilyDescriptor) -> bool {
        self.name == other.name && self.is_compatible(other)
    }

    /// Returns the words to be stored.
    pub(crate) fn encode(&self) -> Vec<u64> {
        let mut payload = Encoder::default();
        payload.number(self.kind as u32);
        payload.number(self.unit as u32);
        payload.number(self.window);
        payload.word(self.max_age);
        payload.word(self.expire_after);
        payload.number(self.max_series);
        payload.number(u32::from(self.distribution));
        payload.string(&self.name);
        payload.string(&self.help);
        payload.strings(&self.labels);
        payload.number(self.bounds.len() as u32);
        self.bounds.iter().for_each(|bound| payload.word(bound.to_bits()));
        finish(&payload, FAMILY)
    }

    /// Decodes the words. Returns `None` if they are not a valid family.
    pub(crate) fn decode(words: &[u64]) -> Option<FamilyDescriptor> {
        let mut fields = start(words, FAMILY)?;
        let kind = match fields.number()? {
            1 => Kind::Counter,
            2 => Kind::Gauge,
            3 => Kind::Timer,
            _ => return None,
        };
        let unit = match fields.number()? {
            0 => Unit::None,
            1 => Unit::Seconds,
            2 => Unit::Bytes,
            _ => return None,
        };
        let (window, max_age, expire_after) = (fields.number()?, fields.word()?, fields.word()?);
        let (max_series, distribution) = (fields.number()?, fields.number()? != 0);
        let (name, help, labels) = (fields.string()?, fields.string()?, fields.strings()?);
        let bounds = fields.number()?;
        let bounds: Vec<f64> =
            (0..bounds).map(|_| fields.word().map(f64::from_bits)).collect::<Option<_>>()?;
        let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = ascending && bounds.iter().all(|bound| bound.is_finite()) && bounds.len() <= MAX_BOUNDS;
        let sound = sound && (1..=MAX_WINDOW).contains(&window) && max_series > 0;
        let record = FamilyDescriptor {
            name,
            help,
            kind,
            unit,
            window,
            max_age,
            expire_after,
            max_series: max_series.min(MAX_SERIES),
            distribution,
            bounds,
            labels,
        };
        (sound && record.is_within_limits()).then_some(record)
    }

    /// Returns whether all texts are within the limits.
    fn is_within_limits(&self) -> bool {
        let names = || [&self.name].into_iter().chain(&self.labels);
        names().all(|name| name.len() <= MAX_NAME)
            && self.names_bytes() <= MAX_NAMES
            && self.help.len() <= MAX_HELP
    }

    /// Returns the bytes of the names in each sample of the family.
    pub(super) fn names_bytes(&self) -> usize {
        names_bytes(&self.name, self.labels.iter().map(String::as_str))
    }

    /// Returns a family without a distribution, and with default options.
    #[cfg(any(test, ictus_loom))]
    pub(crate) fn test_fixture(name: &str, kind: Kind, labels: &[&str]) -> FamilyDescriptor {
        FamilyDescriptor {
            name: name.to_owned(),
            help: String::new(),
            kind,
            unit: Unit::None,
            window: 3,
            max_age: 0,
            expire_after: 0,
            max_series: 1000,
            distribution: false,
            bounds: Vec::new(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
        }
    }
}

impl SeriesDescriptor {
    /// Returns the words to be stored. Truncates values that are longer than a reader accepts.
    pub(crate) fn encode(family: LineIndex, serial: u32, begun: u64, values: &[impl AsRef<str>]) -> Vec<u64> {
        let mut payload = Encoder::default();
        payload.number(family.get());
        payload.number(serial);
        payload.number(values.len() as u32);
        values.iter().for_each(|value| payload.string(cut(value.as_ref(), MAX_VALUE)));
        payload.word(begun);
        finish(&payload, SERIES)
    }

    /// Decodes the words. Returns `None` if they are not a valid series.
    pub(crate) fn decode(words: &[u64]) -> Option<SeriesDescriptor> {
        let mut fields = start(words, SERIES)?;
        let (family, serial) = (LineIndex::new(fields.number()?), fields.number()?);
        let values = fields.strings()?;
        let within = values.iter().all(|value| value.len() <= MAX_VALUE);
        within.then_some(SeriesDescriptor { family, serial, begun: fields.word().unwrap_or(0), values })
    }
}

/// Returns the number of lines, including the head, of the descriptor that starts with these words.
pub(crate) fn lines(first: &[u64]) -> Option<u64> {
    let bytes = length(first)?;
    Some((HEAD_WORDS * 8 + bytes).div_ceil(LINE) as u64)
}

/// Returns the words of a descriptor: its head, then the payload in whole lines.
fn finish(payload: &Encoder, tag: u32) -> Vec<u64> {
    let bytes = payload.as_slice();
    let mut words = vec![pack(tag, bytes.len() as u32), u64::from(crc32fast::hash(bytes))];
    words.extend(bytes.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    }));
    words.resize(words.len().next_multiple_of(LINE_WORDS), 0);
    words
}

/// Returns the payload of a descriptor if tag, length and checksum are right.
fn start(words: &[u64], tag: u32) -> Option<Decoder<'_>> {
    let bytes = length(words)?;
    let payload = bytemuck::cast_slice::<u64, u8>(words.get(HEAD_WORDS..)?).get(..bytes)?;
    let whole = unpack(words[0]).0 == tag && words[1] == u64::from(crc32fast::hash(payload));
    whole.then_some(Decoder::of(payload))
}

fn length(words: &[u64]) -> Option<usize> {
    let bytes = unpack(*words.first()?).1 as usize;
    (bytes <= MAX_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{FamilyDescriptor, LineIndex, MAX_WINDOW, SeriesDescriptor, lines};
    use crate::catalog::{Kind, Unit};
    use proptest::prelude::*;

    fn family() -> FamilyDescriptor {
        FamilyDescriptor {
            name: "a_seconds".into(),
            help: "Hélp".into(),
            kind: Kind::Timer,
            unit: Unit::Seconds,
            window: 1000,
            max_age: 5,
            expire_after: 6,
            max_series: 7,
            distribution: true,
            bounds: vec![0.5, 1.0],
            labels: vec!["x".into(), String::new()],
        }
    }

    #[test]
    fn family_descriptor_round_trips() {
        let words = family().encode();
        assert_eq!(lines(&words), Some(words.len() as u64 / 8));
        assert_eq!(FamilyDescriptor::decode(&words), Some(family()));
        assert_eq!(SeriesDescriptor::decode(&words), None);
    }

    #[test]
    fn window_larger_than_memory_is_refused() {
        for (window, accepted) in [(MAX_WINDOW, true), (MAX_WINDOW + 1, false), (u32::MAX, false), (0, false)]
        {
            let words = FamilyDescriptor { window, ..family() }.encode();
            assert_eq!(FamilyDescriptor::decode(&words).is_some(), accepted, "{window}");
        }
    }

    proptest! {
        #[test]
        fn series_descriptor_round_trips(
            family in (0u32..).prop_map(LineIndex::new),
            serial in 0u32..,
            begun in 0u64..,
            values in prop::collection::vec(".*", 0..6),
        ) {
            let words = SeriesDescriptor::encode(family, serial, begun, &values);
            let expected = SeriesDescriptor { family, serial, begun, values };
            prop_assert_eq!(SeriesDescriptor::decode(&words), Some(expected));
        }

        #[test]
        fn flipped_bit_is_detected(bit in 0usize..64 * 8) {
            let mut words = family().encode();
            // Bits of the padding after the payload have no meaning.
            let bit = bit % (64 * 2 + (words[0] as u32 as usize) * 8);
            words[bit / 64] ^= 1 << (bit % 64);
            prop_assert_eq!(FamilyDescriptor::decode(&words), None);
        }

        #[test]
        fn arbitrary_words_are_refused_or_read(words in prop::collection::vec(any::<u64>(), 0..32)) {
            let _ = (FamilyDescriptor::decode(&words), SeriesDescriptor::decode(&words), lines(&words));
        }
    }
}
