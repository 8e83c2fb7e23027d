//! The names under which a view shows a recorded family, for output that lists recorded series.

use std::sync::Arc;

use super::{
    ShownType, View, catalog_families::merged_rows, family_template, labels::Column, table::MetricShape,
    user_families::Names,
};
use crate::{catalog, snapshot::Family};

/// A name under which a view shows a recorded family.
///
/// ```
/// use ictus::{Registry, surface::{ShownType, View}};
///
/// let registry = Registry::new();
/// registry.timer("job_seconds", "Duration.", &["queue"])?.labels(&["mail"])?.observe(0.25);
/// let snapshot = registry.snapshot()?;
/// let names = View::default().names_of(&snapshot.families[0]);
/// assert_eq!((names[0].name.as_str(), names[0].shown_type), ("job_seconds", ShownType::Summary));
/// assert!(names[0].has_sample("job_seconds_count"));
/// assert_eq!(names[0].label_names().collect::<Vec<_>>(), ["queue"]);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShownName {
    /// The name of the samples with the value or the quantiles: a counter's ends in `_total`.
    pub name: String,
    /// The help text.
    pub help: String,
    /// The type.
    pub shown_type: ShownType,
    columns: Arc<[Column]>,
}

impl ShownName {
    /// Returns names and values of the shown labels of a series, sorted by name. `recorded` are its
    /// recorded label values.
    pub fn labels<'a>(&'a self, recorded: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.columns.iter().filter_map(|column| Some((&*column.name, column.value(recorded)?)))
    }

    /// Returns the names of the shown labels, sorted.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    /// Returns whether a sample of the family has that name: the name itself, or the name with one of
    /// the suffixes `_count`, `_sum` and `_bucket`, as far as the type has them.
    #[must_use]
    pub fn has_sample(&self, name: &str) -> bool {
        let Some(suffix) = name.strip_prefix(self.name.as_str()) else { return false };
        match suffix {
            "" => true,
            // A timer that is shown as gauges has these families besides its quantiles.
            "_count" | "_sum" => self.shown_type != ShownType::Counter,
            "_bucket" => self.shown_type == ShownType::Histogram,
            _ => false,
        }
    }

    /// Returns the index of each recorded label of which a shown label has the value.
    pub fn shown_indices(&self) -> impl Iterator<Item = usize> {
        let of_column = |column: &Column| [Some(column.at), column.absent.map(|(flag, _)| flag)];
        self.columns.iter().flat_map(of_column).flatten()
    }
}

impl View {
    /// Returns the names under which the view shows a recorded family, the most informative first:
    /// quantiles before the newest value, and the documented name before the one that only the SDK's
    /// code has. Empty if the view does not show the family.
    ///
    /// ```
    /// # use ictus::surface::View;
    /// # let registry = ictus::Registry::new();
    /// registry.counter("jobs", "Jobs done.", &[])?.labels(&[])?.inc();
    /// let snapshot = registry.snapshot()?;
    /// let names = View::default().names_of(&snapshot.families[0]);
    /// assert_eq!(names[0].name, "jobs_total");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn names_of(&self, family: &Family) -> Vec<ShownName> {
        if !family.name.starts_with(catalog::PREFIX) {
            let names = Names { utf8: self.utf8_names };
            return names.shown(family).into_iter().collect();
        }
        let mut rows = merged_rows(self);
        rows.retain(|row| row.recorded.name == family.name && row.recorded.kind == family.kind);
        // The documented surface follows the legacy one.
        rows.reverse();
        rows.sort_by_key(|row| row.shape == MetricShape::Newest);
        let shown = rows.into_iter().filter_map(|row| {
            let columns: Option<Vec<Column>> = row.columns(family).collect();
            let shown_type = family_template::of_shape(row.shape, self.summaries)[0].shown_type;
            Some(ShownName {
                name: sample_name(row.name, shown_type),
                help: row.help.to_owned(),
                shown_type,
                columns: columns?.into(),
            })
        });
        shown.collect()
    }
}

impl Names {
    /// Returns the name of a user's family, or none if no format can represent it.
    fn shown(self, family: &Family) -> Option<ShownName> {
        if self.invalid_reason(family).is_some() {
            return None;
        }
        let shown_type = family_template::of_kind(family.kind)[0].shown_type;
        Some(ShownName {
            name: sample_name(&self.metric(family), shown_type),
            help: family.help.clone(),
            shown_type,
            columns: self.columns(family).into(),
        })
    }
}

