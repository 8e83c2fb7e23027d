//! The families and series that a snapshot shows.

use std::sync::Arc;

use super::{Activity, Aggregator, family::FamilyAggregate, series::SeriesAggregate};
use crate::{
    catalog::Kind,
    format::descriptor::FamilyDescriptor,
    policy::{agreement, series_limit::is_overflow},
    snapshot::Value,
};

/// A family with the series that it may show, sorted by labels.
#[derive(Debug)]
pub(crate) struct FamilyView<'a> {
    /// The same in all snapshots of a reader, and unique among its families.
    pub(crate) number: u64,
    pub(crate) record: &'a Arc<FamilyDescriptor>,
    pub(crate) series: Vec<SeriesView<'a>>,
    /// The number of definitions of live processes that conflict with the effective one.
    pub(crate) conflicts: usize,
    /// Whether the family is left out, because the effective definition of its name has another
    /// type or unit.
    pub(crate) is_hidden: bool,
}

impl FamilyView<'_> {
    /// Returns how many of its series have saturated sums.
    pub(crate) fn saturated_sums(&self) -> u64 {
        self.series.iter().filter(|shown| shown.series.is_saturated(self.record.kind)).count() as u64
    }
}

/// A series that may be shown.
#[derive(Debug)]
pub(crate) struct SeriesView<'a> {
    pub(crate) labels: Arc<[String]>,
    series: &'a SeriesAggregate,
}

impl Aggregator {
    /// Returns the families, sorted by name and label names.
    pub(crate) fn families(&self) -> Vec<FamilyView<'_>> {
        self.names.values().flat_map(|numbers| self.of_name(numbers)).collect()
    }

    fn of_name(&self, numbers: &[u64]) -> Vec<FamilyView<'_>> {
        let shapes = || numbers.iter().filter_map(|number| Some((*number, self.shapes.get(number)?)));
        let definitions = shapes().filter_map(|(_, shape)| Some((shape.precedence()?, &shape.record)));
        let holds = agreement::holds(definitions);
        let is_hidden =
            |shape: &FamilyAggregate| holds.is_some_and(|holds| !agreement::coexist(holds, &shape.record));
        let mut families: Vec<FamilyView<'_>> =
            shapes().map(|(number, shape)| self.family(number, shape, is_hidden(shape))).collect();
        families.sort_by(|one, other| one.record.labels.cmp(&other.record.labels));
        families
    }

    fn family<'a>(&'a self, number: u64, shape: &'a FamilyAggregate, is_hidden: bool) -> FamilyView<'a> {
        let series =
            shape.series.values().filter_map(|id| self.series.get(id)).map(SeriesView::new).collect();
        FamilyView { number, record: &shape.record, series, conflicts: shape.conflicts, is_hidden }
    }
}

impl<'a> SeriesView<'a> {
    fn new(series: &'a SeriesAggregate) -> SeriesView<'a> {
        SeriesView { labels: Arc::clone(&series.labels), series }
    }

    /// Returns the value that is shown.
    pub(crate) fn value(&self, kind: Kind) -> Value {
        self.series.value(kind)
    }

    /// Returns the values that show whether the series was updated. None for the overflow series:
    /// no program requests it, and it never expires.
    pub(crate) fn activity(&self) -> Option<Activity> {
        (!is_overflow(&self.labels)).then(|| self.series.activity())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::FileExt};

    use crate::{
        Reader, Registry,
        catalog::Kind,
        directory::access::MetricsPath,
        format::{
            header::checksum,
            layout::identity::{CHECKSUM, CREATED, WORDS},
        },
    };

    /// If the clock does not advance, segments have the same creation time. All readers must decide
    /// alike, whichever segment they read first.
    #[test]
    fn greater_id_decides_between_segments_of_equal_age() {
        let mut seen = [false; 2];
        while seen != [true; 2] {
            let parent = tempfile::tempdir().unwrap();
            let registries = [(); 2].map(|()| Registry::open(parent.path()).unwrap());
            let directory = || MetricsPath::new(parent.path()).open().unwrap().unwrap();
            let mut reader = Reader::new(parent.path());
            let mut ids = Vec::new();
            for (number, registry) in registries.iter().enumerate() {
                match number {
                    0 => registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc(),
                    _ => registry.gauge("jobs", "", &[]).unwrap().labels(&[]).unwrap().set(1.0),
                }
                let listed = directory().segments().unwrap();
                let id = listed.into_iter().find(|id| !ids.contains(id)).unwrap();
                ids.push(id);
                let path = directory().metrics_path().segment_path(id);
                let file = File::options().read(true).write(true).open(path).unwrap();
                let mut words = [0_u64; WORDS];
                file.read_exact_at(bytemuck::cast_slice_mut(&mut words), 0).unwrap();
                words[CREATED] = 7;
                words[CHECKSUM] = checksum(&words);
                file.write_all_at(bytemuck::cast_slice(&words), 0).unwrap();
                reader.snapshot().unwrap();
            }
            let expected = if ids[0] < ids[1] { Kind::Gauge } else { Kind::Counter };
            for mut reader in [reader, Reader::new(parent.path())] {
                assert_eq!(reader.snapshot().unwrap().families[0].kind, expected);
            }
            seen[usize::from(ids[0] < ids[1])] = true;
        }
    }
}
