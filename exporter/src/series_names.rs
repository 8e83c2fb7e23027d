//! The names under which a view shows recorded series, for the table, `top` and the page.

use std::sync::Arc;

use ictus::{
    printable,
    snapshot::{Family, Series},
    surface::{ShownName, View},
};

use crate::family_origin::FamilyOrigin;

/// The names of a family: those of the view, and the recorded one.
#[derive(Debug)]
pub(crate) struct FamilyNames {
    /// The most informative first; empty if the view does not show the family.
    pub(crate) shown: Vec<ShownName>,
    /// The recorded name, without the prefix of Conductor's metrics.
    pub(crate) recorded: String,
    /// The names of the recorded labels.
    label_names: Vec<String>,
    /// Indices of the recorded labels that the first name does not show.
    unshown: Vec<usize>,
}

impl FamilyNames {
    pub(crate) fn new(view: &View, family: &Family) -> Arc<FamilyNames> {
        let shown = view.names_of(family);
        let of_first: Vec<usize> =
            shown.first().map(|name| name.shown_indices().collect()).unwrap_or_default();
        let unshown = (0..family.label_names.len()).filter(|index| !of_first.contains(index)).collect();
        let recorded = printable(FamilyOrigin::from_family(family).1).into_owned();
        Arc::new(FamilyNames { shown, recorded, label_names: family.label_names.to_vec(), unshown })
    }

    /// Returns the name to display: as in Prometheus, or the recorded one of a family that the view
    /// does not show.
    pub(crate) fn name(&self) -> &str {
        self.shown.first().map_or(&self.recorded, |shown| &shown.name)
    }

    /// Returns the help text of that name.
    pub(crate) fn help(&self) -> &str {
        self.shown.first().map_or("", |shown| &shown.help)
    }

    /// Returns the other names of the family.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        let recorded = Some(self.recorded.as_str());
        let all = self.shown.iter().skip(1).map(|shown| shown.name.as_str()).chain(recorded);
        all.filter(|name| *name != self.name())
    }

    /// Returns whether a sample of the family has that name in the view, or whether it was recorded
    /// under it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.recorded == name || self.shown.iter().any(|shown| shown.has_sample(name))
    }

    /// Returns the printable labels of a series: those that the first name shows, then the recorded
    /// ones that it omits and that distinguish recorded series.
    pub(crate) fn labels(&self, series: &Series) -> Vec<(String, String)> {
        let escaped = |text: &str| printable(text).into_owned();
        self.label_pairs(&series.labels).map(|(name, value)| (escaped(name), escaped(value))).collect()
    }

    /// Returns these labels as they are.
    pub(crate) fn label_pairs<'a>(
        &'a self,
        recorded: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let shown = self.shown.first().into_iter().flat_map(|first| first.labels(recorded));
        let unshown = self.unshown.iter().filter_map(|&index| {
            Some((self.label_names.get(index)?.as_str(), recorded.get(index)?.as_str()))
        });
        shown.chain(unshown)
    }

    /// Returns the recorded labels of a series.
    pub(crate) fn recorded_pairs<'a>(
        &'a self,
        recorded: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.label_names.iter().map(String::as_str).zip(recorded.iter().map(String::as_str))
    }
}

/// Returns labels on one line.
pub(crate) fn line(labels: &[(String, String)]) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}

/// Returns a name and labels as a selector of PromQL.
pub(crate) fn selector(name: &str, labels: &[(String, String)]) -> String {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
    format!("{name}{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use ictus::{
        catalog::Kind,
        snapshot::{Family, Series, Value},
        surface::View,
    };

    use super::{FamilyNames, line, selector};

    fn family(name: &str, kind: Kind, labels: &[(&str, &str)]) -> Family {
        let names: Vec<&str> = labels.iter().map(|&(name, _)| name).collect();
        let values: Vec<String> = labels.iter().map(|&(_, value)| value.to_owned()).collect();
        Family::new(name, kind, &names, vec![Series::new(values, Value::Counter(1.0))])
    }

    #[test]
    fn names_are_those_of_the_view() {
        let polls = family("conductor/task_poll", Kind::Counter, &[("taskType", "a\"b")]);
        let names = FamilyNames::new(&View::default(), &polls);
        assert_eq!((names.name(), names.recorded.as_str()), ("task_poll_total", "task_poll"));
        assert!(names.others().eq(["task_poll"]) && names.has("task_poll") && names.has("task_poll_total"));
        assert!(!names.has("task_poll_total_count") && !names.has("task"));
        let labels = names.labels(&polls.series[0]);
        assert_eq!(line(&labels), "taskType=a\"b");
        assert_eq!(selector(names.name(), &labels), "task_poll_total{taskType=\"a\\\"b\"}");
    }

    /// The legacy name has no label, but the recorded series differ by one.
    #[test]
    fn labels_that_distinguish_recorded_series_stay() {
        let uncaught =
            family("conductor/thread_uncaught_exception", Kind::Counter, &[("exception", "OSError")]);
        let names = FamilyNames::new(&"legacy".parse().unwrap(), &uncaught);
        assert_eq!(names.name(), "thread_uncaught_exceptions_total");
        assert_eq!(line(&names.labels(&uncaught.series[0])), "exception=OSError");
    }

    #[test]
    fn a_family_that_the_view_does_not_show_has_its_recorded_name() {
        let started = family("conductor/task_execution_started", Kind::Counter, &[("taskType", "a")]);
        let names = FamilyNames::new(&View::default(), &started);
        assert_eq!((names.name(), names.others().count()), ("task_execution_started", 0));
        assert_eq!(line(&names.labels(&started.series[0])), "taskType=a");
    }
}
