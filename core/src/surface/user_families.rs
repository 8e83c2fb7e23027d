//! Families that users record in addition to the Conductor metrics. Every surface shows them under
//! their own names.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    exposition::{Exposition, ShownFamily, ShownType},
    family_template,
    labels::Column,
    sample::QUANTILE,
    slot::FamilySlot,
};
use crate::{
    catalog::{self, Kind},
    log_once,
    plain_name::{OF_LABELS, OF_METRICS, escaped},
    snapshot::{Family, Snapshot},
};

/// The user families of an exposition, at its end, in the order of the snapshot.
#[derive(Debug)]
pub(crate) struct UserFamilies {
    /// The number of other families, which precede the user families.
    others: usize,
    names: Names,
    families: Vec<UserFamily>,
    /// The number of series that the last snapshot had and that could not be shown.
    left_out: u64,
}

#[derive(Debug)]
struct UserFamily {
    /// The families of one name, without their series, for which this was created.
    families: Vec<Family>,
    /// Whether each of them cannot be shown.
    unfit: Vec<bool>,
    /// The slot of the families, or the reason why none of them can be shown.
    placement: Result<ListPlacement, &'static str>,
}

#[derive(Debug)]
struct ListPlacement {
    slot: FamilySlot,
    /// Indices of earlier families of the exposition that have one of this family's names. If one
    /// of them has series, this family is not shown.
    rivals: Vec<usize>,
}

impl UserFamilies {
    /// Creates an empty set, for an exposition that has all other families.
    pub(crate) fn new(exposition: &Exposition) -> UserFamilies {
        let names = Names { utf8: exposition.utf8_names };
        UserFamilies { others: exposition.families.len(), names, families: Vec::new(), left_out: 0 }
    }

    /// Shows the user families, each unless another family is shown under one of its names.
    pub(crate) fn show(&mut self, snapshot: &Snapshot, exposition: &mut Exposition) {
        let named = || {
            let named = snapshot.families.chunk_by(|one, other| one.name == other.name);
            named.filter(|families| !families[0].name.starts_with(catalog::PREFIX))
        };
        let mut described = self.families.iter();
        let same = named().all(|families| described.next().is_some_and(|guest| guest.matches(families)));
        if !same || described.next().is_some() {
            self.resolve_conflicts(named(), exposition);
        }
        self.left_out = 0;
        for (guest, families) in self.families.iter_mut().zip(named()) {
            let is_shown = match guest.show(families, exposition, self.names) {
                Ok(()) => true,
                Err(why) => {
                    log_once::warn_skipped(&families[0].name, why);
                    false
                }
            };
            let missing = families.iter().zip(&guest.unfit).filter(|(_, unfit)| !is_shown || **unfit);
            self.left_out += missing.map(|(family, _)| family.series.len() as u64).sum::<u64>();
        }
        exposition.left_out = self.left_out;
    }

    /// Assigns a slot to the families of each name.
    fn resolve_conflicts<'a>(
        &mut self,
        named: impl Iterator<Item = &'a [Family]>,
        exposition: &mut Exposition,
    ) {
        exposition.families.truncate(self.others);
        let shown = self.names;
        let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut settled = 0;
        let mut take = |exposition: &Exposition| {
            let mut rivals = Vec::new();
            for (at, family) in exposition.families.iter().enumerate().skip(settled) {
                for name in names(family) {
                    let holders = owners.entry(name).or_default();
                    rivals.extend_from_slice(holders);
                    holders.push(at);
                }
            }
            settled = exposition.families.len();
            rivals
        };
        take(exposition);
        let guests = named.map(|families| {
            let placement = match families.iter().find(|family| shown.left_out(family, families).is_none()) {
                Some(family) => {
                    let form = family_template::of_kind(family.kind);
                    let slot = FamilySlot::new(form, &shown.metric(family), &family.help, exposition);
                    Ok(ListPlacement { slot, rivals: take(exposition) })
                }
                None => Err(shown.invalid_reason(&families[0]).unwrap_or_default()),
            };
            let unfit = families.iter().map(|family| shown.left_out(family, families).is_some()).collect();
            UserFamily { families: families.iter().map(described).collect(), unfit, placement }
        });
        self.families = guests.collect();
        exposition.sort();
    }
}

