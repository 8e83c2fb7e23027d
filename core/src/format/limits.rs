//! Limits on the text of families and series. Writers obey them and readers check them.
//!
//! An exposition repeats a name in each sample, so a short file with a long name would become a
//! long exposition. These limits, and a fixed ratio between the bytes of a series in a segment and
//! in an exposition, bound the size of the exposition by the size of the files.

use super::{
    descriptor::FamilyDescriptor,
    layout::{CHUNK_SLOTS, LINE},
};
use crate::catalog::Kind;

/// Bytes of a metric name or a label name.
pub(crate) const MAX_NAME: usize = 1 << 10;
/// Bytes of a metric name and its label names together, as [`names_bytes`] counts them.
pub(crate) const MAX_NAMES: usize = 4 << 10;
/// Bytes of a help text. Longer ones are truncated at registration.
pub(crate) const MAX_HELP: usize = 4 << 10;
/// Bytes of a label value. Longer ones are truncated when they are recorded.
pub(crate) const MAX_VALUE: usize = 64 << 10;
/// Series of a family that a reader shows, regardless of the limit in the family's descriptor.
pub(crate) const MAX_SERIES: u32 = 1 << 20;
/// Definitions of one family name in one file.
pub(crate) const MAX_DEFINITIONS: usize = 256;

/// Bytes of an exposition for each byte of a series in a segment.
const SHOWN_RATIO: u64 = 64;
/// Bytes of one label without its name and value: `="",` and the length of its value in a
/// descriptor.
const LABEL_OVERHEAD: usize = 6;
/// Samples of a timer without buckets: quantiles, count, sum, and the newest observation.
const TIMER_SAMPLES: usize = 9;
/// Bytes of a lane, and of the first chunk of a timer's ring.
const LANE_BYTES: usize = LINE;
const CHUNK_BYTES: usize = LINE + 16 * CHUNK_SLOTS as usize;

/// Returns the bytes of the names in each sample of a family.
pub(crate) fn names_bytes<'a>(name: &str, labels: impl Iterator<Item = &'a str>) -> usize {
    labels.fold(name.len(), |sum, label| sum + label.len() + LABEL_OVERHEAD)
}

impl FamilyDescriptor {
    /// Returns whether all texts are within the limits.
    pub(crate) fn is_within_limits(&self) -> bool {
        let names = || [&self.name].into_iter().chain(&self.labels);
        names().all(|name| name.len() <= MAX_NAME)
            && self.names_bytes() <= MAX_NAMES
            && self.help.len() <= MAX_HELP
    }

    fn names_bytes(&self) -> usize {
        names_bytes(&self.name, self.labels.iter().map(String::as_str))
    }

    /// Returns the maximum number of bytes of one series in an exposition, if its label values have
    /// `values` bytes. Escaping is not counted.
    pub(crate) fn shown_bytes(&self, values: usize) -> u64 {
        let samples = match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Timer if self.distribution => TIMER_SAMPLES + self.bounds.len() + 1,
            Kind::Timer => TIMER_SAMPLES,
        };
        (samples as u64).saturating_mul((self.names_bytes() + values) as u64)
    }

    /// Returns whether a series with `values` bytes of label values has enough bytes in a segment
    /// for its bytes in an exposition. A writer rejects other series, because a reader would reject
    /// the segment.
    pub(crate) fn may_have(&self, values: usize) -> bool {
        let timer = if self.kind == Kind::Timer { CHUNK_BYTES + 8 * self.bounds.len() } else { 0 };
        let own = LANE_BYTES + values + timer;
        self.shown_bytes(values) <= shown_allowance(own as u64)
    }
}

/// Returns the number of bytes of an exposition that are allowed for `stored` bytes of a file.
pub(crate) fn shown_allowance(stored: u64) -> u64 {
    stored.saturating_mul(SHOWN_RATIO)
}

/// As [`shown_allowance`], for a totals file, which has fewer bytes per series because it has no
/// ring.
pub(crate) fn totals_shown_allowance(stored: u64) -> u64 {
    shown_allowance(stored).saturating_mul(8)
}

/// Truncates a text to at most `bytes` bytes of whole characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{MAX_HELP, MAX_NAME, MAX_NAMES, cut};
    use crate::{catalog::Kind, format::descriptor::FamilyDescriptor};

    #[test]
    fn truncation_splits_no_character() {
        assert_eq!(cut("short", 9), "short");
        assert_eq!(cut("short", 2), "sh");
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut("é", 1), "");
    }

    #[test]
    fn records_beyond_a_limit_are_refused() {
        let longest = "n".repeat(MAX_NAME);
        let label = "l".repeat(MAX_NAME - 6);
        let record = |name: &str, labels: &[&str], help: usize| FamilyDescriptor {
            help: "h".repeat(help),
            ..FamilyDescriptor::test_fixture(name, Kind::Counter, labels)
        };
        for (record, within) in [
            (record(&longest, &[], MAX_HELP), true),
            (record("n", &[], MAX_HELP + 1), false),
            (record(&format!("{longest}n"), &[], 0), false),
            (record("n", &[&format!("{longest}n")], 0), false),
            (record(&longest, &[&*label; 3], 0), true),
            (record(&longest, &[&*label, &*label, &*label, ""], 0), false),
        ] {
            assert_eq!(FamilyDescriptor::decode(&record.encode()).is_some(), within, "{}", record.name.len());
        }
        assert_eq!(4 * MAX_NAME, MAX_NAMES);
    }

    #[test]
    fn series_of_usual_families_are_always_allowed() {
        let usual = |kind, bounds: usize| FamilyDescriptor {
            distribution: true,
            bounds: (0..bounds).map(|bound| bound as f64).collect(),
            ..FamilyDescriptor::test_fixture(&"n".repeat(150), kind, &["label_of_some_length"; 20])
        };
        for values in [0, 10, 1_000, 64 << 10, 1 << 20] {
            for kind in [Kind::Counter, Kind::Gauge] {
                assert!(usual(kind, 0).may_have(values), "{values}");
            }
            assert!(
                [0, 14, 40].iter().all(|&bounds| usual(Kind::Timer, bounds).may_have(values)),
                "{values}"
            );
        }
        let many = FamilyDescriptor { name: "n".into(), ..usual(Kind::Timer, 1_000) };
        let many = FamilyDescriptor { labels: vec!["label".into(); 20], ..many };
        assert!(many.may_have(200) && !many.may_have(64 << 10));
    }
}
