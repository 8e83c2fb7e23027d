//! A snapshot: the state of all metrics at one moment, as plain data.
//!
//! The reader fills it, and surfaces render it. It has families, series, windows with their
//! quantiles, histograms and exemplars, and the health of the directory. It depends neither on
//! recording nor on files.

mod hdr;
mod health;
pub(crate) mod observation;
mod quantile;
pub(crate) mod timeline;
mod window;

pub use health::{Health, HealthCounts};
pub use observation::Observation;
pub use quantile::QUANTILES;
pub use window::Window;

pub use crate::{
    exemplar::Exemplar,
    histogram::{Distribution, SparseCounts},
};

use std::{ops::Range, sync::Arc};

use crate::catalog::{Kind, Unit, counter_name};

/// The state of all families at one moment.
///
/// Families are sorted by name, then by label names, and the series of each family by label values.
/// Families of the same name have different label names.
///
/// ```
/// # let registry = ictus::Registry::new();
/// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// (1..=2000).for_each(|number| timer.observe(f64::from(number)));
/// let snapshot = registry.snapshot()?;
/// # use ictus::snapshot::Value;
/// let Some(Value::Timer(timing)) = snapshot.family("job_seconds").unwrap().get(&[]) else { panic!() };
/// assert_eq!((timing.count, timing.sum), (2000, 2_001_000.0));
/// // The window is of the newest 1,000: 1001 to 2000.
/// assert_eq!(timing.window.quantile(0.5), Some(1500.5));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The families, sorted by name, then by label names.
    pub families: Vec<Family>,
    /// The health of the directory and the reader.
    pub health: Health,
}

/// All series of one metric.
///
/// ```
/// let registry = ictus::Registry::new();
/// registry.counter("hits", "Requests.", &["route", "method"])?.labels(&["/", "GET"])?.inc();
/// let snapshot = registry.snapshot()?;
/// let hits = snapshot.family("hits").expect("a family that has a series");
/// assert_eq!(hits.help, "Requests.");
/// // Sorted, in each series as well.
/// assert_eq!(hits.label_names, ["method", "route"]);
/// assert_eq!(hits.series[0].labels[..], ["GET", "/"]);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// The recorded name.
    pub name: String,
    /// The help text, in one line.
    pub help: String,
    /// Counter, gauge or timer.
    pub kind: Kind,
    /// The unit of a timer's observations.
    pub unit: Unit,
    /// The label names, sorted.
    pub label_names: Vec<String>,
    /// The series, sorted by label values.
    pub series: Vec<Series>,
}

/// One metric with one set of label values.
///
/// ```
/// use ictus::snapshot::{Series, Value};
///
/// let series = Series::new(["mail".to_owned()], Value::Gauge(3.0));
/// assert_eq!((&series.labels[0][..], series.value), ("mail", Value::Gauge(3.0)));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series {
    /// The label values, in the order of the family's label names. Snapshots of one reader share
    /// them.
    pub labels: Arc<[String]>,
    /// The recorded value.
    pub value: Value,
}

/// The value of a series. A later version may add kinds of values.
///
/// ```
/// use ictus::{Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "", &[])?.labels(&[])?.inc();
/// registry.timer("job_seconds", "", &[])?.labels(&[])?.observe(0.25);
/// for family in &registry.snapshot()?.families {
///     match &family.series[0].value {
///         Value::Counter(total) => assert_eq!(*total, 1.0),
///         Value::Gauge(state) => println!("{} is {state}", family.name),
///         Value::Timer(timing) => assert_eq!(timing.sum, 0.25),
///         // A later version may add kinds.
///         _ => {}
///     }
/// }
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// The total over all threads and processes.
    Counter(f64),
    /// The state, summed over live processes.
    Gauge(f64),
    /// The observations of a timer.
    Timer(Timing),
}

/// The value of a timer's series: lifetime totals and the window of newest observations.
///
/// ```
/// use ictus::{Registry, snapshot::Value};
///
/// let registry = Registry::new();
/// let jobs = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// [0.1, 0.2, 0.4].into_iter().for_each(|seconds| jobs.observe(seconds));
/// let snapshot = registry.snapshot()?;
/// let Some(Value::Timer(timing)) = snapshot.get("job_seconds", &[]) else { panic!("a timer") };
/// assert_eq!((timing.count, timing.window.quantile(0.5)), (3, Some(0.2)));
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Timing {
    /// The number of all observations since the series began.
    pub count: u64,
    /// The sum of all observations since the series began, in the family's unit.
    ///
    /// The relative error is at most 1e-12 if the mean of the observations is 1e-17 or more: each
    /// observation is stored in units of 2^-96 (1.3e-29). A sum stops growing at 2^96 (7.9e28), and
    /// [`Health::saturated_sums`] counts the series.
    pub sum: f64,
    /// The newest observations.
    pub window: Window,
    /// All observations since the series began, by bucket.
    pub distribution: Arc<Distribution>,
    /// The newest exemplar of each classic bucket that has one, in the order of the buckets. A
    /// timer without buckets has at most one.
    pub exemplars: Arc<[Exemplar]>,
}

