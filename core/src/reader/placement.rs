//! Placement of retired series in the totals: under their own label values, or in the overflow
//! series.
//!
//! The policy of a snapshot decides, over the same contributions: those of the totals, of the
//! segments that are folded, and of all others.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{overflowed::Overflowed, segment_reader::SeriesInfo, totals::Totals};
use crate::{
    catalog::Kind,
    format::descriptor::FamilyDescriptor,
    policy::series_limit::{Contribution, is_overflow, overflow, placed},
};

/// The decision for each family of the segments that are folded.
#[derive(Debug, Default)]
pub(crate) struct Placement(Vec<FamilyPlacement>);

#[derive(Debug)]
struct FamilyPlacement {
    record: Arc<FamilyDescriptor>,
    /// The largest window of any definition.
    window: u32,
    /// Segment and label values of the contributions that belong to the overflow series.
    over: HashSet<(u64, Vec<String>)>,
}

impl Placement {
    /// Decides for the segments in `dead`, given the totals and all other segments.
    pub(crate) fn decide(
        totals: &Totals,
        dead: &[(u64, &Totals)],
        others: &[(u64, Vec<Arc<SeriesInfo>>)],
    ) -> Placement {
        let mut placement = Placement::default();
        for family in dead.iter().flat_map(|(_, totals)| totals.families.values().flatten()) {
            if family.record.kind != Kind::Gauge && placement.find(&family.record).is_none() {
                placement.0.push(family_placement(&family.record, totals, dead, others));
            }
        }
        placement
    }

    /// Returns the contributions of segments to the overflow series of a family.
    pub(crate) fn overflowed(
        totals: &Totals,
        segments: &[(u64, Vec<Arc<SeriesInfo>>)],
        family: &FamilyDescriptor,
    ) -> Overflowed {
        let mut overflowed = Overflowed::default();
        let placement = family_placement(&Arc::new(family.clone()), totals, &[], segments);
        placement.over.iter().for_each(|(segment, values)| overflowed.insert(*segment, family, values));
        overflowed
    }

    /// Returns the label values under which the totals keep a series of a segment.
    pub(crate) fn place(&self, segment: u64, family: &FamilyDescriptor, labels: &[String]) -> Vec<String> {
        let is_over = |placement: &FamilyPlacement| {
            !placement.over.is_empty() && placement.over.contains(&(segment, labels.to_vec()))
        };
        match self.find(family).is_some_and(is_over) {
            true => overflow(labels.len()),
            false => labels.to_vec(),
        }
    }

    /// Makes the totals keep as many observations as any definition may show.
    pub(crate) fn widen(&self, totals: &mut Totals) {
        self.0.iter().for_each(|family| totals.keep_at_least(&family.record, family.window));
    }

    fn find(&self, family: &FamilyDescriptor) -> Option<&FamilyPlacement> {
        self.0.iter().find(|placement| placement.record.same_family(family))
    }
}

fn family_placement(
    record: &Arc<FamilyDescriptor>,
    totals: &Totals,
    dead: &[(u64, &Totals)],
    others: &[(u64, Vec<Arc<SeriesInfo>>)],
) -> FamilyPlacement {
    let noted = totals.over.of(record);
    let is_over = |segment: u64, labels: &[String]| {
        noted.is_some_and(|noted| noted.contains(&(segment, labels.to_vec())))
    };
    let mut contributions: Vec<Contribution<'_>> = Vec::new();
    let mut window = record.window;
    for (segment, totals) in [(None, totals)].into_iter().chain(dead.iter().map(|&(id, of)| (Some(id), of))) {
        let shapes = totals.families.get(&record.name).into_iter().flatten();
        for family in shapes.filter(|family| family.record.is_compatible(record)) {
            window = window.max(family.record.window);
            contributions.extend(family.series.iter().map(|(labels, series)| Contribution {
                labels,
                begun: series.begun,
                segment: segment.unwrap_or(0),
                limit: segment.map(|_| family.record.max_series),
                is_over: segment.is_some_and(|segment| is_over(segment, labels)),
            }));
        }
    }
    for (segment, described) in others {
        let mut firsts: BTreeMap<&[String], Contribution<'_>> = BTreeMap::new();
        for series in described.iter().filter(|series| series.family.same_family(record)) {
            window = window.max(series.family.window);
            let limit = Some(series.family.max_series);
            let new = Contribution {
                labels: &series.values,
                begun: series.begun,
                segment: *segment,
                limit,
                is_over: is_over(*segment, &series.values),
            };
            let first = firsts.entry(&series.values).or_insert(new);
            first.begun = first.begun.min(series.begun);
        }
        contributions.extend(firsts.into_values());
    }
    let placed = placed(&contributions);
    let over = contributions.iter().zip(placed).filter(|(contribution, placed)| {
        !placed && contribution.limit.is_some() && !is_overflow(contribution.labels)
    });
    let over = over.map(|(contribution, _)| (contribution.segment, contribution.labels.to_vec())).collect();
    FamilyPlacement { record: Arc::clone(record), window, over }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Placement;
    use crate::{
        catalog::Kind,
        format::descriptor::FamilyDescriptor,
        policy::series_limit::OVERFLOW,
        reader::{
            segment_reader::SeriesInfo,
            totals::{SeriesTotal, Totals},
        },
    };

    fn family(max_series: u32, window: u32) -> Arc<FamilyDescriptor> {
        let plain = FamilyDescriptor::test_fixture("jobs", Kind::Counter, &["queue"]);
        Arc::new(FamilyDescriptor { max_series, window, ..plain })
    }

    fn totals(family: &Arc<FamilyDescriptor>, series: &[(&str, u64)]) -> Totals {
        let mut totals = Totals::default();
        for &(queue, begun) in series {
            let total = SeriesTotal { begun, ..SeriesTotal::default() };
            totals.add_series(family, 1, &[queue.to_owned()], total);
        }
        totals
    }

    /// A live process that began a series earlier keeps it, although the totals do not contain it.
    #[test]
    fn series_of_live_processes_keep_their_slots() {
        let family = family(2, 3);
        let dead = totals(&family, &[("dead early", 1), ("dead late", 5)]);
        let living = SeriesInfo::new(&family, 3, &["living"]);
        let placement = Placement::decide(&Totals::default(), &[(7, &dead)], &[(8, vec![Arc::new(living)])]);
        let placed = |queue: &str| placement.place(7, &family, &[queue.to_owned()]);
        assert_eq!(
            (placed("dead early"), placed("dead late")),
            (vec!["dead early".into()], vec![OVERFLOW.into()])
        );
        let placement = Placement::decide(&Totals::default(), &[(7, &dead)], &[]);
        assert_eq!(placement.place(7, &family, &["dead late".to_owned()]), ["dead late"]);
    }

    #[test]
    fn totals_keep_series_up_to_the_largest_limit() {
        let (narrow, wide) = (family(9, 3), family(9, 50));
        let dead = totals(&narrow, &[("a", 1)]);
        let living = SeriesInfo::new(&wide, 3, &["a"]);
        let placement = Placement::decide(&Totals::default(), &[(7, &dead)], &[(8, vec![Arc::new(living)])]);
        let mut all = dead.clone();
        placement.widen(&mut all);
        assert_eq!(all.families["jobs"][0].kept, 50);
    }
}
