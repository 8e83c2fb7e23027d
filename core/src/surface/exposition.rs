//! Expositions: the families and samples of a snapshot, before they are formatted.

use std::sync::Arc;

use super::{Renderer, View, labels::Labels, line_prefixes::LinePrefixes};
use crate::snapshot::{Distribution, Exemplar, QUANTILES, Snapshot};

/// Families and samples that can be written in any format.
///
/// ```
/// use ictus::{Registry, expose, surface::{Exposition, View}};
///
/// let registry = Registry::new();
/// registry.gauge("queued", "Jobs in the queue.", &[])?.labels(&[])?.set(3.0);
/// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
/// assert!(expose::text(&exposition).contains("\nqueued 3.0\n"));
/// assert!(expose::openmetrics(&exposition).ends_with("# EOF\n"));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    /// All families, in the order in which they were added. Families without a series are not
    /// shown.
    pub(super) families: Vec<ShownFamily>,
    /// Indices in `families`, sorted by name.
    pub(super) order: Vec<usize>,
    /// The number of series that are not shown.
    pub(super) left_out: u64,
    /// Whether names can have any characters.
    pub(super) utf8_names: bool,
}

/// A family as an exposition shows it.
#[derive(Clone, Debug)]
pub struct ShownFamily {
    /// The name, without a counter's `_total`.
    pub name: String,
    /// The help text, unescaped.
    pub help: String,
    /// The type.
    pub shown_type: ShownType,
    /// The series, sorted by label values.
    pub series: Vec<ShownSeries>,
    /// The text of each line up to its number.
    pub(crate) heads: LinePrefixes,
    /// The number of an external family's series that are not shown, because no format can
    /// represent them.
    pub(super) left_out: u64,
}

/// The type of a family as the formats state it. A later version may add types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShownType {
    /// `counter`.
    Counter,
    /// `gauge`.
    Gauge,
    /// `summary`.
    Summary,
    /// `histogram`.
    Histogram,
}

/// A series as an exposition shows it, with at least one sample.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShownSeries {
    /// The labels, without `quantile` and `le`.
    pub labels: Labels,
    /// The value.
    pub value: ShownValue,
}

/// The value of a shown series. A later version may add kinds of values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ShownValue {
    /// A total, shown as one sample.
    Counter(f64),
    /// A state, shown as one sample.
    Gauge(f64),
    /// One sample per quantile, in the order of [`QUANTILES`], in a gauge family.
    Quantiles([f64; QUANTILES.len()]),
    /// A summary.
    #[non_exhaustive]
    Summary {
        /// Quantiles in the order of [`QUANTILES`], or none if the window is empty.
        quantiles: Option<[f64; QUANTILES.len()]>,
        /// The sum of all observations since the series began.
        sum: f64,
        /// The number of these observations.
        count: u64,
    },
    /// A histogram.
    Histogram(Buckets),
}

/// The value of a histogram. Its count is that of the classic buckets, so that both always agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Classic and exponential buckets.
    pub distribution: Arc<Distribution>,
    /// The sum of all observations since the series began.
    pub sum: f64,
    /// The exemplars, as in [`Timing::exemplars`](crate::snapshot::Timing::exemplars).
    pub exemplars: Arc<[Exemplar]>,
    /// The formatted bounds of the classic buckets, with `+Inf` at the end.
    pub(super) bounds: Arc<[String]>,
    /// Whether exponential buckets were recorded.
    pub(crate) native: bool,
}

impl Exposition {
    /// Maps a snapshot to the surfaces of a view.
    ///
    /// Families without a sample are not shown. A family of a user is not shown if no format can
    /// represent its names or labels, or if another family has its name; each is logged once. For
    /// repeated snapshots use a [`Renderer`].
    #[must_use]
    pub fn new(snapshot: &Snapshot, view: &View) -> Exposition {
        let mut plan = Renderer::new(view);
        plan.show(snapshot);
        plan.into_exposition()
    }

    /// Returns the families, sorted by name. Names are unique, and each family has a sample.
    pub fn families(&self) -> impl Iterator<Item = &ShownFamily> {
        let families = self.order.iter().filter_map(|&at| self.families.get(at));
        families.filter(|family| !family.series.is_empty())
    }

