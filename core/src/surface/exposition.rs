//! What is shown, ready to be written in any format.

use std::sync::Arc;

use super::{Renderer, View, labels::Labels, line_prefixes::LinePrefixes};
use crate::snapshot::{Distribution, Exemplar, QUANTILES, Snapshot};

/// Families ready to be written in any format.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    /// In the order of the plan; those without a series are not shown.
    pub(super) families: Vec<ShownFamily>,
    /// Places in `families`, sorted by name.
    pub(super) order: Vec<usize>,
    /// Series that are not shown.
    pub(super) left_out: u64,
    /// Whether names may have any characters.
    pub(super) utf8_names: bool,
}

/// A family as it is shown.
#[derive(Clone, Debug)]
pub struct ShownFamily {
    /// Its name, without a counter's `_total`.
    pub name: String,
    /// Its help text, unescaped.
    pub help: String,
    /// Its type.
    pub shown_type: ShownType,
    /// Its series, sorted by label values.
    pub series: Vec<ShownSeries>,
    /// Its lines up to their numbers.
    pub(crate) heads: LinePrefixes,
    /// Series of another library that are not among its series, for no format can carry them.
    pub(super) left_out: u64,
}

/// The type that a format states for a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A series as it is shown: at least one sample.
#[derive(Clone, Debug)]
pub struct ShownSeries {
    /// Its labels, without `quantile` and `le`.
    pub labels: Labels,
    /// Its value.
    pub value: ShownValue,
}

/// What a shown series says.
#[derive(Clone, Debug, PartialEq)]
pub enum ShownValue {
    /// A total: one sample.
    Counter(f64),
    /// A state: one sample.
    Gauge(f64),
    /// A sample a quantile, in the order of [`QUANTILES`], in a gauge family.
    Quantiles([f64; QUANTILES.len()]),
    /// A summary.
    Summary {
        /// In the order of [`QUANTILES`]; none where no observation is left to take them from.
        quantiles: Option<[f64; QUANTILES.len()]>,
        /// The sum of all observations ever made.
        sum: f64,
        /// How many these are.
        count: u64,
    },
    /// A histogram.
    Histogram(Buckets),
}

/// A histogram's value. Its count is that of the classic buckets, so that the two always agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Classic and exponential buckets.
    pub distribution: Arc<Distribution>,
    /// The sum of all observations ever made.
    pub sum: f64,
    /// As in a [`Timing`](crate::snapshot::Timing::exemplars).
    pub exemplars: Arc<[Exemplar]>,
    /// The classic buckets' bounds as they are spelled, `+Inf` at the end.
    pub(super) bounds: Arc<[String]>,
    /// Whether exponential buckets were recorded.
    pub(crate) native: bool,
}

impl Exposition {
    /// The snapshot as the view shows it. Families without a sample are left out; so are those of
    /// users whose names or labels no format could carry or another family has taken, each named
    /// in the log once. Who shows one snapshot after the other keeps a [`Renderer`].
    #[must_use]
    pub fn new(snapshot: &Snapshot, view: &View) -> Exposition {
        let mut plan = Renderer::new(view);
        plan.show(snapshot);
        plan.into_exposition()
    }

    /// The families, sorted by name, each name once, none without a sample.
    pub fn families(&self) -> impl Iterator<Item = &ShownFamily> {
        let families = self.order.iter().filter_map(|&at| self.families.get(at));
        families.filter(|family| !family.series.is_empty())
    }

    /// How many series are left out, because no format can carry their names or labels, or another family is shown
    /// under their names: shown as `ictus_series_left_out`. One of them would make Prometheus refuse all.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The family of that shown name (without a counter's `_total`).
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&ShownFamily> {
        self.families().find(|family| family.name == name)
    }

    /// A copy of those families that `keep` says yes to.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&ShownFamily) -> bool) -> Exposition {
        let families: Vec<_> = self.families().filter(|family| keep(family)).cloned().collect();
        Exposition {
            order: (0..families.len()).collect(),
            families,
            left_out: self.left_out,
            utf8_names: self.utf8_names,
        }
    }

    /// Puts the places of the families in order.
    pub(super) fn sort(&mut self) {
        self.order.clear();
        self.order.extend(0..self.families.len());
        self.order.sort_by(|&a, &b| self.families[a].name.cmp(&self.families[b].name));
    }
}

impl ShownType {
    /// The type's name in every text format.
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
    /// The classic buckets: the upper bound of each as it is spelled, `+Inf` at the end, and the
    /// observations not above it. There is always the last of them.
    pub fn cumulative(&self) -> impl Iterator<Item = (&str, u64)> {
        let classic = &self.distribution.classic;
        let own = if classic.is_empty() { &[0][..] } else { classic };
        self.bounds.iter().zip(own).scan(0, |count: &mut u64, (bound, &own)| {
            *count = count.saturating_add(own);
            Some((bound.as_str(), *count))
        })
    }

    /// The exemplar of each of these buckets, if any.
    pub fn bucket_exemplars(&self) -> impl Iterator<Item = Option<&Exemplar>> {
        let bounds = self.distribution.bounds.iter().copied().chain([f64::INFINITY]);
        let mut rest = self.exemplars.iter().peekable();
        bounds.map(move |bound| {
            let own = std::iter::from_fn(|| rest.next_if(|exemplar| exemplar.value <= bound));
            own.last()
        })
    }

    /// Whether another value has the same number of buckets under the same bounds.
    pub(super) fn is_like(&self, other: &Buckets) -> bool {
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
    fn a_histogram_without_buckets_still_has_the_last() {
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
    fn a_part_is_written_as_it_is_in_the_whole() {
        let registry = crate::Registry::new();
        for name in ["zebras", "apes", "mice"] {
            registry.gauge(name, "", &["zone"]).unwrap().labels(&["a"]).unwrap().set(1.0);
        }
        let whole = Exposition::new(&registry.snapshot().unwrap(), &View::default());
        let part = whole.only(|family| ["zebras", "apes"].contains(&family.name.as_str()));
        let names: Vec<_> = part.families().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["apes", "zebras"]);
        let (whole, part) = (crate::expose::text(&whole), crate::expose::text(&part));
        assert!(part.lines().count() == 6 && part.lines().all(|line| whole.contains(line)), "{part}");
    }
}
