//! The families of a recorder, by name.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::{
    family_definition::FamilyDefinition, family_index::FamilyIndex, label_values::LabelValues,
    process_segments::ProcessSegments,
};
use crate::{
    catalog::{Kind, counter_name},
    error::{Error, Result},
    format::{descriptor::FamilyDescriptor, limits::MAX_DEFINITIONS},
    policy::agreement,
    segment::writer::Segment,
};

type FamiliesByName = HashMap<Box<str>, Arc<[Arc<FamilyIndex>]>>;
/// A family's name, and its label names in the order in which they were given.
pub(crate) type UnsortedLabels = (Box<str>, Box<[String]>);

/// The registered families.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// Families of one name differ in their labels.
    by_name: ArcSwap<FamiliesByName>,
    /// Names of families whose label names were not given in sorted order, with the first order
    /// given.
    unsorted: ArcSwap<Vec<UnsortedLabels>>,
}

impl Families {
    /// Returns the family. Registers it if it is new. Families of one name may have different
    /// labels, but must have the same kind and unit.
    pub(super) fn register(
        &self,
        record: FamilyDescriptor,
        segments: &Arc<ProcessSegments>,
    ) -> Result<Arc<FamilyIndex>> {
        let new = Arc::new(FamilyIndex::new(FamilyDefinition::new(record, Arc::downgrade(segments))));
        let requested = &new.family.record;
        self.by_name.rcu(|families| {
            let existing = families.get(&*requested.name).map_or(&[][..], |existing| existing);
            let is_settled = |family: &Arc<FamilyIndex>| {
                let record = &family.family.record;
                record.is_compatible(requested) || !agreement::coexist(record, requested)
            };
            // A reader refuses a segment with more definitions of one name.
            if existing.iter().any(is_settled) || existing.len() >= MAX_DEFINITIONS {
                return Arc::clone(families);
            }
            let all = existing.iter().chain([&new]).map(Arc::clone).collect();
            let mut families = HashMap::clone(families);
            families.insert(requested.name.as_str().into(), all);
            Arc::new(families)
        });
        self.get(requested).ok_or_else(|| {
            let families = self.by_name.load();
            let existing = families.get(&*requested.name).and_then(|existing| existing.first());
            let unsorted = self.unsorted_labels();
            // In the order in which the labels were given, as in the source of the program.
            let given = |record: &FamilyDescriptor| {
                let is_it = |(name, labels): &&UnsortedLabels| {
                    **name == *record.name && record.labels.iter().all(|label| labels.contains(label))
                };
                let given = unsorted.iter().find(|one| one.1.len() == record.labels.len() && is_it(one));
                given.map_or_else(|| record.labels.clone(), |(_, labels)| labels.to_vec())
            };
            if families.get(&*requested.name).is_some_and(|existing| existing.len() >= MAX_DEFINITIONS) {
                return Error::Name {
                    name: requested.name.clone(),
                    reason: "it exists with 256 sets of label names, the maximum",
                };
            }
            let shape = |record: &FamilyDescriptor| record.kind.described(record.unit, &given(record));
            Error::Mismatch {
                name: requested.name.clone(),
                existing: existing.map_or_else(String::new, |existing| shape(&existing.family.record)),
                requested: shape(requested),
            }
        })
    }

    /// Notes the order in which a family's label names were given.
    pub(super) fn note_labels(&self, family: &str, labels: &[&str]) {
        self.unsorted.rcu(|unsorted| {
            let is_known = |(name, noted): &UnsortedLabels| {
                **name == *family
                    && noted.len() == labels.len()
                    && labels.iter().all(|label| noted.iter().any(|noted| noted == label))
            };
            if unsorted.iter().any(is_known) {
                return Arc::clone(unsorted);
            }
            let mut all = Vec::clone(unsorted);
            all.push((family.into(), labels.iter().map(|&label| label.to_owned()).collect()));
            Arc::new(all)
        });
    }

    /// Returns the families whose label names were not given in sorted order, with the first order
    /// given.
    pub(super) fn unsorted_labels(&self) -> Arc<Vec<UnsortedLabels>> {
        self.unsorted.load_full()
    }

    /// Returns a registered family.
    pub(super) fn get(&self, family: &FamilyDescriptor) -> Option<Arc<FamilyIndex>> {
        let families = self.by_name.load();
        let named = families.get(&*family.name)?;
        named.iter().find(|existing| existing.family.record.is_compatible(family)).cloned()
    }

    /// Returns the registered families with that name and those sorted label names: none, one, or
    /// two if the name ends with `_total` and a counter is registered without it.
    pub(super) fn named(&self, name: &str, labels: &[&str]) -> Vec<Arc<FamilyIndex>> {
        let families = self.by_name.load();
        let counter = Some(counter_name(name)).filter(|&counter| counter != name);
        let named = |name: &str| families.get(name).map_or(&[][..], |named| named);
        let has_labels = |index: &&Arc<FamilyIndex>| index.descriptor().labels == labels;
        let is_counter = |index: &&Arc<FamilyIndex>| index.descriptor().kind == Kind::Counter;
        let counters = counter.map_or(&[][..], named).iter().filter(is_counter);
        named(name).iter().chain(counters).filter(has_labels).cloned().collect()
    }

    /// Expires the idle series of a family. Returns how many.
    pub(super) fn expire(&self, family: &FamilyDescriptor, is_idle: impl Fn(&[String]) -> bool) -> usize {
        let is_idle = |values: &LabelValues| {
            is_idle(&values.as_strs().into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        self.get(family).map_or(0, |index| index.expire(is_idle))
    }

    /// Moves all gauges from one segment to another. Returns false if `to` has no memory for them.
    pub(super) fn move_gauges(&self, from: &Segment, to: &Segment, segments: &ProcessSegments) -> bool {
        let families = self.by_name.load_full();
        let gauges = families
            .values()
            .flat_map(|named| &**named)
            .filter(|index| index.family.record.kind == Kind::Gauge);
        gauges.flat_map(|index| index.each()).all(|series| series.move_gauge(from.ordinal, to, segments))
    }
}
