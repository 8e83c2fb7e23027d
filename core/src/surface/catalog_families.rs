//! Merges the rows of a view's surfaces into one family per name.

use super::{
    View,
    exposition::Exposition,
    family_template,
    labels::Column,
    slot::FamilySlot,
    table::{Label, MetricShape},
};
use crate::{
    catalog::Definition,
    log_once,
    snapshot::{Family, Snapshot},
};

/// A family that a view shows, with the labels of all chosen surfaces.
#[derive(Debug)]
pub(super) struct MergedRow {
    pub(super) recorded: &'static Definition,
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) shape: MetricShape,
    labels: Vec<Label>,
}

/// Such a family and its slot in an exposition.
#[derive(Debug)]
pub(crate) struct CatalogFamilies {
    recorded: &'static Definition,
    labels: Vec<Label>,
    slot: FamilySlot,
}

/// Adds the families of a view to an exposition.
pub(crate) fn add(exposition: &mut Exposition, view: &View) -> Vec<CatalogFamilies> {
    let planned = merged_rows(view).into_iter().map(|MergedRow { recorded, name, help, shape, labels }| {
        let form = family_template::of_shape(shape, view.summaries);
        CatalogFamilies { recorded, labels, slot: FamilySlot::new(form, name, help, exposition) }
    });
    planned.collect()
}

/// Returns the families of a view. If two surfaces show the same name, the labels of both are shown
/// if both rows are of the same recorded metric. Otherwise only the row of the earlier surface is
/// shown.
pub(super) fn merged_rows(view: &View) -> Vec<MergedRow> {
    let mut all: Vec<MergedRow> = Vec::new();
    for row in view.surfaces().iter().flat_map(|surface| surface.rows()) {
        match all.iter_mut().find(|joined| joined.name == row.name) {
            None => all.push(MergedRow {
                recorded: row.recorded,
                name: row.name,
                help: row.help,
                shape: row.shape,
                labels: row.labels.to_vec(),
            }),
            Some(joined) if joined.recorded == row.recorded => {
                let added = row.labels.iter().filter(|label| !joined.shows(label.shown));
                joined.labels.extend(added.copied().collect::<Vec<Label>>());
            }
            Some(_) => {}
        }
    }
    for joined in &mut all {
        joined.labels.sort_unstable_by_key(|label| label.shown);
    }
    all
}

impl MergedRow {
    fn shows(&self, label: &str) -> bool {
        self.labels.iter().any(|shown| shown.shown == label)
    }

    /// Returns the column of each shown label; none for a label that the family does not have.
    pub(super) fn columns<'a>(&'a self, family: &'a Family) -> impl Iterator<Item = Option<Column>> + 'a {
        self.labels.iter().map(|label| column(family, label))
    }
}

impl CatalogFamilies {
    /// Shows the snapshot's families of the recorded metric, except families that were recorded
    /// with another kind or other label names.
    pub(crate) fn show(&mut self, snapshot: &Snapshot, exposition: &mut Exposition) {
        let CatalogFamilies { recorded, labels, slot } = self;
        let families = snapshot.families_named(recorded.name);
        if families.is_empty() {
            return slot.clear(exposition);
        }
        slot.show(families, exposition, |family| {
            let columns = labels.iter().map(|label| column(family, label));
            let columns = columns.collect::<Option<_>>().filter(|_| family.kind == recorded.kind);
            if columns.is_none() {
                log_once::warn_skipped(
                    &family.name,
                    "it was recorded with another kind or other label names; record it with those of the catalog",
                );
            }
            columns
        });
    }
}

fn column(family: &Family, label: &Label) -> Option<Column> {
    let at = |name: &str| family.label_names.iter().position(|recorded| recorded == name);
    let absent = match label.absent {
        Some((flag, instead)) => Some((at(flag)?, instead)),
        None => None,
    };
    Some(Column { name: label.shown.into(), at: at(label.recorded)?, absent })
}

#[cfg(test)]
mod tests {
    use super::{MergedRow, merged_rows};
    use crate::{
        catalog,
        surface::{Surface, View},
    };

    fn found(surfaces: &[Surface], name: &str) -> Option<MergedRow> {
        merged_rows(&View::new(surfaces).unwrap()).into_iter().find(|joined| joined.name == name)
    }

    fn labels(joined: &MergedRow) -> Vec<&str> {
        joined.labels.iter().map(|label| label.shown).collect()
    }

    #[test]
    fn both_surfaces_share_one_family_a_name() {
        let all = merged_rows(&View::default());
        let mut names: Vec<_> = all.iter().map(|joined| joined.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert!(names.contains(&"http_api_client_request") && names.contains(&"api_request_time_seconds"));
    }

    #[test]
    fn external_payload_has_the_labels_of_both() {
        let both = found(&[Surface::Legacy, Surface::Documented], "external_payload_used").unwrap();
        assert_eq!(labels(&both), ["entityName", "operation", "payloadType", "payload_type", "taskType"]);
        let documented = found(&[Surface::Documented], "external_payload_used").unwrap();
        assert_eq!(labels(&documented), ["payloadType", "taskType"]);
    }

    #[test]
    fn exceptions_are_messages_if_legacy_is_shown() {
        let recorded = |surfaces: &[Surface]| found(surfaces, "task_execute_error").map(|row| row.recorded);
        assert_eq!(recorded(&[Surface::Legacy]), Some(&catalog::TASK_EXECUTE_ERROR_MESSAGE));
        assert_eq!(
            recorded(&[Surface::Documented, Surface::Legacy]),
            Some(&catalog::TASK_EXECUTE_ERROR_MESSAGE)
        );
        assert_eq!(recorded(&[Surface::Documented]), Some(&catalog::TASK_EXECUTE_ERROR));
        assert_eq!(recorded(&[Surface::Canonical]), Some(&catalog::TASK_EXECUTE_ERROR));
    }
}