    /// Returns the number of series that are not shown, because no format can represent their names
    /// or labels, or because another family has their names. It is exposed as
    /// `ictus_series_left_out`. Prometheus would reject the whole scrape for one such series.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the family of that shown name, without a counter's `_total`.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&ShownFamily> {
        self.families().find(|family| family.name == name)
    }

    /// Returns a copy with the families for which `keep` returns true.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&ShownFamily) -> bool) -> Exposition {
        let families: Vec<_> = self.families().filter(|family| keep(family)).cloned().collect();
        Exposition {
            order: (0..families.len()).collect(),
            families,
            left_out: self.left_out,
            utf8_names: self.utf8_names,
        }
    }

    /// Sorts the indices of the families by name.
    pub(super) fn sort(&mut self) {
        self.order.clear();
        self.order.extend(0..self.families.len());
        self.order.sort_by(|&a, &b| self.families[a].name.cmp(&self.families[b].name));
    }
}

impl ShownType {
    /// Returns the name of the type in the text formats.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ShownType::Counter => "counter",
            ShownType::Gauge => "gauge",
            ShownType::Summary => "summary",
            ShownType::Histogram => "histogram",
        }
    }
}

impl Buckets {
    /// Returns the classic buckets: the formatted upper bound of each, with `+Inf` at the end, and
    /// the number of observations up to that bound. The last bucket is always present.
    pub fn cumulative(&self) -> impl Iterator<Item = (&str, u64)> {
        let classic = &self.distribution.classic;
        let own = if classic.is_empty() { &[0][..] } else { classic };
        self.bounds.iter().zip(own).scan(0, |count: &mut u64, (bound, &own)| {
            *count = count.saturating_add(own);
            Some((bound.as_str(), *count))
        })
    }

    /// Returns the exemplar of each of these buckets, if it has one.
    pub fn bucket_exemplars(&self) -> impl Iterator<Item = Option<&Exemplar>> {
        let bounds = self.distribution.bounds.iter().copied().chain([f64::INFINITY]);
        let mut rest = self.exemplars.iter().peekable();
        bounds.map(move |bound| {
            let own = std::iter::from_fn(|| rest.next_if(|exemplar| exemplar.value <= bound));
            own.last()
        })
    }

    /// Returns whether another value has the same number of buckets and the same bounds.
    pub(super) fn has_same_layout(&self, other: &Buckets) -> bool {
        self.bounds == other.bounds && self.distribution.classic.len() == other.distribution.classic.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Exposition, ShownValue};
    use crate::{
        catalog::{self, Kind, Unit},
        snapshot::{Family, Series, Snapshot, Timing, Value},
        surface::{Surface, View},
    };

    #[test]
    fn histogram_without_buckets_has_the_infinity_bucket() {
        let polls = Family {
            name: catalog::TASK_POLL_TIME.name.to_owned(),
            help: String::new(),
            kind: Kind::Timer,
            unit: Unit::Seconds,
            label_names: vec!["taskType".to_owned(), "status".to_owned()],
            series: vec![Series {
                labels: vec![String::new(); 2].into(),
                value: Value::Timer(Timing::default()),
            }],
        };
        let snapshot = Snapshot { families: vec![polls], ..Snapshot::default() };
        let shown = Exposition::new(&snapshot, &View::new(&[Surface::Canonical]).unwrap());
        let family = shown.family("task_poll_time_seconds").unwrap();
        let ShownValue::Histogram(buckets) = &family.series[0].value else { panic!("{family:?}") };
        assert!(buckets.cumulative().eq([("+Inf", 0)]));
        let suffixes: Vec<_> = family.samples().map(|sample| sample.suffix).collect();
        assert_eq!(suffixes, ["_bucket", "_count", "_sum"]);
    }

    #[test]
    fn filtered_exposition_equals_its_part_of_the_whole() {
        let registry = crate::Registry::new();
        for name in ["zebras", "apes", "mice"] {
            registry.gauge(name, "", &["zone"]).unwrap().labels(&["a"]).unwrap().set(1.0);
        }
        let whole = Exposition::new(&registry.snapshot().unwrap(), &View::default());
        let part = whole.filter(|family| ["zebras", "apes"].contains(&family.name.as_str()));
        let names: Vec<_> = part.families().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["apes", "zebras"]);
        let (whole, part) = (crate::expose::text(&whole), crate::expose::text(&part));
        assert!(part.lines().count() == 6 && part.lines().all(|line| whole.contains(line)), "{part}");
    }
}
