//! State of the screen: the series of the last snapshot, searched and sorted.

use std::{collections::HashMap, sync::Arc, time::Instant};

use clap::ValueEnum;
use ictus::{
    Snapshot,
    catalog::{Kind, Unit},
    snapshot::{Health, QUANTILES, Value, Window},
    surface::View,
};

use crate::{
    search::Search,
    series_names::{FamilyNames, line, selector},
    top::mouse::ListArea,
};

/// The column by which series are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The slowest
    P99,
    /// The busiest
    Rate,
    /// The most used
    Count,
    /// By name and labels
    Name,
    /// By labels, then by name
    Labels,
    /// The greatest median
    P50,
    /// The greatest 95th percentile
    P95,
    /// The greatest value of the window
    Max,
}

impl Order {
    /// The columns from left to right.
    pub(super) const ALL: [Order; 8] = [
        Order::Name,
        Order::Labels,
        Order::Count,
        Order::Rate,
        Order::P50,
        Order::P95,
        Order::P99,
        Order::Max,
    ];

    /// Returns the column to the right or to the left, beginning again at the ends.
    pub(super) fn offset_by(self, step: isize) -> Order {
        let index = Order::ALL.iter().position(|order| *order == self).unwrap_or_default();
        let length = Order::ALL.len() as isize;
        Order::ALL[(index as isize + step).rem_euclid(length) as usize]
    }
}

/// A series.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) names: Arc<FamilyNames>,
    /// Printable names and values.
    pub(super) labels: Vec<(String, String)>,
    /// The values of the recorded labels.
    recorded: Arc<[String]>,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    /// The number of observations of a timer, otherwise the value.
    pub(super) count: f64,
    pub(super) sum: f64,
    /// Observations per second since the previous snapshot; none after the first.
    pub(super) rate: Option<f64>,
    pub(super) quantiles: Option<[f64; QUANTILES.len()]>,
    pub(super) max: Option<f64>,
    pub(super) window: Window,
}

impl Row {
    /// Returns name and labels as a selector of PromQL, which identifies the series.
    pub(super) fn selector(&self) -> String {
        selector(self.names.name(), &self.labels)
    }

    /// Returns the value in a column; none without observations.
    pub(super) fn value(&self, order: Order) -> Option<f64> {
        match order {
            Order::Name | Order::Labels => None,
            Order::Count => Some(self.count),
            Order::Rate => self.rate,
            Order::P50 => self.quantiles.map(|quantiles| quantiles[0]),
            Order::P95 => self.quantiles.map(|quantiles| quantiles[3]),
            Order::P99 => self.quantiles.map(|quantiles| quantiles[4]),
            Order::Max => self.max,
        }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) view: View,
    pub(super) order: Order,
    pub(super) is_reversed: bool,
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) editing: bool,
    pub(super) paused: bool,
    /// Whether the help is shown, and the first line of it in sight.
    pub(super) help: Option<usize>,
    /// Whether the selected series is shown alone, and the first line of it in sight.
    pub(super) detail: Option<usize>,
    /// The series to show, in their order.
    pub(super) shown: Vec<usize>,
    pub(super) rows: Vec<Row>,
    pub(super) health: Health,
    /// The error of the last snapshot. The rows on the screen are older.
    pub(super) failed: Option<String>,
    /// Why the filter matches nothing, if it has an error.
    pub(super) filter_error: Option<String>,
    /// The last message of the log.
    pub(super) logged: String,
    /// The row with the cursor, the first row in sight, and the number of rows in sight.
    pub(super) cursor: usize,
    pub(super) first: usize,
    pub(super) height: usize,
    /// Whether the terminal reports the mouse.
    pub(super) has_mouse: bool,
    /// Where the list was drawn; none if it is not on the screen.
    pub(super) list: Option<ListArea>,
    /// The series that the cursor follows, since the user has moved it.
    followed: Option<String>,
    counts: HashMap<String, f64>,
    pub(super) read_at: Option<Instant>,
}

impl State {
    pub(super) fn new(order: Order, view: View) -> State {
        State {
            view,
            order,
            is_reversed: false,
            filter: String::new(),
            editing: false,
            paused: false,
            help: None,
            detail: None,
            shown: Vec::new(),
            rows: Vec::new(),
            health: Health::default(),
            failed: None,
            filter_error: None,
            logged: String::new(),
            cursor: 0,
            first: 0,
            height: 0,
            has_mouse: true,
            list: None,
            followed: None,
            counts: HashMap::new(),
            read_at: None,
        }
    }

