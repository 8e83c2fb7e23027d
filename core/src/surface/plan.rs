//! Joins the rows of the chosen surfaces into one family a name.

use super::{
    ShownFamily, View,
    series::{Column, Shown},
    shape,
    table::{Label, Shape},
};
use crate::{catalog::Definition, notice, snapshot::Family};

/// A family that a view shows, with the labels of every chosen surface.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) recorded: &'static Definition,
    name: &'static str,
    help: &'static str,
    shape: Shape,
    labels: Vec<Label>,
}

/// The view's families. Where two surfaces show one name, a row of the same recorded metric adds
/// its labels to the samples, and of different ones the earlier surface's stands.
pub(super) fn plan(view: &View) -> Vec<Planned> {
    let mut plan: Vec<Planned> = Vec::new();
    for row in view.surfaces().iter().flat_map(|surface| surface.rows()) {
        match plan.iter_mut().find(|planned| planned.name == row.name) {
            None => plan.push(Planned {
                recorded: row.recorded,
                name: row.name,
                help: row.help,
                shape: row.shape,
                labels: row.labels.to_vec(),
            }),
            Some(planned) if planned.recorded == row.recorded => {
                let added = row.labels.iter().filter(|label| !planned.shows(label.shown));
                planned.labels.extend(added.copied().collect::<Vec<Label>>());
            }
            Some(_) => {}
        }
    }
    for planned in &mut plan {
        planned.labels.sort_unstable_by_key(|label| label.shown);
    }
    plan
}

impl Planned {
    fn shows(&self, label: &str) -> bool {
        self.labels.iter().any(|shown| shown.shown == label)
    }

    /// The recorded family as this plan shows it; none where it was recorded by something that
    /// takes the metric for something else.
    pub(super) fn show(&self, family: &Family, summaries: bool) -> Option<Vec<ShownFamily>> {
        let columns: Option<Vec<_>> = self.labels.iter().map(|label| column(family, label)).collect();
        let Some(columns) = columns.filter(|_| family.kind == self.recorded.kind) else {
            notice::left_out(&family.name, "it was recorded with another kind or other label names");
            return None;
        };
        let shown = Shown::new(family, columns);
        Some(match self.shape {
            Shape::Counter => vec![shape::counter(self.name, self.help, &shown)],
            Shape::Gauge => vec![shape::gauge(self.name, self.help, &shown)],
            Shape::Newest => vec![shape::newest(self.name, self.help, &shown)],
            Shape::Timer if summaries => vec![shape::summary(self.name, self.help, &shown)],
            Shape::Timer => shape::quantile_gauges(self.name, self.help, &shown).into(),
            Shape::Histogram => vec![shape::histogram(self.name, self.help, &shown)],
        })
    }
}

fn column(family: &Family, label: &Label) -> Option<Column<'static>> {
    let at = |name: &str| family.label_names.iter().position(|recorded| recorded == name);
    let absent = match label.absent {
        Some((flag, instead)) => Some((at(flag)?, instead)),
        None => None,
    };
    Some(Column { name: label.shown, at: at(label.recorded)?, absent })
}

#[cfg(test)]
mod tests {
    use super::{Planned, plan};
    use crate::{
        catalog,
        surface::{Surface, View},
    };

    fn planned(surfaces: &[Surface], name: &str) -> Option<Planned> {
        plan(&View::new(surfaces).unwrap()).into_iter().find(|planned| planned.name == name)
    }

    fn labels(planned: &Planned) -> Vec<&str> {
        planned.labels.iter().map(|label| label.shown).collect()
    }

    #[test]
    fn both_surfaces_share_one_family_a_name() {
        let plan = plan(&View::default());
        let mut names: Vec<_> = plan.iter().map(|planned| planned.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), plan.len());
        assert!(names.contains(&"http_api_client_request") && names.contains(&"api_request_time_seconds"));
    }

    #[test]
    fn external_payload_has_the_labels_of_both() {
        let both = planned(&[Surface::Legacy, Surface::Documented], "external_payload_used").unwrap();
        assert_eq!(labels(&both), ["entityName", "operation", "payloadType", "payload_type", "taskType"]);
        let documented = planned(&[Surface::Documented], "external_payload_used").unwrap();
        assert_eq!(labels(&documented), ["payloadType", "taskType"]);
    }

    #[test]
    fn exceptions_are_messages_wherever_legacy_is_shown() {
        let recorded = |surfaces: &[Surface]| planned(surfaces, "task_execute_error").map(|row| row.recorded);
        assert_eq!(recorded(&[Surface::Legacy]), Some(&catalog::TASK_EXECUTE_ERROR_MESSAGE));
        assert_eq!(
            recorded(&[Surface::Documented, Surface::Legacy]),
            Some(&catalog::TASK_EXECUTE_ERROR_MESSAGE)
        );
        assert_eq!(recorded(&[Surface::Documented]), Some(&catalog::TASK_EXECUTE_ERROR));
        assert_eq!(recorded(&[Surface::Canonical]), Some(&catalog::TASK_EXECUTE_ERROR));
    }
}
