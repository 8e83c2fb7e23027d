//! A family: its effective definition among those of all processes, and its series.

use std::{collections::BTreeMap, sync::Arc};

use super::{Source, steps};
use crate::{
    format::descriptor::FamilyDescriptor,
    policy::agreement::{self, Precedence},
    reader::family_log,
};

/// A family of one shape: kind, unit and labels.
#[derive(Debug)]
pub(crate) struct FamilyAggregate {
    /// The effective definition.
    pub(crate) record: Arc<FamilyDescriptor>,
    /// By label values.
    pub(crate) series: BTreeMap<Arc<[String]>, u64>,
    /// All definitions, by rank of the segment and address of the definition.
    sources: BTreeMap<(u32, usize), Defined>,
    /// The number of definitions of live processes that conflict with the effective one.
    pub(crate) conflicts: usize,
}

#[derive(Debug)]
struct Defined {
    record: Arc<FamilyDescriptor>,
    precedence: Precedence,
    /// The number of lanes, or series of the totals, that use the definition.
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

    /// Returns the precedence of the family among others of its name.
    pub(crate) fn precedence(&self) -> Option<Precedence> {
        self.sources.values().map(|source| source.precedence).max()
    }

    /// Counts a lane that uses the source's definition. The caller must `reconcile` later.
    pub(crate) fn add_definition(&mut self, source: &Source<'_>) {
        let (record, precedence) = (Arc::clone(source.record), source.precedence);
        let defined = Defined { record, precedence, lanes: 0 };
        let key = definition_key(source.origin.rank(), source.record);
        self.sources.entry(key).or_insert(defined).lanes += 1;
    }

    /// Counts out a lane that used that definition. The caller must `reconcile` later.
    pub(crate) fn remove_definition(&mut self, rank: u32, record: &Arc<FamilyDescriptor>) {
        let key = definition_key(rank, record);
        let Some(source) = self.sources.get_mut(&key) else { return };
        source.lanes -= 1;
        if source.lanes == 0 {
            self.sources.remove(&key);
        }
    }

    /// Returns whether a segment defines the family.
    pub(crate) fn is_defined_by(&self, rank: u32) -> bool {
        self.sources.range((rank, 0)..=(rank, usize::MAX)).next().is_some()
    }

    /// Records whether a segment's owner lives. The caller must `reconcile` later.
    pub(crate) fn set_life(&mut self, rank: u32, lives: bool) {
        for (_, source) in self.sources.range_mut((rank, 0)..=(rank, usize::MAX)) {
            source.precedence.lives = lives;
        }
    }

    /// Determines the effective definition, and logs the ones that conflict with it.
    pub(crate) fn reconcile(&mut self) {
        steps::count(self.sources.len());
        let definitions = self.sources.values().map(|source| (source.precedence, &source.record));
        let Some(record) = agreement::holds(definitions) else { return };
        self.record = Arc::clone(record);
        self.conflicts = self.conflicting().count();
        self.log_conflicts();
    }

    /// Returns the definitions of live processes that conflict with the effective one.
    fn conflicting(&self) -> impl Iterator<Item = &Arc<FamilyDescriptor>> {
        let living = self.sources.values().filter(|source| source.precedence.lives);
        living.map(|source| &source.record).filter(|record| agreement::conflicts(record, &self.record))
    }

    /// Logs the conflicting definitions, each once in a process.
    pub(crate) fn log_conflicts(&self) {
        self.conflicting().for_each(|other| family_log::conflict(&self.record, other));
    }

    /// Returns the smallest number of series that any process allows.
    pub(crate) fn least_limit(&self) -> usize {
        let limits = self.sources.values().map(|source| source.record.max_series as usize);
        limits.min().unwrap_or(usize::MAX)
    }

    /// Replaces the numbers of ranks, whose order must stay the same.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        let sources = std::mem::take(&mut self.sources).into_iter();
        self.sources = sources.map(|((rank, record), source)| ((number(rank), record), source)).collect();
    }
}

fn definition_key(rank: u32, record: &Arc<FamilyDescriptor>) -> (u32, usize) {
    (rank, Arc::as_ptr(record).addr())
}
