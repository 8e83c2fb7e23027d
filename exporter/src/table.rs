//! A snapshot as a table for people: timers with their quantiles, then counters and gauges.

use std::fmt::Write;

use ictus::{
    Snapshot,
    snapshot::{QUANTILES, Value},
    surface::View,
};

use crate::{
    number::quantity,
    series_names::{FamilyNames, line},
};

/// The space between two columns.
const GAP: &str = "  ";

/// Returns the whole snapshot as a table, or a note that nothing is recorded. Each series has the
/// first name under which the view shows it.
pub(crate) fn table(snapshot: &Snapshot, view: &View) -> String {
    let mut timers = Table::new(["TIMER", "LABELS", "COUNT", "SUM", "P50", "P75", "P90", "P95", "P99"]);
    let mut states = Table::new(["COUNTER OR GAUGE", "LABELS", "VALUE"]);
    for family in &snapshot.families {
        let names = FamilyNames::new(view, family);
        let name = names.name().to_owned();
        for series in &family.series {
            let labels = line(&names.labels(series));
            match &series.value {
                Value::Timer(timing) => {
                    let quantiles = timing.window.quantiles().map_or_else(
                        || [const { String::new() }; QUANTILES.len()],
                        |values| values.map(|value| quantity(value, family.unit)),
                    );
                    let [p50, p75, p90, p95, p99] = quantiles;
                    let sum = quantity(timing.sum, family.unit);
                    let count = timing.count.to_string();
                    timers.rows.push([name.clone(), labels, count, sum, p50, p75, p90, p95, p99]);
                }
                Value::Counter(value) | Value::Gauge(value) => {
                    states.rows.push([name.clone(), labels, value.to_string()]);
                }
                // A kind that this version cannot show.
                _ => states.rows.push([name.clone(), labels, "?".to_owned()]),
            }
        }
    }
    let blocks = [timers.render(), states.render()];
    let shown: Vec<&str> = blocks.iter().map(String::as_str).filter(|block| !block.is_empty()).collect();
    if shown.is_empty() { "nothing is recorded yet\n".to_owned() } else { shown.join("\n") }
}

struct Table<const COLUMNS: usize> {
    head: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    fn new(head: [&'static str; COLUMNS]) -> Table<COLUMNS> {
        Table { head, rows: Vec::new() }
    }

    /// Renders names and labels left-aligned, numbers right-aligned. Empty if there are no rows.
    fn render(&self) -> String {
        let mut text = String::new();
        if self.rows.is_empty() {
            return text;
        }
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.head[column].len()]).max().unwrap_or_default()
        });
        write_row(&mut text, &self.head, &widths);
        for row in &self.rows {
            write_row(&mut text, &row.each_ref().map(String::as_str), &widths);
        }
        text
    }
}

fn write_row(text: &mut String, cells: &[&str], widths: &[usize]) {
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        // Writing to a string cannot fail.
        let _ = match column {
            0 => write!(text, "{cell:<width$}"),
            1 => write!(text, "{GAP}{cell:<width$}"),
            _ => write!(text, "{GAP}{cell:>width$}"),
        };
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::table;
    use ictus::{
        Snapshot,
        catalog::{Kind, Unit},
        snapshot::{Family, Observation, Series, Timing, Value, Window},
        surface::View,
    };

    fn family(name: &str, kind: Kind, unit: Unit, value: Value) -> Family {
        let series = Series::new(["a\x1b[2J".to_owned()], value);
        let mut family = Family::new(name, kind, &["taskType"], vec![series]);
        family.unit = unit;
        family
    }

    #[test]
    fn columns_are_aligned_and_escaped() {
        let observations = (1..=5).map(|n| Observation::new(n, n as f64 / 1000.0));
        let mut timing = Timing::default();
        (timing.count, timing.sum) = (5, 0.015);
        timing.window = Window::newest(observations.collect(), 1000);
        let snapshot = Snapshot::new(vec![
            family("conductor/task_poll_time", Kind::Timer, Unit::Seconds, Value::Timer(timing)),
            family("jobs", Kind::Counter, Unit::None, Value::Counter(7.0)),
        ]);
        let expected = "\
TIMER           LABELS               COUNT      SUM      P50      P75      P90      P95      P99
task_poll_time  taskType=a\\u{1b}[2J      5  15.0 ms  3.00 ms  4.00 ms  4.60 ms  4.80 ms  4.96 ms

COUNTER OR GAUGE  LABELS               VALUE
jobs_total        taskType=a\\u{1b}[2J      7
";
        assert_eq!(table(&snapshot, &View::default()), expected);
    }

    #[test]
    fn empty_snapshot_is_reported() {
        assert_eq!(table(&Snapshot::default(), &View::default()), "nothing is recorded yet\n");
    }
}
