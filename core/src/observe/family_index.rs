//! The index of a family: its series by their label values.
//!
//! The index consists of immutable hash-table shards behind [`ArcSwap`]. A lookup is one load and
//! one probe without a lock. A new series copies one shard, not the whole family. A series is
//! inserted first, and then begins its first incarnation if the family has a place for it: see
//! [`ActiveCount`]. All shards are created with the family, so that a forked child never finds one
//! partly created.

use std::{array, hash::BuildHasher, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::{Equivalent, HashTable};

use super::{
    active_count::ActiveCount,
    family_definition::FamilyDefinition,
    label_values::{LabelQuery, LabelValues},
    process_segments::ProcessSegments,
    series::{Series, SeriesState},
};
use crate::{
    error::{Error, Result},
    format::{descriptor::FamilyDescriptor, layout::HealthCounter},
    log_once::LogOnce,
    packed::unpack,
    policy::series_limit::OVERFLOW,
};

/// A family and its series.
#[derive(Debug)]
pub(crate) struct FamilyIndex {
    pub(crate) family: Arc<FamilyDefinition>,
    shards: [ArcSwap<Shard>; SHARDS],
    hasher: LabelHasher,
    active: ActiveCount,
    overflow: ArcSwapOption<Series>,
    overflow_log: LogOnce,
}

/// Hashes label values, differently in each family.
#[cfg(not(ictus_loom))]
type LabelHasher = hashbrown::DefaultHashBuilder;
/// In a model, all runs must visit the series in the same order.
#[cfg(ictus_loom)]
type LabelHasher = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// Series by the hash of their label values.
type Shard = HashTable<Entry>;

/// With 64 shards and 100,000 series, a new series copies 1,600 entries.
const SHARDS: usize = if cfg!(ictus_loom) { 1 } else { 64 };

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    series: Arc<Series>,
}

impl FamilyIndex {
    /// Creates an index without series.
    pub(crate) fn new(family: FamilyDefinition) -> FamilyIndex {
        let empty = Arc::new(Shard::new());
        FamilyIndex {
            active: ActiveCount::new(family.record.max_series as usize),
            family: Arc::new(family),
            shards: array::from_fn(|_| ArcSwap::new(Arc::clone(&empty))),
            hasher: LabelHasher::default(),
            overflow: ArcSwapOption::empty(),
            overflow_log: LogOnce::new(),
        }
    }

    pub(crate) fn descriptor(&self) -> &FamilyDescriptor {
        &self.family.record
    }

    /// Returns the series with the given label values. Creates it if it is new. Does not allocate
    /// otherwise.
    pub(crate) fn series(
        self: &Arc<Self>,
        requested: &LabelQuery<'_>,
        segments: &ProcessSegments,
    ) -> Result<Arc<Series>> {
        let hash = self.hasher.hash_one(requested);
        if let Some(series) = find(&self.shard(hash).load(), hash, requested) {
            return Ok(Arc::clone(series));
        }
        self.missing_series(hash, requested, segments)
    }

    /// Returns a series that a lookup has not found. Kept out of line so that a lookup that finds
    /// its series saves fewer registers.
    #[cold]
    #[inline(never)]
    fn missing_series(
        self: &Arc<Self>,
        hash: u64,
        requested: &LabelQuery<'_>,
        segments: &ProcessSegments,
    ) -> Result<Arc<Series>> {
        self.check_labels(requested)?;
        let shard = self.shard(hash);
        if self.active.is_full() {
            // Since the first lookup, the series may have got the last place.
            let existing = find(&shard.load(), hash, requested).map(Arc::clone);
            return Ok(existing.unwrap_or_else(|| self.overflow(segments)));
        }
        let new = Arc::new(Series::new(Arc::clone(&self.family), requested));
        let mut existing = None;
        shard.rcu(|entries| {
            existing = find(entries, hash, requested).map(Arc::clone);
            if existing.is_some() {
                return Arc::clone(entries);
            }
            let mut entries = HashTable::clone(entries);
            // Remove dropped series while the table is copied anyway.
            entries.retain(|entry| is_indexed(&entry.series));
            entries.insert_unique(hash, Entry { hash, series: Arc::clone(&new) }, |entry| entry.hash);
            Arc::new(entries)
        });
        if let Some(series) = existing {
            return Ok(series);
        }
        if self.active.begin(&new) {
            return Ok(new);
        }
        // Another thread may hold the series already. Detach it: its observations go to the
        // overflow series too.
        new.detach();
        detach_removed(shard);
        Ok(self.overflow(segments))
    }

    /// Returns the series for observations through an old handle. That is the same series if it had
    /// only expired. Returns none if the series was removed.
    #[cold]
    pub(crate) fn resolve_stale(
        self: &Arc<Self>,
        old: &Arc<Series>,
        segments: &ProcessSegments,
    ) -> Option<Arc<Series>> {
        match old.state() {
            SeriesState::Removed => None,
            SeriesState::Detached => self.series(&LabelQuery(&old.values().as_strs()), segments).ok(),
            SeriesState::Expired if !self.active.begin(old) => Some(self.overflow(segments)),
            SeriesState::Expired | SeriesState::Active => Some(Arc::clone(old)),
        }
    }

