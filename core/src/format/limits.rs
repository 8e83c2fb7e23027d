//! Limits on the text of families and series. Writers obey them and readers check them.
//!
//! An exposition repeats a name in each sample, so a short file with a long name would become a
//! long exposition. These limits, and those of [`shown_size`](super::shown_size), bound the size of
//! the exposition by the size of the files.

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
/// Bytes of one label without its name and value: `="",` and the length of its value in a
/// descriptor.
const LABEL_OVERHEAD: usize = 6;

/// Returns the bytes of the names in each sample of a family.
pub(crate) fn names_bytes<'a>(name: &str, labels: impl Iterator<Item = &'a str>) -> usize {
    labels.fold(name.len(), |sum, label| sum + label.len() + LABEL_OVERHEAD)
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
}
