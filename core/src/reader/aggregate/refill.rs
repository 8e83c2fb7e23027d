//! Finishes an update: drops series without shares, and refills windows from which observations
//! were removed.

use std::collections::HashMap;

use super::{Aggregator, SegmentKey, Source, series::SeriesAggregate};
use crate::{format::line_index::LineIndex, reader::totals::Totals};

impl Aggregator {
    /// Settles the changed series. Returns the data that must be read again first.
    pub(crate) fn finish_update(&mut self) -> ReadAgain {
        self.reconcile();
        self.place();
        let awaited = std::mem::take(&mut self.awaiting_reread);
        for id in std::mem::take(&mut self.changed) {
            let Some(series) = self.series.get_mut(&id) else { continue };
            let Some(shape) = self.shapes.get_mut(&series.shape) else { continue };
            series.finish_update(shape.record.window);
            if series.first().is_none() {
                shape.series.remove(&series.labels);
                let (number, is_empty) = (series.shape, shape.series.is_empty());
                self.series.remove(&id);
                if is_empty {
                    self.remove_family(number);
                }
            } else if awaited.contains(&id) {
                // All lanes that could be read again were read.
                series.accept_as_is();
            } else if !series.is_complete(shape.record.window) {
                self.awaiting_reread.insert(id);
            }
        }
        let keys: HashMap<u32, SegmentKey> = match self.awaiting_reread.is_empty() {
            true => return ReadAgain::default(),
            false => self.segments.iter().map(|(key, segment)| (segment.rank, *key)).collect(),
        };
        let mut again = ReadAgain::default();
        for id in self.awaiting_reread.clone() {
            for origin in self.series.get_mut(&id).map(SeriesAggregate::request_reread).unwrap_or_default() {
                match keys.get(&origin.rank()) {
                    Some(key) => again.lanes.push((*key, origin.line())),
                    None => again.totals = true,
                }
            }
            self.changed.insert(id);
        }
        again
    }

    /// Accepts windows as they are, after all lanes that could be read again were read.
    pub(crate) fn accept(&mut self) {
        for id in std::mem::take(&mut self.awaiting_reread) {
            let Some(series) = self.series.get_mut(&id) else { continue };
            if let Some(shape) = self.shapes.get(&series.shape) {
                // The share of the totals may have been added again.
                series.finish_update(shape.record.window);
            }
            series.accept_as_is();
        }
    }

    /// Adds the shares of the totals again in those series that wait for them.
    pub(crate) fn put_totals_again(&mut self, mut totals: Totals) {
        for id in self.awaiting_reread.clone() {
            let Some(series) = self.series.get(&id) else { continue };
            let Some(shape) = self.shapes.get(&series.shape) else { continue };
            let shapes = totals.families.get_mut(&shape.record.name).into_iter().flatten();
            for family in shapes.filter(|family| family.record.is_compatible(&shape.record)) {
                if let Some(total) = family.series.remove(&*series.labels) {
                    self.put_total(id, &Source::from_totals(&family.record, family.created), total);
                    break;
                }
            }
        }
    }
}

/// What must be read again for windows from which newer observations were removed: observations that
/// fell out of such a window may belong in it again.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ReadAgain {
    pub(crate) lanes: Vec<(SegmentKey, LineIndex)>,
    /// Whether the totals are among it.
    pub(crate) totals: bool,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Aggregator, ReadAgain};
    use crate::{
        catalog::Kind,
        format::descriptor::FamilyDescriptor,
        reader::totals::{SeriesTotal, Totals},
    };

    #[test]
    fn families_without_contributions_are_dropped() {
        let mut totals = Totals::default();
        // One name in two shapes.
        for kind in [Kind::Counter, Kind::Timer] {
            let family = Arc::new(FamilyDescriptor::test_fixture("jobs", kind, &["queue"]));
            for queue in ["a", "b"] {
                totals.add_series(&family, 1, &[queue.to_owned()], SeriesTotal::default());
            }
        }
        let mut merged = Aggregator::default();
        let sizes = |merged: &Aggregator| {
            let shapes = merged.names.get("jobs").map(Vec::len);
            (shapes, merged.shapes.len(), merged.series.len(), merged.in_totals.len())
        };
        merged.apply_totals(totals.clone());
        assert_eq!(merged.finish_update(), ReadAgain::default());
        assert_eq!(sizes(&merged), (Some(2), 2, 4, 4));
        totals.families.get_mut("jobs").unwrap().pop();
        merged.apply_totals(totals.clone());
        assert_eq!(merged.finish_update(), ReadAgain::default());
        assert_eq!(sizes(&merged), (Some(1), 1, 2, 2));
        merged.apply_totals(Totals::default());
        assert_eq!(merged.finish_update(), ReadAgain::default());
        assert_eq!(sizes(&merged), (None, 0, 0, 0));
    }
}