impl UserFamily {
    fn matches(&self, families: &[Family]) -> bool {
        let is = |(made_for, family): (&Family, &Family)| {
            let Family { name, help, kind, label_names, .. } = made_for;
            (name, help, kind, label_names) == (&family.name, &family.help, &family.kind, &family.label_names)
        };
        self.families.len() == families.len() && self.families.iter().zip(families).all(is)
    }

    /// Shows the families, or returns the reason why they are not shown.
    fn show(
        &mut self,
        families: &[Family],
        exposition: &mut Exposition,
        names: Names,
    ) -> Result<(), &'static str> {
        let ListPlacement { slot, rivals } = self.placement.as_mut().map_err(|why| *why)?;
        if rivals.iter().any(|&rival| !exposition.families[rival].series.is_empty()) {
            slot.clear(exposition);
            let nothing = families.iter().all(|family| family.series.is_empty());
            return if nothing {
                Ok(())
            } else {
                Err("another family is shown under that name; rename one of them")
            };
        }
        slot.show(families, exposition, |family| match names.left_out(family, families) {
            None => Some(names.columns(family)),
            Some(why) => {
                log_once::warn_skipped(&family.name, why);
                None
            }
        });
        Ok(())
    }
}

/// Returns the family without its series.
fn described(family: &Family) -> Family {
    let Family { name, help, kind, unit, label_names, .. } = family;
    let (name, help, label_names) = (name.clone(), help.clone(), label_names.clone());
    Family { name, help, kind: *kind, unit: *unit, label_names, series: Vec::new() }
}

/// The presentation of names: unchanged, or with underscores for characters that some clients
/// reject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) utf8: bool,
}

impl Names {
    /// Returns the name of the metric without a counter's `_total`, which its samples add.
    pub(super) fn metric(self, family: &Family) -> Cow<'_, str> {
        let name = match family.kind {
            Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
            Kind::Gauge | Kind::Timer => &family.name,
        };
        if self.utf8 { Cow::Borrowed(name) } else { escaped(name, OF_METRICS) }
    }

    fn label(self, name: &str) -> Cow<'_, str> {
        if self.utf8 { Cow::Borrowed(name) } else { escaped(name, OF_LABELS) }
    }

    pub(super) fn columns(self, family: &Family) -> Vec<Column> {
        let column = |(at, name): (usize, &String)| {
            let name = Cow::Owned(self.label(name).into_owned());
            Column { name, at, absent: None }
        };
        let mut columns: Vec<_> = family.label_names.iter().enumerate().map(column).collect();
        columns.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        columns
    }

    /// Returns the reason why a family cannot be shown with the others of its name, if there is
    /// one.
    fn left_out(self, family: &Family, named: &[Family]) -> Option<&'static str> {
        let is_other = || named.first().is_some_and(|first| first.kind != family.kind);
        self.invalid_reason(family)
            .or_else(|| is_other().then_some("another family is shown under that name; rename one of them"))
    }

    /// Returns the reason why a family's names cannot be written, if there is one. A registry
    /// rejects such names, but a segment can contain any bytes.
    pub(super) fn invalid_reason(self, family: &Family) -> Option<&'static str> {
        let labels: Vec<_> = family.label_names.iter().map(|name| self.label(name)).collect();
        if self.metric(family).is_empty() {
            Some("it has no name; give it one")
        } else if labels.iter().any(|label| label.is_empty()) {
            Some("a label has no name; give it one")
        } else if labels.iter().any(|label| label.starts_with(RESERVED)) {
            Some("a label's name starts with __, which is reserved for Prometheus; rename it")
        } else if labels.iter().collect::<BTreeSet<_>>().len() < labels.len() {
            Some("two of its labels have one name; rename one of them")
        } else if family.kind == Kind::Timer && labels.iter().any(|label| label == QUANTILE) {
            Some("a timer's own label is named quantile; rename it")
        } else {
            None
        }
    }
}

/// Returns every name that a family occupies, as the registry of `prometheus_client` counts them.
pub(crate) fn names(family: &ShownFamily) -> Vec<String> {
    let suffixes: &[&str] = match family.shown_type {
        ShownType::Counter => &["", "_total"],
        ShownType::Gauge => &[""],
        ShownType::Summary => &["", "_sum", "_count"],
        ShownType::Histogram => &["", "_bucket", "_sum", "_count"],
    };
    suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)).collect()
}

/// The prefix of label names that Prometheus reserves: `__name__` would replace the metric's name.
pub(crate) const RESERVED: &str = "__";

#[cfg(test)]
mod tests;
