//! What users record beside Conductor's metrics: shown as it is, on every surface.

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

/// The users' families in an exposition: at its end, in the snapshot's order.
#[derive(Debug)]
pub(crate) struct UserFamilies {
    /// How many families are not the users'.
    others: usize,
    names: Names,
    guests: Vec<UserFamily>,
    /// Series that could not be shown the last time.
    left_out: u64,
}

#[derive(Debug)]
struct UserFamily {
    /// What this was made for: the families of one name, without their series.
    families: Vec<Family>,
    /// Which of them cannot be shown.
    unfit: Vec<bool>,
    /// Where they are shown, or why none of them can be.
    room: Result<Room, &'static str>,
}

#[derive(Debug)]
struct Room {
    slot: FamilySlot,
    /// Places in the exposition of the families that come first where they are shown: those that
    /// were there before and have one of this family's names.
    rivals: Vec<usize>,
}

impl UserFamilies {
    /// None yet, beside the families that the exposition has.
    pub(crate) fn new(exposition: &Exposition) -> UserFamilies {
        let names = Names { utf8: exposition.utf8_names };
        UserFamilies { others: exposition.families.len(), names, guests: Vec::new(), left_out: 0 }
    }

    /// Shows the users' families, each unless another one is shown under one of its names.
    pub(crate) fn show(&mut self, snapshot: &Snapshot, exposition: &mut Exposition) {
        let named = || {
            let named = snapshot.families.chunk_by(|one, other| one.name == other.name);
            named.filter(|families| !families[0].name.starts_with(catalog::PREFIX))
        };
        let mut known = self.guests.iter();
        let same = named().all(|families| known.next().is_some_and(|guest| guest.is_of(families)));
        if !same || known.next().is_some() {
            self.settle(named(), exposition);
        }
        self.left_out = 0;
        for (guest, families) in self.guests.iter_mut().zip(named()) {
            let is_shown = match guest.show(families, exposition, self.names) {
                Ok(()) => true,
                Err(why) => {
                    log_once::left_out(&families[0].name, why);
                    false
                }
            };
            let missing = families.iter().zip(&guest.unfit).filter(|(_, unfit)| !is_shown || **unfit);
            self.left_out += missing.map(|(family, _)| family.series.len() as u64).sum::<u64>();
        }
        exposition.left_out = self.left_out;
    }

    /// Gives the families of each name their place.
    fn settle<'a>(&mut self, named: impl Iterator<Item = &'a [Family]>, exposition: &mut Exposition) {
        exposition.families.truncate(self.others);
        let shown = self.names;
        let mut taken: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut settled = 0;
        let mut take = |exposition: &Exposition| {
            let mut rivals = Vec::new();
            for (at, family) in exposition.families.iter().enumerate().skip(settled) {
                for name in names(family) {
                    let holders = taken.entry(name).or_default();
                    rivals.extend_from_slice(holders);
                    holders.push(at);
                }
            }
            settled = exposition.families.len();
            rivals
        };
        take(exposition);
        let guests = named.map(|families| {
            let room = match families.iter().find(|family| shown.left_out(family, families).is_none()) {
                Some(family) => {
                    let form = family_template::of_kind(family.kind);
                    let slot = FamilySlot::new(form, &shown.metric(family), &family.help, exposition);
                    Ok(Room { slot, rivals: take(exposition) })
                }
                None => Err(shown.unfit(&families[0]).unwrap_or_default()),
            };
            let unfit = families.iter().map(|family| shown.left_out(family, families).is_some()).collect();
            UserFamily { families: families.iter().map(described).collect(), unfit, room }
        });
        self.guests = guests.collect();
        exposition.sort();
    }
}

impl UserFamily {
    fn is_of(&self, families: &[Family]) -> bool {
        let is = |(made_for, family): (&Family, &Family)| {
            let Family { name, help, kind, label_names, .. } = made_for;
            (name, help, kind, label_names) == (&family.name, &family.help, &family.kind, &family.label_names)
        };
        self.families.len() == families.len() && self.families.iter().zip(families).all(is)
    }

