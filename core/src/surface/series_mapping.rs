//! Maps recorded series to shown series. A mapping is reused as long as the families have the same
//! series.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use super::{
    labels::{Column, Labels},
    series_group::{SeriesGroup, SeriesPosition},
};
use crate::{
    catalog::Kind,
    snapshot::{Family, Series},
};

/// The series of all families of one name, by their shown labels.
#[derive(Debug)]
pub(crate) struct SeriesMapping {
    /// The families for which the mapping was created.
    families: Vec<Recorded>,
    /// The positions of the recorded series, sorted by shown labels.
    places: Vec<SeriesPosition>,
    shown: Vec<MappedSeries>,
}

/// The state of a family when the mapping was created.
#[derive(Debug)]
struct Recorded {
    kind: Kind,
    label_names: Vec<String>,
    series: Vec<Arc<[String]>>,
}

/// One shown series: its labels, and the range in `places` of its recorded series.
#[derive(Debug)]
struct MappedSeries {
    labels: Labels,
    members: Range<usize>,
}

impl SeriesMapping {
    /// Creates a mapping from columns for each family, which must be sorted by name. Families
    /// without columns and series with too few label values are omitted.
    pub(crate) fn new(families: &[Family], columns: Vec<Option<Vec<Column>>>) -> SeriesMapping {
        let columns: Vec<Option<Arc<[Column]>>> =
            columns.into_iter().map(|columns| columns.map(Arc::from)).collect();
        let labels = |(family, series): SeriesPosition| &families[family].series[series].labels;
        let values = |position: SeriesPosition| {
            let columns = columns[position.0].as_deref().unwrap_or_default();
            columns.iter().map(move |column| (&*column.name, column.value(labels(position))))
        };
        let order = |a: SeriesPosition, b: SeriesPosition| match families.len() {
            1 => values(a).map(|(_, value)| value).cmp(values(b).map(|(_, value)| value)),
            // Prometheus treats a label with an empty value as a missing label.
            _ => {
                let is_there =
                    |(_, value): &(&str, Option<&str>)| value.is_some_and(|value| !value.is_empty());
                values(a).filter(is_there).cmp(values(b).filter(is_there))
            }
        };
        let all = families.iter().enumerate().zip(&columns).filter(|(_, columns)| columns.is_some());
        let all = all.flat_map(|((at, family), _)| (0..family.series.len()).map(move |series| (at, series)));
        let mut places: Vec<SeriesPosition> =
            all.filter(|&position| values(position).all(|(_, value)| value.is_some())).collect();
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

    /// Returns whether the families have the series for which the mapping was created.
    pub(crate) fn matches(&self, families: &[Family]) -> bool {
        self.families.len() == families.len()
            && self.families.iter().zip(families).all(|(recorded, family)| recorded.is(family))
    }

    /// Returns the shown series, sorted by label values, with the group of recorded series of each.
    /// `families` must fit the mapping.
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
        // Snapshots of one reader share label values, so that comparing addresses usually suffices.
        let same = |(labels, series): (&Arc<[String]>, &Series)| {
            Arc::ptr_eq(labels, &series.labels) || *labels == series.labels
        };
        self.kind == family.kind
            && self.label_names == family.label_names
            && self.series.len() == family.series.len()
            && self.series.iter().zip(&family.series).all(same)
    }
}
