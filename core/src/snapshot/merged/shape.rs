//! A family: what the processes that record it agree on, and which of its series are shown.

use std::{collections::BTreeMap, sync::Arc};

use crate::segment::{descriptor::FamilyRecord, totals::OVERFLOW};

/// A family of one shape: kind, unit and labels.
#[derive(Debug)]
pub(super) struct Shape {
    /// What all agree on.
    pub(super) record: Arc<FamilyRecord>,
    /// By label values.
    pub(super) series: BTreeMap<Arc<[String]>, u64>,
    /// Who defines it, oldest first: rank of the segment, address of the definition.
    sources: BTreeMap<(u32, usize), Source>,
}

#[derive(Debug)]
struct Source {
    record: Arc<FamilyRecord>,
    created: u64,
    /// Series and lanes that it defines.
    lanes: usize,
}

impl Shape {
    pub(super) fn new(record: &Arc<FamilyRecord>) -> Shape {
        Shape { record: Arc::clone(record), series: BTreeMap::new(), sources: BTreeMap::new() }
    }

    /// When the first segment that defines it was made.
    pub(super) fn created(&self) -> u64 {
        self.sources.values().map(|source| source.created).min().unwrap_or(u64::MAX)
    }

    /// Takes note of a lane of that definition.
    pub(super) fn join(&mut self, rank: u32, record: &Arc<FamilyRecord>, created: u64) {
        let source = Source { record: Arc::clone(record), created, lanes: 0 };
        let source = self.sources.entry(place(rank, record)).or_insert(source);
        source.lanes += 1;
        if source.lanes == 1 {
            self.agree();
        }
    }

    /// Takes note that a lane of that definition is gone.
    pub(super) fn leave(&mut self, rank: u32, record: &Arc<FamilyRecord>) {
        let place = place(rank, record);
        let Some(source) = self.sources.get_mut(&place) else { return };
        source.lanes -= 1;
        if source.lanes == 0 {
            self.sources.remove(&place);
            self.agree();
        }
    }

    /// Definitions may differ in what is kept: the smaller window and age hold, so that every lane has
    /// what is shown, and the larger number of series.
    fn agree(&mut self) {
        let Some((_, first)) = self.sources.first_key_value() else { return };
        let records = || self.sources.values().map(|source| &source.record);
        let least = |of: fn(&FamilyRecord) -> u64| {
            records().map(|record| of(record)).filter(|&time| time > 0).min().unwrap_or(0)
        };
        let first = &*first.record;
        let window = records().map(|record| record.window).min().unwrap_or(first.window);
        let max_series = records().map(|record| record.max_series).max().unwrap_or(first.max_series);
        let (max_age, expire_after) = (least(|record| record.max_age), least(|record| record.expire_after));
        let own = &*self.record;
        let agreed = (window, max_series, max_age, expire_after, &first.name, &first.help, &first.bounds);
        let known =
            (own.window, own.max_series, own.max_age, own.expire_after, &own.name, &own.help, &own.bounds);
        if agreed != known {
            let agreed = FamilyRecord { window, max_series, max_age, expire_after, ..first.clone() };
            self.record = Arc::new(agreed);
        }
    }

    /// Gives ranks other numbers, in the same order.
    pub(super) fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        let sources = std::mem::take(&mut self.sources).into_iter();
        self.sources = sources.map(|((rank, record), source)| ((number(rank), record), source)).collect();
    }

    /// Whether it has more series than may be shown, beside the one of what is over.
    pub(super) fn is_over(&self) -> bool {
        let most = self.record.max_series as usize;
        let has_over = || self.series.keys().any(|labels| is_over(labels));
        self.series.len() > most && self.series.len() - usize::from(has_over()) > most
    }
}

fn place(rank: u32, record: &Arc<FamilyRecord>) -> (u32, usize) {
    (rank, Arc::as_ptr(record).addr())
}

/// Whether that is the series of what is over; the one without labels is not.
pub(super) fn is_over(labels: &[String]) -> bool {
    !labels.is_empty() && labels.iter().all(|value| value == OVERFLOW)
}
