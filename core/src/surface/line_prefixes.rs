//! Line prefixes: the text of each line up to its number, as every text format has it. Prefixes are
//! created when the series of a family change, and copied until then.

use std::ops::Range;

use super::{labels::Labels, shown_series::ShownSeries};
use crate::{
    literals::escape,
    plain_name::{OF_LABELS, OF_METRICS, is_plain},
};

/// For each sample of a family, in order: a line feed and `name{label="value",…} `.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinePrefixes {
    text: String,
    /// The end of each prefix in `text`.
    ends: Vec<usize>,
}

impl LinePrefixes {
    /// Returns the prefixes, in the order of the samples.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().scan(0, |start, &end| {
            let head = self.text.get(*start..end);
            *start = end;
            head
        })
    }

    /// Returns the length of all lines if each number has `number` bytes.
    pub(crate) fn length_with(&self, number: usize) -> usize {
        self.text.len() + self.ends.len() * number
    }

    /// Creates the prefixes of a family with that name and those series.
    pub(crate) fn set(&mut self, name: &str, series: &[ShownSeries]) {
        self.text.clear();
        self.ends.clear();
        for series in series {
            self.add_bucket_lines(name, series);
            self.add_plain(name, series);
        }
        // Shrinks after a family had many more series.
        self.text.shrink_to(2 * self.text.len());
        self.ends.shrink_to(2 * self.ends.len());
    }

    /// Escapes the labels for the first line only, and copies the text to the others.
    fn add_bucket_lines(&mut self, name: &str, series: &ShownSeries) {
        let LinePrefixes { text, ends } = self;
        let (own_label, suffix) = series.value.own();
        let mut around: Option<(Range<usize>, Range<usize>)> = None;
        for (own, _) in series.value.bucket_samples() {
            if let Some((first, after)) = &around {
                text.extend_from_within(first.clone());
                text.push_str(own);
                text.extend_from_within(after.clone());
            } else {
                let (first, after) = series.labels.split_at(own_label);
                let start = text.len();
                text.push('\n');
                push_opened(text, name, suffix);
                first.for_each(|pair| push_pair(text, pair, ["", ","]));
                text.extend([own_label, "=\""]);
                let middle = text.len();
                text.push_str(own);
                let end = text.len();
                text.push('"');
                after.for_each(|pair| push_pair(text, pair, [",", ""]));
                text.push_str("} ");
                around = Some((start..middle, end..text.len()));
            }
            ends.push(text.len());
        }
    }

    fn add_plain(&mut self, name: &str, series: &ShownSeries) {
        let LinePrefixes { text, ends } = self;
        let mut labels: Option<Range<usize>> = None;
        for (suffix, _) in series.value.plain_samples() {
            text.push('\n');
            let is_quoted = !is_plain(name, OF_METRICS);
            if is_quoted {
                push_opened(text, name, suffix);
                // The name is the first element in the braces.
                text.pop();
            } else {
                text.extend([name, suffix]);
            }
            if let Some(labels) = &labels {
                text.extend_from_within(labels.clone());
            } else {
                let start = text.len();
                push_plain(text, &series.labels, if is_quoted { "," } else { "{" });
                labels = Some(start..text.len());
            }
            ends.push(text.len());
        }
    }
}

fn push_plain(text: &mut String, labels: &Labels, first: &'static str) {
    let mut opener = first;
    for pair in labels.iter() {
        push_pair(text, pair, [opener, ""]);
        opener = ",";
    }
    text.push_str(if opener == "," { "} " } else { " " });
}

/// Appends `name{`, or `{"name",` if the name has characters that older formats do not allow.
fn push_opened(text: &mut String, name: &str, suffix: &str) {
    if is_plain(name, OF_METRICS) {
        return text.extend([name, suffix, "{"]);
    }
    text.push_str("{\"");
    escape::value(text, name);
    text.extend([suffix, "\","]);
}

/// Appends `name="value"` between two other strings. The name is quoted if necessary.
fn push_pair(text: &mut String, (name, value): (&str, &str), [prefix, suffix]: [&str; 2]) {
    text.push_str(prefix);
    if is_plain(name, OF_LABELS) {
        text.push_str(name);
    } else {
        text.push('"');
        escape::value(text, name);
        text.push('"');
    }
    text.push_str("=\"");
    escape::value(text, value);
    text.extend(["\"", suffix]);
}
