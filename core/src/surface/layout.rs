//! Which recorded series stand behind which shown ones: made once, and kept while a family has the
//! same series.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use super::{
    labels::{Column, Labels},
    series::Members,
};
use crate::{
    catalog::Kind,
    snapshot::{Family, Series},
};

/// The series of one family under their shown labels.
#[derive(Debug)]
pub(super) struct Layout {
    /// What this was made for.
    kind: Kind,
    label_names: Vec<String>,
    recorded: Vec<Arc<[String]>>,
    /// Places of the recorded series, sorted by shown labels.
    places: Vec<usize>,
    shown: Vec<Shown>,
}

/// One shown series: its labels, and where in `places` its recorded ones stand.
#[derive(Debug)]
struct Shown {
    labels: Labels,
    members: Range<usize>,
}

impl Layout {
    /// The family's series under those columns, which must be sorted by name. Series with too few
    /// label values are left out.
    pub(super) fn new(family: &Family, columns: Vec<Column>) -> Layout {
        let columns: Arc<[Column]> = columns.into();
        let values =
            |place: usize| columns.iter().map(move |column| column.value(&family.series[place].labels));
        let whole = |&place: &usize| values(place).all(|value| value.is_some());
        let mut places: Vec<usize> = (0..family.series.len()).filter(whole).collect();
        places.sort_by(|&a, &b| values(a).cmp(values(b)));
        let mut shown = Vec::with_capacity(places.len());
        let mut start = 0;
        for alike in places.chunk_by(|&a, &b| values(a).cmp(values(b)) == Ordering::Equal) {
            let labels = Labels::new(&columns, &family.series[alike[0]].labels);
            shown.push(Shown { labels, members: start..start + alike.len() });
            start += alike.len();
        }
        let label_names = family.label_names.clone();
        let recorded = family.series.iter().map(|series| series.labels.clone()).collect();
        Layout { kind: family.kind, label_names, recorded, places, shown }
    }

    /// Whether the family has the series that this was made for.
    pub(super) fn fits(&self, family: &Family) -> bool {
        // Snapshots of one reader share a series' label values: nearly always the address tells.
        let same = |(held, series): (&Arc<[String]>, &Series)| {
            Arc::ptr_eq(held, &series.labels) || *held == series.labels
        };
        self.kind == family.kind
            && self.label_names == family.label_names
            && self.recorded.len() == family.series.len()
            && self.recorded.iter().zip(&family.series).all(same)
    }

    /// The shown series, sorted by label values, and the recorded ones behind them, of a family that
    /// this fits.
    pub(super) fn iter<'a>(&'a self, family: &'a Family) -> impl Iterator<Item = (&'a Labels, Members<'a>)> {
        self.shown.iter().map(|shown| {
            let places = &self.places[shown.members.clone()];
            (&shown.labels, Members::new(&family.series, places))
        })
    }
}
