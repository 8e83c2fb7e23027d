//! Contributions that stay in the overflow series, even if the family has fewer series later.
//!
//! If a series is removed, its family may show another series instead. Without this record, a
//! contribution in the overflow series would move there, and the overflow series would decrease. So
//! before a series is removed, the totals file records all contributions in the overflow series of
//! its family. A record is dropped when its segment is folded.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::descriptor::FamilyDescriptor;

/// The contributions that stay in overflow series: segments and label values, by family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overflowed(BTreeMap<Family, BTreeSet<(u64, Vec<String>)>>);

/// Name and label names. A segment has at most one family with these.
type Family = (String, Vec<String>);

impl Overflowed {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records the contribution of a segment to a series.
    pub(crate) fn insert(&mut self, segment: u64, family: &FamilyDescriptor, values: &[String]) {
        let noted = self.0.entry((family.name.clone(), family.labels.clone())).or_default();
        noted.insert((segment, values.to_vec()));
    }

    /// Returns the contributions recorded for a family.
    pub(crate) fn of(&self, family: &FamilyDescriptor) -> Option<&BTreeSet<(u64, Vec<String>)>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(family.name.clone(), family.labels.clone()))
    }

    /// Adds other contributions. Returns false if all of them were recorded already.
    pub(crate) fn add(&mut self, others: &Overflowed) -> bool {
        let mut is_new = false;
        for (family, noted) in &others.0 {
            let entries = self.0.entry(family.clone()).or_default();
            noted.iter().for_each(|one| is_new |= entries.insert(one.clone()));
        }
        is_new
    }

    /// Drops the contributions of all other segments.
    pub(crate) fn retain_segments(&mut self, is_kept: impl Fn(u64) -> bool) {
        self.0.values_mut().for_each(|noted| noted.retain(|(segment, _)| is_kept(*segment)));
        self.0.retain(|_, noted| !noted.is_empty());
    }

    /// Returns the names of families with contributions.
    pub(crate) fn families(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|(name, _)| &**name)
    }

    /// Returns all contributions: family, label names, segment, label values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[String], u64, &[String])> {
        self.0.iter().flat_map(|((name, labels), noted)| {
            noted.iter().map(|(segment, values)| (&**name, &**labels, *segment, &**values))
        })
    }

    /// Adds a contribution that was read from a file.
    pub(crate) fn insert_read(
        &mut self,
        (name, labels): (String, Vec<String>),
        segment: u64,
        values: Vec<String>,
    ) {
        self.0.entry((name, labels)).or_default().insert((segment, values));
    }
}
