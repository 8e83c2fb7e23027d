//! Which recorded series stand behind which shown ones: made once, and kept while a family has the
//! same series.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use super::{
    labels::{Column, Labels},
    series_group::SeriesGroup,
};
use crate::{
    catalog::Kind,
    snapshot::{Family, Series},
};

/// The series of the families of one name, under their shown labels.
#[derive(Debug)]
pub(crate) struct SeriesMapping {
    /// What this was made for.
    families: Vec<Recorded>,
    /// Places of the recorded series, sorted by shown labels.
    places: Vec<Place>,
    shown: Vec<MappedSeries>,
}

/// A family as it was when a layout was made.
#[derive(Debug)]
struct Recorded {
    kind: Kind,
    label_names: Vec<String>,
    series: Vec<Arc<[String]>>,
}

/// Where a recorded series stands: the family's place among those of its name, and its own in the family.
pub(crate) type Place = (usize, usize);

/// One shown series: its labels, and where in `places` its recorded ones stand.
#[derive(Debug)]
struct MappedSeries {
    labels: Labels,
    members: Range<usize>,
}

impl SeriesMapping {
    /// The families' series under those columns, which must be sorted by name; a family without columns is
    /// left out, and so are series with too few label values.
    pub(crate) fn new(families: &[Family], columns: Vec<Option<Vec<Column>>>) -> SeriesMapping {
        let columns: Vec<Option<Arc<[Column]>>> =
            columns.into_iter().map(|columns| columns.map(Arc::from)).collect();
        let labels = |(family, series): Place| &families[family].series[series].labels;
        let values = |place: Place| {
            let columns = columns[place.0].as_deref().unwrap_or_default();
            columns.iter().map(move |column| (&*column.name, column.value(labels(place))))
        };
        let order = |a: Place, b: Place| match families.len() {
            1 => values(a).map(|(_, value)| value).cmp(values(b).map(|(_, value)| value)),
            // Prometheus takes a label without a value for one that is not there.
            _ => {
                let is_there =
                    |(_, value): &(&str, Option<&str>)| value.is_some_and(|value| !value.is_empty());
                values(a).filter(is_there).cmp(values(b).filter(is_there))
            }
        };
        let all = families.iter().enumerate().zip(&columns).filter(|(_, columns)| columns.is_some());
        let all = all.flat_map(|((at, family), _)| (0..family.series.len()).map(move |series| (at, series)));
        let mut places: Vec<Place> =
            all.filter(|&place| values(place).all(|(_, value)| value.is_some())).collect();
        places.sort_by(|&a, &b| order(a, b));
        let mut shown = Vec::with_capacity(places.len());
        let mut start = 0;
        for alike in places.chunk_by(|&a, &b| order(a, b) == Ordering::Equal) {
            if let Some(columns) = &columns[alike[0].0] {
                let labels = Labels::new(columns, labels(alike[0]));
                shown.push(MappedSeries { labels, members: start..start + alike.len() });
            }
            start += alike.len();
        }
        SeriesMapping { families: families.iter().map(Recorded::new).collect(), places, shown }
    }

    /// Whether the families have the series that this was made for.
    pub(crate) fn fits(&self, families: &[Family]) -> bool {
        self.families.len() == families.len()
            && self.families.iter().zip(families).all(|(recorded, family)| recorded.is(family))
    }

    /// The shown series, sorted by label values, and the recorded ones behind them, of families that
    /// this fits.
    pub(crate) fn iter<'a>(
        &'a self,
        families: &'a [Family],
    ) -> impl Iterator<Item = (&'a Labels, SeriesGroup<'a>)> {
        self.shown.iter().map(|shown| {
            let places = &self.places[shown.members.clone()];
            (&shown.labels, SeriesGroup::new(families, places))
        })
    }
}

impl Recorded {
    fn new(family: &Family) -> Recorded {
        let series = family.series.iter().map(|series| series.labels.clone()).collect();
        Recorded { kind: family.kind, label_names: family.label_names.clone(), series }
    }

    fn is(&self, family: &Family) -> bool {
        // Snapshots of one reader share a series' label values: nearly always the address tells.
        let same = |(held, series): (&Arc<[String]>, &Series)| {
            Arc::ptr_eq(held, &series.labels) || *held == series.labels
        };
        self.kind == family.kind
            && self.label_names == family.label_names
            && self.series.len() == family.series.len()
            && self.series.iter().zip(&family.series).all(same)
    }
}