    /// Removes the series with the given label values, in the order of the sorted label names.
    /// Returns false if there is none.
    pub(crate) fn remove(&self, values: &[&str]) -> Result<bool> {
        let requested = &LabelQuery(values);
        self.check_labels(requested)?;
        let hash = self.hasher.hash_one(requested);
        let previous = self.shard(hash).rcu(|entries| {
            if find(entries, hash, requested).is_none() {
                return Arc::clone(entries);
            }
            let mut entries = HashTable::clone(entries);
            entries.retain(|entry| !entry.is(hash, requested));
            Arc::new(entries)
        });
        let Some(series) = find(&previous, hash, requested) else { return Ok(false) };
        Ok(self.end(series, SeriesState::Removed))
    }

    /// Expires idle series: releases their lanes and descriptors, and drops the series that have no
    /// handle. Returns how many expired.
    pub(crate) fn expire(&self, is_idle: impl Fn(&LabelValues) -> bool) -> usize {
        let mut expired = 0;
        for shard in &self.shards {
            for Entry { series, .. } in &**shard.load() {
                if series.state() == SeriesState::Active && is_idle(series.values()) {
                    expired += usize::from(self.end(series, SeriesState::Expired));
                }
                // Only the index holds the series. A thread that takes a handle now finds it
                // detached.
                if series.state() == SeriesState::Expired && Arc::strong_count(series) == 1 {
                    series.detach();
                }
            }
            detach_removed(shard);
        }
        expired
    }

    /// Returns all series that may have lanes.
    pub(crate) fn each(&self) -> impl Iterator<Item = Arc<Series>> {
        let shards = self
            .shards
            .iter()
            .flat_map(|shard| shard.load().iter().map(|entry| Arc::clone(&entry.series)).collect::<Vec<_>>());
        shards.chain(self.overflow.load_full())
    }

    fn shard(&self, hash: u64) -> &ArcSwap<Shard> {
        // Use other bits than those by which a table places its entries.
        &self.shards[unpack(hash).0 as usize % SHARDS]
    }

    fn check_labels(&self, requested: &LabelQuery<'_>) -> Result<()> {
        if requested.0.len() == self.family.record.labels.len() {
            return Ok(());
        }
        Err(Error::LabelCount {
            name: self.family.record.name.clone(),
            expected: self.family.record.labels.len(),
            given: requested.0.len(),
        })
    }

    /// Ends the current incarnation of a series. Returns false if it has none.
    fn end(&self, series: &Series, to: SeriesState) -> bool {
        let was_present = series.end(to);
        if was_present {
            self.active.release();
        }
        was_present
    }

    /// Returns the overflow series, in which all label sets beyond the family's limit are counted.
    #[cold]
    fn overflow(self: &Arc<Self>, segments: &ProcessSegments) -> Arc<Series> {
        segments.count_rejected(HealthCounter::Overflow);
        if self.overflow_log.is_first() {
            self.log_overflow();
        }
        if let Some(series) = &*self.overflow.load() {
            return Arc::clone(series);
        }
        let values = vec![OVERFLOW; self.family.record.labels.len()];
        let new = Arc::new(Series::new(Arc::clone(&self.family), &LabelQuery(&values)));
        new.revive(0);
        let previous = self.overflow.compare_and_swap(&None::<Arc<Series>>, Some(Arc::clone(&new)));
        if let Some(series) = &*previous {
            return Arc::clone(series);
        }
        new
    }

    fn log_overflow(&self) {
        log::warn!(
            "{} has reached its limit of {} series: further label values are recorded in one series, {OVERFLOW}; \
             raise max_series, or use labels with fewer values",
            self.family.record.name,
            self.family.record.max_series,
        );
    }
}

impl Entry {
    fn is(&self, hash: u64, requested: &LabelQuery<'_>) -> bool {
        self.hash == hash && requested.equivalent(self.series.values())
    }
}

fn find<'a>(entries: &'a Shard, hash: u64, requested: &LabelQuery<'_>) -> Option<&'a Arc<Series>> {
    let entry = entries.find(hash, |entry| entry.is(hash, requested) && is_indexed(&entry.series))?;
    Some(&entry.series)
}

/// Drops the series that lookups no longer find.
fn detach_removed(shard: &ArcSwap<Shard>) {
    shard.rcu(|entries| {
        if entries.iter().all(|entry| is_indexed(&entry.series)) {
            return Arc::clone(entries);
        }
        let mut entries = HashTable::clone(entries);
        entries.retain(|entry| is_indexed(&entry.series));
        Arc::new(entries)
    });
}

/// Whether lookups may find the series.
fn is_indexed(series: &Series) -> bool {
    !matches!(series.state(), SeriesState::Detached | SeriesState::Removed)
}
