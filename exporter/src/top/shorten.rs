//! Shortens names and labels to a column's width, so that different rows stay different.
//!
//! Numbers are never shortened.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const ELLIPSIS: char = '…';
/// Rows that look equal are separated at most this many times.
const MAX_PASSES: usize = 4;

/// Returns the number of cells that a text occupies.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Returns the value of a label as a part of a line: quoted if it would be invisible.
pub(super) fn visible(value: &str) -> String {
    if value.trim().is_empty() { format!("\"{value}\"") } else { value.to_owned() }
}

/// Returns a text with its middle replaced by an ellipsis, if it is too wide.
pub(super) fn middle(text: &str, max_width: usize) -> String {
    if width(text) <= max_width {
        return text.to_owned();
    }
    let Some(kept) = max_width.checked_sub(1) else { return String::new() };
    // The end of a name often distinguishes it better than its start.
    let tail = suffix(text, kept / 2);
    let head = prefix(text, kept - width(tail));
    format!("{head}{ELLIPSIS}{tail}")
}

/// Returns a text with its end replaced by an ellipsis, if it is too wide.
pub(super) fn end(text: &str, max_width: usize) -> String {
    if width(text) <= max_width {
        return text.to_owned();
    }
    max_width.checked_sub(1).map_or_else(String::new, |kept| format!("{}{ELLIPSIS}", prefix(text, kept)))
}

/// Shortens the texts of a column. Different texts stay different, if the width allows it: those
/// that would look equal begin shortly before their first difference.
pub(super) fn distinct(texts: &[String], max_width: usize) -> Vec<String> {
    let mut shown: Vec<String> = texts.iter().map(|text| middle(text, max_width)).collect();
    for _ in 0..MAX_PASSES {
        let mut alike: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, text) in shown.iter().enumerate() {
            alike.entry(text).or_default().push(index);
        }
        let groups: Vec<Vec<usize>> = alike.into_values().collect();
        let mut is_settled = true;
        for group in groups {
            let first = &texts[group[0]];
            let common =
                group.iter().map(|&index| common_prefix(first, &texts[index])).min().unwrap_or_default();
            if group.iter().all(|&index| texts[index] == *first) {
                continue;
            }
            is_settled = false;
            for index in group {
                shown[index] = from(&texts[index], common, max_width);
            }
        }
        if is_settled {
            break;
        }
    }
    shown
}

/// A row of the list: the name of its metric, and its labels.
pub(super) type NamedLabels<'a> = (&'a str, &'a [(String, String)]);