fn sample_name(family: &str, shown_type: ShownType) -> String {
    match shown_type {
        ShownType::Counter => format!("{family}_total"),
        ShownType::Gauge | ShownType::Summary | ShownType::Histogram => family.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Family, View};
    use crate::{
        catalog::{self, Definition, Kind},
        expose,
        snapshot::{Series, Snapshot, Timing, Value, Window},
        surface::Exposition,
    };

    fn family(recorded: &Definition) -> Family {
        let strings = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        let observation = crate::snapshot::Observation { epoch: 1, origin: 1, stamp: 1, value: 1.0 };
        let value = match recorded.kind {
            Kind::Counter => Value::Counter(1.0),
            Kind::Gauge => Value::Gauge(1.0),
            Kind::Timer => Value::Timer(Timing {
                count: 1,
                sum: 1.0,
                window: Window::newest(vec![observation], 1),
                ..Timing::default()
            }),
        };
        Family {
            name: recorded.name.to_owned(),
            help: String::new(),
            kind: recorded.kind,
            unit: recorded.unit,
            label_names: strings(recorded.labels),
            series: vec![Series { labels: strings(recorded.labels).into(), value }],
        }
    }

    fn names(view: &str, recorded: &Definition) -> Vec<String> {
        let view = view.parse::<View>().unwrap();
        view.names_of(&family(recorded)).into_iter().map(|shown| shown.name).collect()
    }

    #[test]
    fn quantiles_and_documented_names_come_first() {
        let both = "legacy,documented";
        assert_eq!(
            names(both, &catalog::TASK_EXECUTE_TIME),
            ["task_execute_time_seconds", "task_execute_time"]
        );
        assert_eq!(
            names(both, &catalog::API_REQUEST_TIME),
            ["api_request_time_seconds", "http_api_client_request"]
        );
        assert_eq!(names(both, &catalog::TASK_POLL), ["task_poll_total"]);
        assert_eq!(names("canonical", &catalog::API_REQUEST_TIME), ["http_api_client_request_seconds"]);
        assert!(names("legacy", &catalog::TASK_EXECUTE_ERROR).is_empty(), "legacy shows messages");
    }

    /// Every name with its labels is in the exposition of the view, and none is missing.
    #[test]
    fn names_are_those_of_the_exposition() {
        for view in ["legacy", "documented", "legacy,documented", "canonical"] {
            let mut view = view.parse::<View>().unwrap();
            view.own_state = false;
            for recorded in catalog::ALL {
                let family = family(recorded);
                let shown = view.names_of(&family);
                let snapshot = Snapshot { families: vec![family.clone()], ..Snapshot::default() };
                let text = expose::text(&Exposition::new(&snapshot, &view));
                for one in &shown {
                    let labels = one.labels(&family.series[0].labels);
                    let labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                    let sample = |line: &&str| {
                        line.starts_with(&one.name) && labels.iter().all(|label| line.contains(label))
                    };
                    assert!(text.lines().any(|line| sample(&line)), "{} {labels:?}\n{text}", one.name);
                    assert!(text.contains(&format!(" {}\n", one.help)), "{}\n{text}", one.help);
                }
                for line in text.lines().filter(|line| !line.starts_with('#')) {
                    let name = line.split(['{', ' ']).next().unwrap();
                    assert!(shown.iter().any(|one| one.has_sample(name)), "{line}");
                }
            }
        }
    }

    #[test]
    fn user_families_have_their_own_names() {
        let mut user = family(&catalog::TASK_POLL);
        user.name = "jobs.done".to_owned();
        user.help = "Jobs.".to_owned();
        let [shown] = &View::default().names_of(&user)[..] else { panic!() };
        assert_eq!((shown.name.as_str(), shown.help.as_str()), ("jobs_done_total", "Jobs."));
        assert!(shown.labels(&["a".to_owned()]).eq([("taskType", "a")]));
        assert_eq!(shown.shown_indices().collect::<Vec<_>>(), [0]);
        assert!(!shown.has_sample("jobs_done_total_count"));
        user.label_names = vec!["__name__".to_owned()];
        assert!(View::default().names_of(&user).is_empty());
    }
}
