//! Expositions: the families and samples of a snapshot, before they are formatted.

use std::fmt;

use super::{line_prefixes::LinePrefixes, shown_series::ShownSeries};

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
///
/// ```
/// use ictus::{Registry, surface::{Exposition, ShownType, View}};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "Jobs done.", &["queue"])?.labels(&["mail"])?.inc();
/// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
/// let jobs = exposition.family("jobs").expect("it has a series");
/// assert_eq!((jobs.help.as_str(), jobs.shown_type), ("Jobs done.", ShownType::Counter));
/// assert_eq!(jobs.series.len(), 1);
/// # Ok::<(), ictus::Error>(())
/// ```
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
///
/// ```
/// use ictus::surface::ShownType;
///
/// assert_eq!(ShownType::Histogram.to_string(), "histogram");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl Exposition {
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
    ///
    /// ```
    /// use ictus::{Registry, surface::{Exposition, View}};
    ///
    /// let registry = Registry::new();
    /// registry.counter("jobs", "", &[])?.labels(&[])?.inc();
    /// registry.counter("mails", "", &[])?.labels(&[])?.inc();
    /// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
    /// let jobs = exposition.filter(|family| family.name == "jobs");
    /// assert_eq!(jobs.families().count(), 1);
    /// # Ok::<(), ictus::Error>(())
    /// ```
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

impl fmt::Display for ShownType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

#[cfg(test)]
mod tests {
    use super::Exposition;
    use crate::{
        catalog::{self, Kind, Unit},
        snapshot::{Family, Series, Snapshot, Timing, Value},
        surface::{ShownValue, Surface, View},
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
