//! The index of a family: its series by their label values.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::{
    recorder::Recorder,
    series::{Asked, DescribedFamily, Series, State, Values},
};
use crate::{
    error::{Error, Result},
    segment::{layout::Loss, totals::OVERFLOW},
};

/// A family and its series.
#[derive(Debug)]
pub(crate) struct FamilyIndex {
    pub(super) family: Arc<DescribedFamily>,
    series: ArcSwap<Index>,
    overflow: OnceLock<Arc<Series>>,
}

type Index = HashMap<Values, Arc<Series>>;

impl FamilyIndex {
    /// An index without series.
    pub(super) fn new(family: DescribedFamily) -> FamilyIndex {
        FamilyIndex { family: Arc::new(family), series: ArcSwap::default(), overflow: OnceLock::new() }
    }

    /// The series with those label values, made where it is new. Does not allocate where it is not.
    pub(super) fn series(self: &Arc<Self>, asked: &Asked<'_>, recorder: &Recorder) -> Result<Arc<Series>> {
        let known = |index: &Index| index.get(asked).filter(|series| is_known(series)).map(Arc::clone);
        if let Some(series) = known(&self.series.load()) {
            return Ok(series);
        }
        self.check(asked)?;
        let new = Arc::new(Series::new(Arc::clone(&self.family), asked));
        self.series.rcu(|index| {
            if known(index).is_some() || self.is_full(index) {
                return Arc::clone(index);
            }
            let mut index = HashMap::clone(index);
            index.insert(new.values().clone(), Arc::clone(&new));
            Arc::new(index)
        });
        // Bound first: the guard must not live while the series is recorded.
        let series = known(&self.series.load());
        Ok(series.unwrap_or_else(|| self.overflow(recorder)))
    }

    /// The series that observations through an old handle of a series go to: that one again, where it
    /// had only expired. None where it was removed.
    #[cold]
    pub(super) fn again(self: &Arc<Self>, old: &Arc<Series>, recorder: &Recorder) -> Option<Arc<Series>> {
        match old.state() {
            State::Removed => None,
            State::Forgotten => self.series(&Asked(&old.values().strs()), recorder).ok(),
            State::Idle if self.is_full(&self.series.load()) => Some(self.overflow(recorder)),
            State::Present | State::Idle => {
                old.begin();
                Some(Arc::clone(old))
            }
        }
    }

    /// Removes the series with those label values; false where there is none.
    pub(super) fn remove(&self, asked: &Asked<'_>) -> Result<bool> {
        self.check(asked)?;
        let before = self.series.rcu(|index| {
            if !index.contains_key(asked) {
                return Arc::clone(index);
            }
            let mut index = HashMap::clone(index);
            index.remove(asked);
            Arc::new(index)
        });
        let Some(series) = before.get(asked) else { return Ok(false) };
        let was_there = series.state() == State::Present;
        series.end(State::Removed);
        Ok(was_there)
    }

    /// Lets series expire that have not moved: what they held is free, and those without a handle are
    /// forgotten. Gives how many.
    pub(super) fn expire(&self, is_idle: impl Fn(&Values) -> bool) -> usize {
        let mut expired = 0;
        for (values, series) in &**self.series.load() {
            if series.state() == State::Present && is_idle(values) {
                series.end(State::Idle);
                expired += 1;
            }
            // The index's own and nobody else's. Whoever takes a handle at this moment finds it forgotten.
            if series.state() == State::Idle && Arc::strong_count(series) == 1 {
                series.forget();
            }
        }
        self.series.rcu(|index| {
            if index.values().all(is_known) {
                return Arc::clone(index);
            }
            let kept = index.iter().filter(|(_, series)| is_known(series));
            Arc::new(kept.map(|(values, series)| (values.clone(), Arc::clone(series))).collect())
        });
        expired
    }

    fn check(&self, asked: &Asked<'_>) -> Result<()> {
        if asked.0.len() == self.family.record.labels.len() {
            return Ok(());
        }
        Err(Error::LabelCount {
            name: self.family.record.name.clone(),
            expected: self.family.record.labels.len(),
            given: asked.0.len(),
        })
    }

    /// Whether as many series are there as may be; those that expired are not.
    fn is_full(&self, index: &Index) -> bool {
        let most = self.family.record.max_series as usize;
        index.len() >= most
            && index.values().filter(|series| series.state() == State::Present).count() >= most
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

fn is_known(series: &Arc<Series>) -> bool {
    !matches!(series.state(), State::Forgotten | State::Removed)
}