    /// Stores a snapshot, or the reason why there is none.
    pub(super) fn update(&mut self, snapshot: Result<Snapshot, String>, now: Instant) {
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(why) => {
                self.failed = Some(why);
                return;
            }
        };
        self.failed = None;
        let seconds = self.read_at.map(|previous| now.duration_since(previous).as_secs_f64());
        let mut counts = HashMap::new();
        self.rows.clear();
        for family in &snapshot.families {
            let names = FamilyNames::new(&self.view, family);
            for series in &family.series {
                let labels = names.labels(series);
                let key = format!("{} {}", family.name, line(&labels));
                let (count, timing) = match &series.value {
                    Value::Timer(timing) => (timing.count as f64, Some(timing)),
                    Value::Counter(value) | Value::Gauge(value) => (*value, None),
                    // A kind that this version cannot draw.
                    _ => continue,
                };
                // All observations of a new series happened since the previous snapshot.
                let previous = self.counts.insert(key.clone(), count).unwrap_or_default();
                counts.insert(key, count);
                let seconds = seconds.filter(|seconds| *seconds > 0.0 && family.kind != Kind::Gauge);
                self.rows.push(Row {
                    names: names.clone(),
                    labels,
                    recorded: series.labels.clone(),
                    kind: family.kind,
                    unit: family.unit,
                    count,
                    sum: timing.map_or(0.0, |timing| timing.sum),
                    rate: seconds.map(|seconds| (count - previous).max(0.0) / seconds),
                    quantiles: timing.and_then(|timing| timing.window.quantiles()),
                    max: timing.and_then(|timing| timing.window.quantile(1.0)),
                    window: timing.map(|timing| timing.window.clone()).unwrap_or_default(),
                });
            }
        }
        self.counts = counts;
        self.read_at = Some(now);
        self.health = snapshot.health;
        self.sort_rows();
    }

    /// Filters and sorts again.
    pub(super) fn sort_rows(&mut self) {
        let search = Search::parse(&self.filter);
        self.filter_error = search.error().map(str::to_owned);
        let rows = &self.rows;
        self.shown =
            (0..rows.len()).filter(|&at| search.matches(&rows[at].names, &rows[at].recorded)).collect();
        // Rows without a value come last in both directions. So do values that are not durations,
        // which cannot be compared with durations.
        let group = |at: usize| match self.order {
            Order::Name | Order::Labels => 0,
            order if rows[at].value(order).is_none_or(f64::is_nan) => 2,
            Order::P50 | Order::P95 | Order::P99 | Order::Max => usize::from(rows[at].unit != Unit::Seconds),
            Order::Count | Order::Rate => usize::from(rows[at].kind == Kind::Gauge),
        };
        let value = |at: usize| rows[at].value(self.order).unwrap_or_default();
        let text = |at: usize| match self.order {
            Order::Labels => (line(&rows[at].labels), rows[at].names.name()),
            _ => (String::new(), rows[at].names.name()),
        };
        let is_text = matches!(self.order, Order::Name | Order::Labels);
        // Snapshots are sorted by recorded name and labels, and the sort is stable.
        self.shown.sort_by(|&one, &other| {
            let sorted =
                if is_text { text(one).cmp(&text(other)) } else { value(other).total_cmp(&value(one)) };
            group(one).cmp(&group(other)).then(if self.is_reversed { sorted.reverse() } else { sorted })
        });
        let followed = self.followed.as_ref();
        let index = followed.and_then(|key| self.shown.iter().position(|&at| rows[at].selector() == *key));
        self.cursor = index.unwrap_or(self.cursor).min(self.shown.len().saturating_sub(1));
        self.scroll();
    }

    /// Returns the series with the cursor.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.shown.get(self.cursor).map(|&at| &self.rows[at])
    }

    /// Sorts by a column; by the same column again in the other direction.
    pub(super) fn sort(&mut self, order: Order) {
        self.is_reversed = self.order == order && !self.is_reversed;
        self.order = order;
    }

    pub(super) fn page(&self) -> isize {
        isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(isize::MAX)
    }

    /// Moves the cursor by a number of rows, and follows its series from now on; at the first row it
    /// follows none, so that the first row stays in sight.
    pub(super) fn step(&mut self, rows: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(rows).min(last);
        self.followed = self.selected().filter(|_| self.cursor > 0).map(Row::selector);
        self.scroll();
    }

    /// Scrolls so that the cursor is in sight and no line is wasted.
    pub(super) fn scroll(&mut self) {
        let height = self.height.max(1);
        self.first = self.first.min(self.cursor).max((self.cursor + 1).saturating_sub(height));
        self.first = self.first.min(self.shown.len().saturating_sub(height));
    }
}

#[cfg(test)]
mod tests;
