//! One series alone: its names, labels, numbers and the distribution of its window.

use ictus::catalog::Kind;

use super::{shorten, state::Row, wrap::wrapped};
use crate::number::{number, quantity, rate};

/// The number of ranges of a distribution.
const RANGES: usize = 12;
const PERCENTILES: [(&str, f64); 7] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Returns the lines for a screen of that width.
pub(super) fn lines(row: &Row, width: usize) -> Vec<String> {
    let mut lines = wrapped(row.names.name(), width);
    let help = row.names.help();
    if !help.is_empty() {
        lines.extend(wrapped(help, width));
    }
    let others: Vec<&str> = row.names.others().collect();
    if !others.is_empty() {
        lines.extend(wrapped(&format!("also {}", others.join(", ")), width));
    }
    lines.push(String::new());
    lines.extend(
        row.labels
            .iter()
            .flat_map(|(name, value)| wrapped(&format!("{name} = {}", shorten::visible(value)), width)),
    );
    if !row.labels.is_empty() {
        lines.push(String::new());
    }
    let mut numbers = Vec::new();
    match row.kind {
        Kind::Counter => numbers.push(("total", whole(row.count))),
        Kind::Timer => numbers.push(("count", whole(row.count))),
        _ => numbers.push(("value", whole(row.count))),
    }
    if let Some(value) = row.rate {
        numbers.push(("rate", format!("{} /s", rate(value))));
    }
    if row.kind == Kind::Timer {
        if row.count > 0.0 {
            numbers.push(("mean", quantity(row.sum / row.count, row.unit)));
        }
        let percentile = |(name, q)| row.window.quantile(q).map(|value| (name, quantity(value, row.unit)));
        numbers.extend(PERCENTILES.into_iter().filter_map(percentile));
        numbers.push(("window", format!("{} observations", row.window.len())));
    }
    lines.extend(numbers.into_iter().map(|(name, text)| format!("{name:<6} {text}")));
    let values: Vec<f64> = row.window.iter().map(|seen| seen.value).collect();
    if !values.is_empty() {
        lines.push(String::new());
        lines.extend(distribution(&values, |value| quantity(value, row.unit), width));
    }
    lines
}

/// Returns a number with all its digits, and abbreviated if it is long.
fn whole(value: f64) -> String {
    let (short, all) = (number(value), value.to_string());
    if short == all { all } else { format!("{short} ({all})") }
}

/// Returns the distribution of values, one line for each range of equal ratio. Zeros have a separate
/// line, because they are in no such range.
fn distribution(values: &[f64], text: impl Fn(f64) -> String, width: usize) -> Vec<String> {
    let positive: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
    let mut ranges = Vec::new();
    if positive.len() < values.len() {
        ranges.push((text(0.0), values.len() - positive.len()));
    }
    let low = positive.iter().copied().fold(f64::INFINITY, f64::min);
    let high = positive.iter().copied().fold(0.0, f64::max);
    if !positive.is_empty() && high <= low * 1.0001 {
        ranges.push((text(high), positive.len()));
    } else if !positive.is_empty() {
        let step = (high / low).ln() / RANGES as f64;
        let mut counts = [0; RANGES];
        for value in positive {
            counts[(((value / low).ln() / step) as usize).min(RANGES - 1)] += 1;
        }
        let bound = |index: usize| low * (step * index as f64).exp();
        let range = |(index, count)| (format!("{} – {}", text(bound(index)), text(bound(index + 1))), count);
        ranges.extend(counts.into_iter().enumerate().map(range));
    }
    let name_width = ranges.iter().map(|(name, _)| shorten::width(name)).max().unwrap_or_default();
    let max = ranges.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let digits = max.to_string().len();
    let max_bar = width.saturating_sub(name_width + digits + 2);
    let lines = ranges.into_iter().map(|(name, count)| {
        let pad = " ".repeat(name_width - shorten::width(&name));
        // A range with an observation has a bar.
        let bar = (count * max_bar).div_ceil(max);
        format!("{pad}{name} {count:>digits$} {}", "█".repeat(bar.min(max_bar)))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::{distribution, shorten};

    fn shown(values: &[f64]) -> Vec<String> {
        distribution(values, |value| format!("{value:.0}"), 30)
    }

    #[test]
    fn zeros_and_equal_values_have_a_line() {
        assert_eq!(shown(&[0.0, 0.0]), [format!("0 2 {}", "█".repeat(26))]);
        assert_eq!(shown(&[5.0; 3]), [format!("5 3 {}", "█".repeat(26))]);
        let lines = shown(&[0.0, 1.0, 10.0, 1000.0, 1000.0]);
        assert_eq!(lines.len(), 13);
        assert!(lines[0].trim_start().starts_with("0 1 █"), "{lines:#?}");
        assert!(lines[12].contains("– 1000 2 █"), "{lines:#?}");
        assert!(lines.iter().all(|line| shorten::width(line) <= 30), "{lines:#?}");
        assert!(shown(&[]).is_empty());
    }
}
