//! Tables in Markdown that is readable as plain text.

use std::{fmt::Write as _, fs, process::Command};

use crate::{
    budget::{Budget, Verdict},
    measure::Measured,
};

/// A measurement, its maximum, and the format of such numbers.
type Comparison = (f64, f64, fn(f64) -> String);

/// A table of measurements, with the budgets that concern them.
#[derive(Debug)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
    exceeded: usize,
    /// Lines that are printed below the rows.
    notes: Vec<String>,
}

impl Table {
    /// Creates the table of a group: the costs, the ratios to the first candidate (`reference`), and
    /// the budgets.
    #[must_use]
    pub fn for_times(
        name: &str,
        about: &str,
        reference: &str,
        measured: &[Measured],
        budgets: &[Budget],
    ) -> Table {
        let mut table = Table::new(&[about, "time", &format!("of {reference}"), "budget", ""]);
        for candidate in measured {
            table.add_measured(name, reference, candidate, &[format_time(candidate.nanoseconds)], budgets);
        }
        table
    }

    /// Creates the table of callgrind's counts. A row has no number if callgrind could not count.
    #[must_use]
    pub fn for_instructions(counted: &[(&Budget, f64)]) -> Table {
        let mut table = Table::new(&["instructions", "counted", "budget", ""]);
        for (budget, count) in counted {
            let comparison = budget.instructions.map(|max| -> Comparison { (*count, max, format_number) });
            table.push(&budget.what, &[format_number(*count)], comparison);
        }
        table
    }

    /// Creates a table without budgets.
    #[must_use]
    pub fn new(heading: &[&str]) -> Table {
        let heading = heading.iter().map(|&cell| cell.to_owned()).collect();
        Table { heading, rows: Vec::new(), exceeded: 0, notes: Vec::new() }
    }

    /// Adds a row without a budget.
    pub fn add_row(&mut self, name: &str, cells: &[String]) {
        self.push(name, cells, None);
    }

    /// Adds a row of a group's candidate: its cells, then its ratio to `reference` and its budget.
    pub(crate) fn add_measured(
        &mut self,
        group: &str,
        reference: &str,
        Measured { name, ratio, .. }: &Measured,
        cells: &[String],
        budgets: &[Budget],
    ) {
        let id = format!("{group}/{name}");
        // The budget applies only to its own reference.
        let budget = budgets.iter().find(|budget| budget.id == id && budget.reference == reference);
        let comparison = budget.map(|budget| -> Comparison { (*ratio, budget.max_ratio(), format_ratio) });
        let reason = budget.and_then(|budget| budget.reason.as_ref());
        self.notes.extend(reason.map(|reason| format!("- {name}: {reason}")));
        self.push(name, &[cells, &[format_ratio(*ratio)]].concat(), comparison);
    }

    /// Adds a line that is printed below the rows.
    pub(crate) fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    fn push(&mut self, name: &str, cells: &[String], comparison: Option<Comparison>) {
        let mut row = vec![name.to_owned()];
        row.extend_from_slice(cells);
        if let Some((measured, max, format)) = comparison {
            let verdict = Verdict::new(measured, max);
            self.exceeded += usize::from(verdict == Verdict::Exceeded);
            row.extend([format(max), verdict.as_str().to_owned()]);
        }
        row.resize(self.heading.len(), String::new());
        self.rows.push(row);
    }

    /// Prints the table. Returns the number of exceeded budgets.
    #[must_use]
    pub fn print(&self) -> usize {
        let rows = || std::iter::once(&self.heading).chain(&self.rows);
        let width = |at: usize| rows().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        let last = widths.len() - 1;
        let line = |row: &[String]| {
            let mut line = String::from("|");
            for (at, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                // Names and verdicts are left-aligned, numbers are right-aligned.
                let _ = match at {
                    _ if at == 0 || at == last => write!(line, " {cell:<width$} |"),
                    _ => write!(line, " {cell:>width$} |"),
                };
            }
            line
        };
        println!("{}", line(&self.heading));
        let rule = |(at, width): (usize, &usize)| {
            let dashes = "-".repeat(width + 1);
            if at == 0 || at == last { format!("-{dashes}|") } else { format!("{dashes}:|") }
        };
        println!("|{}", widths.iter().enumerate().map(rule).collect::<String>());
        self.rows.iter().for_each(|row| println!("{}", line(row)));
        if !self.notes.is_empty() {
            println!();
        }
        self.notes.iter().for_each(|note| println!("{note}"));
        println!();
        self.exceeded
    }
}

/// Formats a time in a suitable unit.
#[must_use]
pub fn format_time(nanoseconds: f64) -> String {
    let (number, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(number))
}

/// Formats a ratio; small ones as `1/40`.
#[must_use]
pub fn format_ratio(ratio: f64) -> String {
    if ratio < 0.1 { format!("1/{:.0}", 1.0 / ratio) } else { format!("{} x", three_digits(ratio)) }
}

fn format_number(number: f64) -> String {
    format!("{number:.0}")
}

/// Formats a number with three significant digits.
fn three_digits(number: f64) -> String {
    match number {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// Returns the machine, the compiler and the commit: the first lines of results.
#[must_use]
pub fn environment() -> String {
    let first_line = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    let first_line_of = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        output.map_or_else(
            |_| "unknown".to_owned(),
            |output| first_line(String::from_utf8_lossy(&output.stdout).into_owned()),
        )
    };
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map_or("an unknown processor", |(_, name)| name);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "- machine: {model}, {processors} processors, {}\n- compiler: {}, profile bench\n- commit: {}\n",
        first_line_of("uname", &["-sr"]),
        first_line_of("rustc", &["--version"]),
        first_line_of("git", &["describe", "--always", "--dirty"]),
    )
}

#[cfg(test)]
mod tests {
    use super::{Table, format_ratio, format_time};
    use crate::{budget::Budget, measure::Measured};

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(format_time(5.184), "5.18 ns");
        assert_eq!(format_time(12_450.0), "12.4 µs");
        assert_eq!(format_time(109e6), "109 ms");
        assert_eq!(format_time(4.2e9), "4.20 s");
        assert_eq!(format_ratio(0.352), "0.35 x");
        assert_eq!(format_ratio(0.025), "1/40");
        assert_eq!(format_ratio(1269.5), "1270 x");
    }

    #[test]
    fn exceeded_budgets_are_counted() {
        let budget = |id: &str, ratio| Budget {
            id: id.to_owned(),
            what: String::new(),
            reference: "first".to_owned(),
            ratio,
            ratio_with_avx2: None,
            instructions: Some(100.0),
            reason: Some("for now".to_owned()),
        };
        let measured = |name: &str, ratio| Measured { name: name.to_owned(), nanoseconds: 1.0, ratio };
        let rows = [measured("first", 1.0), measured("one", 0.5), measured("other", 2.0)];
        let budgets = [budget("group/one", 0.5), budget("group/other", 1.9), budget("else/first", 0.1)];
        let table = Table::for_times("group", "about", "first", &rows, &budgets);
        assert_eq!(table.exceeded, 1);
        assert_eq!(table.notes, ["- one: for now", "- other: for now"]);
        assert_eq!(table.rows[2][3..], ["1.90 x", "EXCEEDED"]);
        let counted = [(&budgets[0], 99.0), (&budgets[1], 101.0), (&budgets[2], f64::NAN)];
        assert_eq!(Table::for_instructions(&counted).exceeded, 2);
    }
}
