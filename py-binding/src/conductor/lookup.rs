//! A cache from label values to the handle of a series.
//!
//! It lies between the methods of the collector and the handles of the core. A hit neither
//! allocates nor leaves this process. A miss gets the series from the family in the core and caches
//! its handle twice: by the label objects (`seen`) and by their texts.

use std::{
    borrow::Cow,
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use ictus::{Family, observe::MetricHandle};
use pyo3::prelude::*;

use super::seen::IdentityCache;
use crate::{label, log};

/// Maximum number of label sets cached per metric. The core bounds the series of a family; all
/// further label sets share the overflow series. Caching each of those would use the memory that
/// the bound saves.
const MAX_REMEMBERED: usize = 4096;

/// The handles of one metric, found by their `N` label values.
pub(crate) struct HandleCache<H, const N: usize> {
    seen: IdentityCache<H, N>,
    family: Family<H>,
    hasher: DefaultHashBuilder,
    /// Locked only by threads that hold the GIL, and never across a release of it: no Python code
    /// runs inside the lock. The lock is therefore never contended. No other thread can hold it
    /// during `os.fork`, whose caller holds the GIL too.
    remembered: Mutex<HashTable<CachedHandle<H, N>>>,
}

struct CachedHandle<H, const N: usize> {
    labels: [Box<str>; N],
    handle: H,
}

impl<H: MetricHandle + Clone, const N: usize> HandleCache<H, N> {
    pub(crate) fn new(family: Family<H>) -> HandleCache<H, N> {
        HandleCache {
            seen: IdentityCache::new(),
            family,
            hasher: DefaultHashBuilder::default(),
            remembered: Mutex::new(HashTable::new()),
        }
    }

    /// Records on the series with these label objects.
    #[inline]
    pub(crate) fn with(&self, labels: [&Bound<'_, PyAny>; N], record: impl FnOnce(&H)) -> PyResult<()> {
        self.with_all(labels, |_| (), None::<fn([&str; N])>, record)
    }

    /// Does the same as [`with`](HandleCache::with); `spell` changes the texts of the objects into
    /// label values.
    #[inline]
    pub(crate) fn with_spelled(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        spell: fn(&mut [Cow<'_, str>; N]),
        record: impl FnOnce(&H),
    ) -> PyResult<()> {
        self.with_all(labels, spell, None::<fn([&str; N])>, record)
    }

    /// Does the same as [`with`](HandleCache::with). Calls `begin` with the label values of a
    /// series that this process has not recorded yet.
    #[inline]
    pub(crate) fn with_begun(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        begin: impl FnOnce([&str; N]),
        record: impl FnOnce(&H),
    ) -> PyResult<()> {
        self.with_all(labels, |_| (), Some(begin), record)
    }

    #[inline]
    fn with_all(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        spell: fn(&mut [Cow<'_, str>; N]),
        begin: Option<impl FnOnce([&str; N])>,
        record: impl FnOnce(&H),
    ) -> PyResult<()> {
        match self.seen.find(&labels) {
            Some(handle) => record(handle),
            None => {
                if let Some(handle) = self.unseen(labels, spell, begin)? {
                    record(&handle);
                }
                // Creating a series fails, and logs, if the disk is full.
                if let Some(label) = labels.first() {
                    log::deliver_later(label.py());
                }
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn unseen(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        spell: fn(&mut [Cow<'_, str>; N]),
        begin: Option<impl FnOnce([&str; N])>,
    ) -> PyResult<Option<H>> {
        // `str()` runs Python code, so it must run before the lock is taken.
        let mut texts: [Cow<'_, str>; N] = [const { Cow::Borrowed("") }; N];
        for (text, label) in texts.iter_mut().zip(labels) {
            *text = label::text(label)?;
        }
        spell(&mut texts);
        let texts = std::array::from_fn(|at| &*texts[at]);
        if let Some(begin) = begin
            && !self.is_remembered(texts)
        {
            begin(texts);
        }
        let handle = self.of_texts(texts, H::clone);
        if let Some(handle) = &handle {
            self.seen.keep(&labels, handle.clone());
        }
        Ok(handle)
    }

    /// Creates the series with these label values, so that it is shown at 0 before its first
    /// recording.
    pub(crate) fn show(&self, labels: [&str; N]) {
        self.of_texts(labels, |_| ());
    }

    fn is_remembered(&self, labels: [&str; N]) -> bool {
        let hash = self.hasher.hash_one(labels);
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.find(hash, |entry| entry.is(labels)).is_some()
    }

    /// Records on the series with these label values.
    pub(crate) fn with_texts(&self, labels: [&str; N], record: impl FnOnce(&H)) {
        self.of_texts(labels, record);
    }

    fn of_texts<T>(&self, labels: [&str; N], then: impl FnOnce(&H) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(labels);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = remembered.find(hash, |entry| entry.is(labels)) {
            return Some(then(&found.handle));
        }
        // Fails only for a wrong number of labels, which the types of `CatalogMetrics` rule out.
        let handle = self.family.labels(&labels).ok()?;
        let then = then(&handle);
        if remembered.len() < MAX_REMEMBERED {
            let entry = CachedHandle { labels: labels.map(Box::from), handle };
            remembered.insert_unique(hash, entry, |entry| {
                self.hasher.hash_one(std::array::from_fn::<&str, N, _>(|at| &entry.labels[at]))
            });
        }
        Some(then)
    }
}

impl<H, const N: usize> CachedHandle<H, N> {
    fn is(&self, labels: [&str; N]) -> bool {
        self.labels.iter().zip(labels).all(|(mine, given)| **mine == *given)
    }
}