impl Series {
    /// Creates a series. `labels` are its label values, in the order of the family's label names.
    #[must_use]
    pub fn new(labels: impl Into<Arc<[String]>>, value: Value) -> Series {
        Series { labels: labels.into(), value }
    }
}

impl Snapshot {
    /// Creates a snapshot of families, which it sorts. Its health is the default: all numbers are
    /// 0.
    ///
    /// ```
    /// use ictus::{catalog::Kind, snapshot::{Family, Series, Snapshot, Value}};
    ///
    /// let jobs = Series::new(["mail".to_owned()], Value::Counter(3.0));
    /// let snapshot = Snapshot::new(vec![Family::new("jobs", Kind::Counter, &["queue"], vec![jobs])]);
    /// assert_eq!(snapshot.get("jobs", &[("queue", "mail")]), Some(&Value::Counter(3.0)));
    /// ```
    #[must_use]
    pub fn new(mut families: Vec<Family>) -> Snapshot {
        families.sort_by(|a, b| (&a.name, &a.label_names).cmp(&(&b.name, &b.label_names)));
        Snapshot { families, health: Health::default() }
    }

    /// Returns the family of that name. Counters are found with and without `_total`. If several
    /// families have the name, returns the one whose label names sort first.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families_named(name).first()
    }

    /// Returns the index in `families` of the family that [`family`](Snapshot::family) returns.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        let range = self.range(name);
        (!range.is_empty()).then_some(range.start)
    }

    /// Returns the value of the series with that name and exactly those labels, in any order.
    ///
    /// ```
    /// # use ictus::snapshot::Value;
    /// # let registry = ictus::Registry::new();
    /// registry.counter("hits", "", &["route", "method"])?.labels(&["/", "GET"])?.inc();
    /// let snapshot = registry.snapshot()?;
    /// let hits = snapshot.get("hits", &[("route", "/"), ("method", "GET")]);
    /// assert_eq!(hits, Some(&Value::Counter(1.0)));
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<&Value> {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        let names = || labels.iter().map(|&(name, _)| name);
        let has_labels = |family: &&Family| family.label_names.iter().map(String::as_str).eq(names());
        let values: Vec<&str> = labels.iter().map(|&(_, value)| value).collect();
        self.families_named(name).iter().find(has_labels)?.get(&values)
    }

    /// Returns all families of that name, sorted by label names. Counters are found with and
    /// without `_total`.
    #[must_use]
    pub fn families_named(&self, name: &str) -> &[Family] {
        &self.families[self.range(name)]
    }

    fn range(&self, name: &str) -> Range<usize> {
        let find = |name: &str| {
            let start = self.families.partition_point(|family| family.name.as_str() < name);
            let length = self.families[start..].partition_point(|family| family.name == name);
            start..start + length
        };
        let recorded = counter_name(name);
        let range = find(name);
        if !range.is_empty() || recorded == name {
            return range;
        }
        let range = find(recorded);
        let is_counter = self.families[range.clone()].iter().all(|family| family.kind == Kind::Counter);
        if is_counter { range } else { 0..0 }
    }
}

impl Family {
    /// Creates a family without a help text. A timer is in seconds.
    ///
    /// `label_names` must be sorted, and `series` must be sorted by their label values, which are in
    /// the order of the names.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind, label_names: &[&str], series: Vec<Series>) -> Family {
        Family {
            name: name.into(),
            help: String::new(),
            kind,
            unit: if kind == Kind::Timer { Unit::Seconds } else { Unit::None },
            label_names: label_names.iter().map(|&name| name.to_owned()).collect(),
            series,
        }
    }

    /// Returns the value of the series with those label values, in the order of the family's label
    /// names.
    #[must_use]
    pub fn get(&self, labels: &[&str]) -> Option<&Value> {
        self.series
            .binary_search_by(|series| series.labels.iter().map(String::as_str).cmp(labels.iter().copied()))
            .ok()
            .map(|at| &self.series[at].value)
    }
}
