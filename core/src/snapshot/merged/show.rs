//! Which series are shown, and as what.

use std::sync::Arc;

use super::super::Value;
use super::{
    Activity, Merged,
    series::Series,
    shape::{Shape, is_over},
};
use crate::{
    catalog::Kind,
    segment::{descriptor::FamilyRecord, totals::OVERFLOW},
};

/// A family with the series that it may show, sorted by labels.
#[derive(Debug)]
pub(in super::super) struct ShownFamily<'a> {
    pub(in super::super) record: &'a Arc<FamilyRecord>,
    pub(in super::super) series: Vec<Shown<'a>>,
}

/// A series.
#[derive(Debug)]
pub(in super::super) struct Shown<'a> {
    pub(in super::super) labels: Arc<[String]>,
    of: Of<'a>,
}

#[derive(Debug)]
enum Of<'a> {
    One(&'a Series),
    /// All that is over, oldest first.
    All(Vec<&'a Series>),
}

impl Merged {
    /// The families of each name, sorted by name; those of a name by age.
    pub(in super::super) fn families(&self) -> Vec<(&str, Vec<ShownFamily<'_>>)> {
        self.names.iter().map(|(name, numbers)| (name.as_str(), self.of_name(numbers))).collect()
    }

    fn of_name(&self, numbers: &[u64]) -> Vec<ShownFamily<'_>> {
        let mut shapes: Vec<&Shape> = numbers.iter().filter_map(|number| self.shapes.get(number)).collect();
        if shapes.len() > 1 {
            shapes.sort_by_cached_key(|shape| (shape.created(), self.first(shape)));
        }
        shapes.into_iter().map(|shape| self.family(shape)).collect()
    }

    /// The oldest origin in a family.
    fn first(&self, shape: &Shape) -> Option<u64> {
        shape.series.values().filter_map(|id| self.series.get(id)?.first()).min()
    }

    fn family<'a>(&'a self, shape: &'a Shape) -> ShownFamily<'a> {
        let all = shape.series.values().filter_map(|id| self.series.get(id));
        let series = match shape.is_over() {
            false => all.map(Shown::one).collect(),
            true => bounded(all.collect(), &shape.record),
        };
        ShownFamily { record: &shape.record, series }
    }
}

/// As many series as a family may have, and one for all others: those come first that the totals
/// have, then those of older segments. So a younger process never pushes out what an older one had.
fn bounded<'a>(series: Vec<&'a Series>, record: &FamilyRecord) -> Vec<Shown<'a>> {
    let (over, mut series): (Vec<&Series>, Vec<&Series>) =
        series.into_iter().partition(|series| is_over(&series.labels));
    series
        .sort_by_cached_key(|series| (series.first().map(|origin| origin >> 32), Arc::clone(&series.labels)));
    let others = series.split_off(series.len().min(record.max_series as usize));
    let labels = vec![OVERFLOW.to_owned(); record.labels.len()];
    let all = Shown { labels: labels.into(), of: Of::All(over.into_iter().chain(others).collect()) };
    let mut shown: Vec<Shown<'_>> = series.into_iter().map(Shown::one).chain([all]).collect();
    shown.sort_by(|one, other| one.labels.cmp(&other.labels));
    shown
}

impl<'a> Shown<'a> {
    fn one(series: &'a Series) -> Shown<'a> {
        Shown { labels: Arc::clone(&series.labels), of: Of::One(series) }
    }

    /// What it shows.
    pub(in super::super) fn value(&self, kind: Kind, window: u32) -> Value {
        match &self.of {
            Of::One(series) => series.value(kind),
            Of::All(all) => Series::value_of_all(all, kind, window),
        }
    }

    /// What tells whether it was moved. None for the series of what is over:
    /// nobody asked for it, and it stays.
    pub(in super::super) fn activity(&self) -> Option<Activity> {
        match &self.of {
            Of::One(series) if !is_over(&self.labels) => Some(series.activity()),
            Of::One(_) | Of::All(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::FileExt};

    use crate::{
        Reader, Registry,
        catalog::Kind,
        segment::{
            layout::identity::{CHECKSUM, CREATED, WORDS},
            place::Place,
            writer::checksum,
        },
    };

    /// As clocks give it that do not go on for a while: all readers decide the same, whatever they saw first.
    #[test]
    fn of_segments_made_at_one_time_the_lesser_id_counts_as_older() {
        let mut seen = [false; 2];
        while seen != [true; 2] {
            let parent = tempfile::tempdir().unwrap();
            let registries = [(); 2].map(|()| Registry::open(parent.path()).unwrap());
            let directory = || Place::of(parent.path()).open().unwrap().unwrap();
            let mut reader = Reader::new(parent.path());
            let mut ids = Vec::new();
            for (number, registry) in registries.iter().enumerate() {
                match number {
                    0 => registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc(),
                    _ => registry.gauge("jobs", "", &[]).unwrap().labels(&[]).unwrap().set(1.0),
                }
                let found = directory().segments().unwrap();
                let id = found.into_iter().find(|id| !ids.contains(id)).unwrap();
                ids.push(id);
                let path = directory().place().segment_path(id);
                let file = File::options().read(true).write(true).open(path).unwrap();
                let mut words = [0_u64; WORDS];
                file.read_exact_at(bytemuck::cast_slice_mut(&mut words), 0).unwrap();
                words[CREATED] = 7;
                words[CHECKSUM] = checksum(&words);
                file.write_all_at(bytemuck::cast_slice(&words), 0).unwrap();
                reader.snapshot().unwrap();
            }
            let expected = if ids[0] < ids[1] { Kind::Counter } else { Kind::Gauge };
            for mut reader in [reader, Reader::new(parent.path())] {
                assert_eq!(reader.snapshot().unwrap().families[0].kind, expected);
            }
            seen[usize::from(ids[0] < ids[1])] = true;
        }
    }
}