/// Shortens the labels of the rows of a column. `varies` returns whether the values of a label, by
/// its index, differ within the family of a row: only such labels are needed to distinguish rows.
pub(super) fn labels(
    rows: &[NamedLabels<'_>],
    varies: impl Fn(usize, usize) -> bool,
    max_width: usize,
) -> Vec<String> {
    // The forms of a row, the longest first.
    let forms = rows.iter().enumerate().map(|(row, (_, labels))| {
        let pair = |(name, value): &(String, String)| format!("{name}={value}");
        let full = joined(labels.iter().map(pair));
        let needed: Vec<_> = labels
            .iter()
            .enumerate()
            .filter(|(index, _)| varies(row, *index))
            .map(|(_, label)| label)
            .collect();
        let needed = if needed.is_empty() { labels.iter().collect() } else { needed };
        let pairs = joined(needed.iter().map(|label| pair(label)));
        let values = values(&needed.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), max_width);
        [full, pairs, values]
    });
    let forms: Vec<[String; 3]> = forms.collect();
    // Rows of one metric have the same form, so that they can be compared.
    let mut form_of: BTreeMap<&str, usize> = BTreeMap::new();
    for ((name, _), forms) in rows.iter().zip(&forms) {
        let fitting = forms.iter().position(|text| width(text) <= max_width).unwrap_or(forms.len() - 1);
        let form = form_of.entry(name).or_default();
        *form = fitting.max(*form);
    }
    let forms = rows.iter().zip(forms);
    let mut shown: Vec<String> = forms
        .map(|((name, _), mut forms)| {
            let form = form_of.get(name).copied().unwrap_or_default();
            std::mem::take(&mut forms[form])
        })
        .collect();
    let full: Vec<String> =
        rows.iter().map(|(_, labels)| joined(labels.iter().map(|(_, value)| value.clone()))).collect();
    // Rows that look equal are reduced to the parts in which values differ, and then to the part
    // after their first difference.
    for row in alike(rows, &shown, &full) {
        let varying = rows[row].1.iter().enumerate().filter(|(label, _)| varies(row, *label));
        let parts: Vec<String> =
            varying.map(|(label, (_, value))| differing(rows, row, label, value)).collect();
        shown[row] = values(&parts.iter().map(String::as_str).collect::<Vec<_>>(), max_width);
    }
    let separated = distinct(&full, max_width);
    for row in alike(rows, &shown, &full) {
        shown[row].clone_from(&separated[row]);
    }
    shown
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// Returns the rows that look like a row of the same metric with another full text.
fn alike(rows: &[NamedLabels<'_>], shown: &[String], full: &[String]) -> Vec<usize> {
    let key = |row: usize| (rows[row].0, shown[row].as_str());
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut ambiguous = BTreeSet::new();
    for (row, all) in full.iter().enumerate() {
        if *first.entry(key(row)).or_insert(all) != all {
            ambiguous.insert(key(row));
        }
    }
    (0..shown.len()).filter(|&row| ambiguous.contains(&key(row))).collect()
}

/// Returns the part of a value that differs from the values of other rows of the same metric.
fn differing(rows: &[NamedLabels<'_>], row: usize, label: usize, value: &str) -> String {
    let others = || {
        let same = rows.iter().filter(|(name, _)| *name == rows[row].0);
        same.filter_map(|(_, labels)| labels.get(label)).map(|(_, value)| value.as_str())
    };
    if others().all(|other| other == value) {
        return value.to_owned();
    }
    let start = others().map(|other| common_prefix(value, other)).min().unwrap_or_default();
    let tails = others()
        .map(|other| common_suffix(&value[start..], &other[common_prefix(value, other).min(start)..]));
    let end = value.len() - tails.min().unwrap_or_default();
    // Two common characters show the place of the part.
    let leading = suffix(&value[..start], 2);
    let after = prefix(&value[end..], 2);
    let (from, to) = (start - leading.len(), end + after.len());
    let head = if from > 0 { "…" } else { "" };
    let tail = if to < value.len() { "…" } else { "" };
    format!("{head}{}{tail}", &value[from..to])
}

/// Joins values; long ones lose their middle, and short ones stay whole.
fn values(values: &[&str], max_width: usize) -> String {
    let spaces = values.len().saturating_sub(1);
    let mut left = max_width.saturating_sub(spaces);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|&index| width(values[index]));
    let mut widths = vec![0; values.len()];
    for (position, &index) in order.iter().enumerate() {
        let share = left / (values.len() - position);
        widths[index] = width(values[index]).min(share);
        left -= widths[index];
    }
    let parts: Vec<String> = values
        .iter()
        .zip(widths)
        .map(|(value, max_width)| middle(value, max_width))
        .filter(|part| !part.is_empty())
        .collect();
    end(&parts.join(" "), max_width)
}

/// Returns a text from shortly before a byte, which must be on a character's boundary.
fn from(text: &str, byte: usize, max_width: usize) -> String {
    let leading = suffix(&text[..byte], (max_width / 4).min(8));
    let rest = &text[byte - leading.len()..];
    if byte == leading.len() {
        return end(rest, max_width);
    }
    // The end may fit without a second ellipsis.
    let tail = suffix(text, max_width.saturating_sub(1));
    if tail.len() >= rest.len() {
        return format!("{ELLIPSIS}{tail}");
    }
    max_width.checked_sub(1).map_or_else(String::new, |kept| format!("{ELLIPSIS}{}", end(rest, kept)))
}

fn common_prefix(one: &str, other: &str) -> usize {
    let mut both = one.char_indices().zip(other.chars());
    both.find(|((_, one), other)| one != other).map_or(one.len().min(other.len()), |((byte, _), _)| byte)
}

fn common_suffix(one: &str, other: &str) -> usize {
    let both = one.chars().rev().zip(other.chars().rev());
    both.take_while(|(one, other)| one == other).map(|(c, _)| c.len_utf8()).sum()
}

fn prefix(text: &str, max_width: usize) -> &str {
    let mut left = max_width;
    for (at, c) in text.char_indices() {
        let cells = c.width().unwrap_or_default();
        if cells > left {
            return &text[..at];
        }
        left -= cells;
    }
    text
}

fn suffix(text: &str, max_width: usize) -> &str {
    let mut left = max_width;
    for (at, c) in text.char_indices().rev() {
        let cells = c.width().unwrap_or_default();
        if cells > left {
            return &text[at + c.len_utf8()..];
        }
        left -= cells;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{distinct, end, labels, middle, width};

    fn pairs(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn long_values_are_shortened_in_the_middle_or_at_the_end() {
        assert_eq!(middle("task_execute_time_seconds", 25), "task_execute_time_seconds");
        assert_eq!(middle("task_execute_time_seconds", 15), "task_ex…seconds");
        assert_eq!(end("charge_card", 7), "charge…");
        for max_width in 0..8 {
            assert!(
                width(&middle("漢字漢字漢字", max_width)) <= max_width
                    && width(&end("漢字漢字漢字", max_width)) <= max_width
            );
        }
    }

    #[test]
    fn different_texts_stay_different() {
        let names: Vec<String> =
            ["task_execute_time_seconds", "task_poll_time_seconds", "task_execute_size_seconds", "task_a"]
                .map(str::to_owned)
                .into();
        for max_width in 6..30 {
            let shown = distinct(&names, max_width);
            assert!(shown.iter().all(|text| width(text) <= max_width), "{shown:?}");
            let mut unique = shown.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), names.len(), "{max_width}: {shown:?}");
        }
        assert_eq!(distinct(&["a".repeat(9), "a".repeat(9)], 4), ["aa…a", "aa…a"]);
    }

    #[test]
    fn labels_that_distinguish_rows_are_kept() {
        let rows = [("SUCCESS", "/api/v1/tasks/poll"), ("FAILURE", "/api/v1/tasks/poll")]
            .map(|(status, uri)| pairs(&[("uri", uri), ("status", status)]));
        let rows: Vec<_> = rows.iter().map(|labels| ("requests", labels.as_slice())).collect();
        let shown = |max_width| labels(&rows, |_, label| label == 1, max_width);
        assert_eq!(shown(40)[0], "uri=/api/v1/tasks/poll status=SUCCESS");
        assert_eq!(shown(20), ["status=SUCCESS", "status=FAILURE"]);
        assert_eq!(shown(8), ["SUCCESS", "FAILURE"]);
        assert_eq!(shown(5), ["SU…SS", "FA…RE"]);
        let both = labels(&rows, |_, _| true, 20);
        assert!(both[0].ends_with("SUCCESS") && both[1].ends_with("FAILURE"), "{both:?}");
    }

    #[test]
    fn rows_of_other_metrics_need_not_be_distinguished() {
        let (polls, sizes) =
            (pairs(&[("status", "SUCCESS"), ("task", "resize_image")]), pairs(&[("task", "resize_image")]));
        let rows = [("polls", polls.as_slice()), ("sizes", sizes.as_slice())];
        assert_eq!(labels(&rows, |_, label| label == 1, 14), ["resize_image", "resize_image"]);
    }

    #[test]
    fn values_that_differ_in_their_middle_are_separated() {
        let rows: Vec<Vec<(String, String)>> = (0..30)
            .map(|number| pairs(&[("uri", &format!("/api/v1/tenants/{number:02}/tasks/queue/poll"))]))
            .collect();
        let rows: Vec<_> = rows.iter().map(|labels| ("requests", labels.as_slice())).collect();
        let mut shown = labels(&rows, |_, _| true, 14);
        assert!(shown.iter().all(|text| width(text) <= 14), "{shown:?}");
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), 30, "{shown:?}");
    }
}
