//! A family: what the processes that record it agree on, and its series.

use std::{collections::BTreeMap, sync::Arc};

use super::Source;
use crate::{
    format::descriptor::FamilyDescriptor,
    log_once,
    policy::agreement::{self, Precedence},
};

/// A family of one shape: kind, unit and labels.
#[derive(Debug)]
pub(crate) struct FamilyAggregate {
    /// The definition that holds.
    pub(crate) record: Arc<FamilyDescriptor>,
    /// By label values.
    pub(crate) series: BTreeMap<Arc<[String]>, u64>,
    /// Who defines it: rank of the segment, address of the definition.
    sources: BTreeMap<(u32, usize), Defined>,
    /// Living definitions that do not hold, because a newer one asks for something else.
    pub(crate) conflicts: usize,
}

#[derive(Debug)]
struct Defined {
    record: Arc<FamilyDescriptor>,
    precedence: Precedence,
    /// Series and lanes that it defines.
    lanes: usize,
}

impl FamilyAggregate {
    pub(crate) fn new(record: &Arc<FamilyDescriptor>) -> FamilyAggregate {
        FamilyAggregate {
            record: Arc::clone(record),
            series: BTreeMap::new(),
            sources: BTreeMap::new(),
            conflicts: 0,
        }
    }

    /// What decides between it and other families of its name.
    pub(crate) fn precedence(&self) -> Option<Precedence> {
        self.sources.values().map(|source| source.precedence).max()
    }

    /// Takes note of a lane of that definition.
    pub(crate) fn join(&mut self, source: &Source<'_>) {
        let (record, precedence) = (Arc::clone(source.record), source.precedence);
        let defined = Defined { record, precedence, lanes: 0 };
        let place = place((source.origin >> 32) as u32, source.record);
        let defined = self.sources.entry(place).or_insert(defined);
        defined.lanes += 1;
        if defined.lanes == 1 {
            self.agree();
        }
    }

    /// Takes note that a lane of that definition is gone.
    pub(crate) fn leave(&mut self, rank: u32, record: &Arc<FamilyDescriptor>) {
        let place = place(rank, record);
        let Some(source) = self.sources.get_mut(&place) else { return };
        source.lanes -= 1;
        if source.lanes == 0 {
            self.sources.remove(&place);
            self.agree();
        }
    }

    /// Whether a segment defines it.
    pub(crate) fn is_defined_by(&self, rank: u32) -> bool {
        self.sources.range((rank, 0)..=(rank, usize::MAX)).next().is_some()
    }

    /// Takes note of whether a segment's owner lives.
    pub(crate) fn set_life(&mut self, rank: u32, lives: bool) {
        for (_, source) in self.sources.range_mut((rank, 0)..=(rank, usize::MAX)) {
            source.precedence.lives = lives;
        }
        self.agree();
    }

    /// Finds the definition that holds, and names the others in the log.
    fn agree(&mut self) {
        let definitions = self.sources.values().map(|source| (source.precedence, &source.record));
        let Some(record) = agreement::holds(definitions) else { return };
        self.record = Arc::clone(record);
        self.conflicts = self.conflicting().count();
        self.log_conflicts();
    }

    /// The definitions of living processes that ask for something else than the one that holds.
    fn conflicting(&self) -> impl Iterator<Item = &Arc<FamilyDescriptor>> {
        let living = self.sources.values().filter(|source| source.precedence.lives);
        living.map(|source| &source.record).filter(|record| agreement::conflicts(record, &self.record))
    }

    /// Names the definitions in the log that do not hold, each once a process.
    pub(crate) fn log_conflicts(&self) {
        self.conflicting().for_each(|other| log_once::conflict(&self.record, other));
    }

    /// The fewest series that any process allows.
    pub(crate) fn least_limit(&self) -> usize {
        let limits = self.sources.values().map(|source| source.record.max_series as usize);
        limits.min().unwrap_or(usize::MAX)
    }

    /// Gives ranks other numbers, in the same order.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        let sources = std::mem::take(&mut self.sources).into_iter();
        self.sources = sources.map(|((rank, record), source)| ((number(rank), record), source)).collect();
    }
}

fn place(rank: u32, record: &Arc<FamilyDescriptor>) -> (u32, usize) {
    (rank, Arc::as_ptr(record).addr())
}
