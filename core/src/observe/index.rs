//! The index of a family: its series by their label values.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::{
    recorder::Recorder,
    series::{Asked, DescribedFamily, Series, Values},
};
use crate::{
    error::{Error, Result},
    segment::{descriptor::FamilyRecord, layout::Loss, totals::OVERFLOW},
};

/// A family and its series.
#[derive(Debug)]
pub(crate) struct FamilyIndex {
    pub(super) family: Arc<DescribedFamily>,
    series: ArcSwap<HashMap<Values, Arc<Series>>>,
    overflow: OnceLock<Arc<Series>>,
}

impl FamilyIndex {
    /// An index without series.
    pub(super) fn new(record: FamilyRecord) -> FamilyIndex {
        FamilyIndex {
            family: Arc::new(DescribedFamily::new(record)),
            series: ArcSwap::default(),
            overflow: OnceLock::new(),
        }
    }

    /// The series with those label values, made where it is new. Does not allocate where it is not.
    pub(super) fn series(self: &Arc<Self>, asked: &Asked<'_>, recorder: &Recorder) -> Result<Arc<Series>> {
        if let Some(series) = self.series.load().get(asked) {
            return Ok(Arc::clone(series));
        }
        if asked.0.len() != self.family.record.labels.len() {
            return Err(Error::LabelCount {
                name: self.family.record.name.clone(),
                expected: self.family.record.labels.len(),
                given: asked.0.len(),
            });
        }
        let new = Arc::new(Series::new(Arc::clone(&self.family), asked));
        self.series.rcu(|series| {
            if series.contains_key(asked) || series.len() >= self.family.record.max_series as usize {
                return Arc::clone(series);
            }
            let mut series = HashMap::clone(series);
            series.insert(new.values().clone(), Arc::clone(&new));
            Arc::new(series)
        });
        match self.series.load().get(asked) {
            Some(series) => Ok(Arc::clone(series)),
            None => Ok(self.overflow(recorder)),
        }
    }

    /// The one series of all that are beyond the family's number.
    #[cold]
    fn overflow(self: &Arc<Self>, recorder: &Recorder) -> Arc<Series> {
        recorder.lose(Loss::Overflow);
        let series = self.overflow.get_or_init(|| {
            log::warn!(
                "{} has {} series, its most; what is over is recorded in one series, {OVERFLOW}",
                self.family.record.name,
                self.family.record.max_series,
            );
            let values = vec![OVERFLOW; self.family.record.labels.len()];
            Arc::new(Series::new(Arc::clone(&self.family), &Asked(&values)))
        });
        Arc::clone(series)
    }
}