    /// Shows the families, or says why not.
    fn show(
        &mut self,
        families: &[Family],
        exposition: &mut Exposition,
        names: Names,
    ) -> Result<(), &'static str> {
        let Room { slot, rivals } = self.room.as_mut().map_err(|why| *why)?;
        if rivals.iter().any(|&rival| !exposition.families[rival].series.is_empty()) {
            slot.clear(exposition);
            let nothing = families.iter().all(|family| family.series.is_empty());
            return if nothing { Ok(()) } else { Err("another family is shown under that name") };
        }
        slot.show(families, exposition, |family| match names.left_out(family, families) {
            None => Some(names.columns(family)),
            Some(why) => {
                log_once::left_out(&family.name, why);
                None
            }
        });
        Ok(())
    }
}

/// The family without its series.
fn described(family: &Family) -> Family {
    let Family { name, help, kind, unit, label_names, .. } = family;
    let (name, help, label_names) = (name.clone(), help.clone(), label_names.clone());
    Family { name, help, kind: *kind, unit: *unit, label_names, series: Vec::new() }
}

/// How names are shown: as they are, or with an underscore for each character that not every client takes.
#[derive(Clone, Copy, Debug)]
struct Names {
    utf8: bool,
}

impl Names {
    /// The metric's name: a counter's `_total` comes with its samples and is not written twice.
    fn metric(self, family: &Family) -> Cow<'_, str> {
        let name = match family.kind {
            Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
            Kind::Gauge | Kind::Timer => &family.name,
        };
        if self.utf8 { Cow::Borrowed(name) } else { escaped(name, OF_METRICS) }
    }

    fn label(self, name: &str) -> Cow<'_, str> {
        if self.utf8 { Cow::Borrowed(name) } else { escaped(name, OF_LABELS) }
    }

    fn columns(self, family: &Family) -> Vec<Column> {
        let column = |(at, name): (usize, &String)| {
            let name = Cow::Owned(self.label(name).into_owned());
            Column { name, at, absent: None }
        };
        let mut columns: Vec<_> = family.label_names.iter().enumerate().map(column).collect();
        columns.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        columns
    }

    /// Why a family cannot be shown with the others of its name.
    fn left_out(self, family: &Family, named: &[Family]) -> Option<&'static str> {
        let is_other = || named.first().is_some_and(|first| first.kind != family.kind);
        self.unfit(family).or_else(|| is_other().then_some("another family is shown under that name"))
    }

    /// Why a family's names cannot be written. A registry refuses them; a segment may hold any bytes.
    fn unfit(self, family: &Family) -> Option<&'static str> {
        let labels: Vec<_> = family.label_names.iter().map(|name| self.label(name)).collect();
        if self.metric(family).is_empty() {
            Some("it has no name")
        } else if labels.iter().any(|label| label.is_empty()) {
            Some("a label has no name")
        } else if labels.iter().any(|label| label.starts_with(RESERVED)) {
            Some("a label's name starts with __, as Prometheus's own do")
        } else if labels.iter().collect::<BTreeSet<_>>().len() < labels.len() {
            Some("two of its labels have one name")
        } else if family.kind == Kind::Timer && labels.iter().any(|label| label == QUANTILE) {
            Some("a timer's own label is named quantile")
        } else {
            None
        }
    }
}

/// Every name that a family takes from the others, as `prometheus_client`'s registry counts them.
pub(crate) fn names(family: &ShownFamily) -> Vec<String> {
    let suffixes: &[&str] = match family.shown_type {
        ShownType::Counter => &["", "_total"],
        ShownType::Gauge => &[""],
        ShownType::Summary => &["", "_sum", "_count"],
        ShownType::Histogram => &["", "_bucket", "_sum", "_count"],
    };
    suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)).collect()
}

/// How names of labels start that Prometheus keeps to itself: `__name__` would be the metric's.
pub(crate) const RESERVED: &str = "__";

#[cfg(test)]
mod tests;
