//! Columns of the list: which fit, and how wide they are.
//!
//! A number is shown whole or not at all: if the screen is narrow, columns are left out, the least
//! important first. The column by which the rows are sorted stays.

use std::collections::HashSet;

use super::{
    shorten,
    state::{Order, Row, State},
};
use crate::number::{number, quantity, rate};

/// The minimum width of a column of numbers, so that it rarely changes.
const MIN_NUMBER: usize = 8;
/// The widths of the bars of a window, at least and at most.
const BARS: (usize, usize) = (8, 24);
/// Columns of numbers, the most important first. The bars come last.
const PRIORITIES: [Order; 6] = [Order::P99, Order::Rate, Order::P95, Order::Count, Order::P50, Order::Max];

/// The columns of a screen.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) name: usize,
    pub(super) labels: usize,
    /// From left to right, each with its width.
    pub(super) numbers: Vec<(Order, usize)>,
    /// The width of the bars; none if there is no space for them.
    pub(super) bars: Option<usize>,
}

impl Columns {
    /// Chooses the columns for the rows in sight.
    pub(super) fn new(state: &State, rows: &[&Row], width: usize) -> Columns {
        let natural_name =
            rows.iter().map(|row| shorten::width(row.names.name())).max().unwrap_or_default().max(6);
        let natural_labels = rows
            .iter()
            .map(|row| shorten::width(&crate::series_names::line(&row.labels)))
            .max()
            .unwrap_or_default();
        // One cell separates columns. Labels have a column only if a row has labels.
        let natural = natural_name + if natural_labels > 0 { natural_labels.max(6) + 1 } else { 0 };
        let reserve =
            if width < 60 { width.saturating_sub(10).min(28) } else { (width * 9 / 20).clamp(36, 70) };
        let mut left = width.saturating_sub(natural.min(reserve));
        let sorted = [state.order].into_iter().filter(|order| PRIORITIES.contains(order));
        let wanted = sorted.chain(PRIORITIES.into_iter().filter(|order| *order != state.order));
        let mut numbers = Vec::new();
        for order in wanted {
            let widths = rows.iter().map(|row| shorten::width(&cell(row, order)));
            let needed =
                widths.chain([title(state, order).chars().count(), MIN_NUMBER]).max().unwrap_or_default();
            if needed + 1 > left {
                break;
            }
            left -= needed + 1;
            numbers.push((order, needed));
        }
        let position = |order: Order| Order::ALL.iter().position(|one| *one == order);
        numbers.sort_by_key(|(order, _)| position(*order));
        let is_complete = numbers.len() == PRIORITIES.len();
        let bars = (is_complete && left > BARS.0).then(|| (left - 1).min(BARS.1));
        left -= bars.map_or(0, |bars| bars + 1);
        let (name, labels) = text_widths(natural_name, natural_labels, natural.min(reserve) + left);
        Columns { name, labels, numbers, bars }
    }

    /// Returns the columns that series are sorted by, from left to right, each with the position at
    /// which it ends.
    pub(super) fn ends(&self) -> Vec<(Order, usize)> {
        let labels = [(Order::Labels, self.labels)].into_iter().filter(|(_, width)| *width > 0);
        let all = [(Order::Name, self.name)].into_iter().chain(labels).chain(self.numbers.iter().copied());
        let mut end = 0;
        all.map(|(order, width)| {
            // One cell separates columns.
            end += width + 1;
            (order, end)
        })
        .collect()
    }
}

/// Divides the rest of the line between names and labels.
fn text_widths(name: usize, labels: usize, available: usize) -> (usize, usize) {
    if labels == 0 {
        return (available, 0);
    }
    let available = available.saturating_sub(1);
    let name = name.min((available * 2 / 5).max(available.saturating_sub(labels)));
    (name, available - name)
}

/// Returns the title of a column, with the direction if it is sorted.
pub(super) fn title(state: &State, order: Order) -> String {
    let name = match order {
        Order::Name => "METRIC",
        Order::Labels => "LABELS",
        Order::Count => "COUNT",
        Order::Rate => "RATE/s",
        Order::P50 => "P50",
        Order::P95 => "P95",
        Order::P99 => "P99",
        Order::Max => "MAX",
    };
    let is_text = matches!(order, Order::Name | Order::Labels);
    match state.order == order {
        false => name.to_owned(),
        // Numbers are sorted from the greatest, texts from the first.
        true => format!("{name}{}", if state.is_reversed == is_text { '▾' } else { '▴' }),
    }
}

/// Returns the text of a number.
pub(super) fn cell(row: &Row, order: Order) -> String {
    let value = row.value(order);
    value.map_or_else(String::new, |value| match order {
        Order::Rate => rate(value),
        Order::Count => number(value),
        _ => quantity(value, row.unit),
    })
}

/// Returns names and labels of the rows in sight, shortened to their columns.
pub(super) fn texts(state: &State, rows: &[&Row], columns: &Columns) -> Vec<(String, String)> {
    let names: Vec<String> = rows.iter().map(|row| row.names.name().to_owned()).collect();
    let visible = |(name, value): &(String, String)| (name.clone(), shorten::visible(value));
    let labels: Vec<Vec<_>> = rows.iter().map(|row| row.labels.iter().map(visible).collect()).collect();
    let labels: Vec<_> =
        rows.iter().zip(&labels).map(|(row, all)| (row.names.name(), all.as_slice())).collect();
    let varying = varying(state);
    let varies = |row: usize, label: usize| varying.contains(&(rows[row].names.name(), label));
    let labels = shorten::labels(&labels, varies, columns.labels);
    shorten::distinct(&names, columns.name).into_iter().zip(labels).collect()
}

/// Returns the labels, by name of the metric and index, that have several values.
fn varying(state: &State) -> HashSet<(&str, usize)> {
    let mut varying = HashSet::new();
    let rows = state.shown.iter().map(|&at| &state.rows[at]);
    let mut first: std::collections::HashMap<&str, &Row> = std::collections::HashMap::new();
    for row in rows {
        let first = *first.entry(row.names.name()).or_insert(row);
        for (index, label) in row.labels.iter().enumerate() {
            if first.labels.get(index) != Some(label) {
                varying.insert((row.names.name(), index));
            }
        }
    }
    varying
}
