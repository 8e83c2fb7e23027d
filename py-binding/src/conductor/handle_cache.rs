//! A cache from label values to the handle of a series.
//!
//! It lies between the methods of the collector and the handles of the core. A hit neither
//! allocates nor leaves this process. A miss gets the series from the family in the core and caches
//! its handle twice: by the label objects (`by_identity`) and by their texts (`by_text`).

use std::{
    borrow::Cow,
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use ictus::{Family, observe::MetricHandle};
use pyo3::prelude::*;

use super::identity_cache::IdentityCache;
use crate::{label, log};

/// Maximum number of label sets cached per metric. The core bounds the series of a family; all
/// further label sets share the overflow series. Caching each of those would use the memory that
/// the bound saves.
const MAX_CACHED: usize = 4096;

/// The handles of one metric, found by their `N` label values.
pub(crate) struct HandleCache<H, const N: usize> {
    by_identity: IdentityCache<H, N>,
    family: Family<H>,
    hasher: DefaultHashBuilder,
    /// Locked only by threads that hold the GIL, and never across a release of it: no Python code
    /// runs inside the lock. The lock is therefore never contended. No other thread can hold it
    /// during `os.fork`, whose caller holds the GIL too.
    by_text: Mutex<HashTable<CachedHandle<H, N>>>,
}

struct CachedHandle<H, const N: usize> {
    labels: [Box<str>; N],
    handle: H,
}

impl<H: MetricHandle + Clone, const N: usize> HandleCache<H, N> {
    pub(crate) fn new(family: Family<H>) -> HandleCache<H, N> {
        HandleCache {
            by_identity: IdentityCache::new(),
            family,
            hasher: DefaultHashBuilder::default(),
            by_text: Mutex::new(HashTable::new()),
        }
    }

    /// Records on the series with these label objects.
    #[inline]
    pub(crate) fn with(&self, labels: [&Bound<'_, PyAny>; N], record: impl FnOnce(&H)) -> PyResult<()> {
        self.with_all(labels, |_| (), None::<fn([&str; N])>, record)
    }

    /// Does the same as [`with`](HandleCache::with); `normalize` changes the texts of the objects into
    /// label values.
    #[inline]
    pub(crate) fn with_normalized(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        normalize: fn(&mut [Cow<'_, str>; N]),
        record: impl FnOnce(&H),
    ) -> PyResult<()> {
        self.with_all(labels, normalize, None::<fn([&str; N])>, record)
    }

    /// Does the same as [`with`](HandleCache::with). Calls `on_new` with the label values of a
    /// series that this process has not recorded yet.
    #[inline]
    pub(crate) fn with_new(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        on_new: impl FnOnce([&str; N]),
        record: impl FnOnce(&H),
    ) -> PyResult<()> {
        self.with_all(labels, |_| (), Some(on_new), record)
    }

    #[inline]
    fn with_all(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        normalize: fn(&mut [Cow<'_, str>; N]),
        on_new: Option<impl FnOnce([&str; N])>,
        record: impl FnOnce(&H),
    ) -> PyResult<()> {
        match self.by_identity.find(&labels) {
            Some(handle) => record(handle),
            None => {
                if let Some(handle) = self.find_or_create(labels, normalize, on_new)? {
                    record(&handle);
                }
                // Creating a series fails, and logs, if the disk is full.
                if let Some(label) = labels.first() {
                    log::flush_later(label.py());
                }
            }
        }
        Ok(())
    }

    /// Returns the handle by the texts of the label objects, and caches it by the objects.
    #[inline(never)]
    fn find_or_create(
        &self,
        labels: [&Bound<'_, PyAny>; N],
        normalize: fn(&mut [Cow<'_, str>; N]),
        on_new: Option<impl FnOnce([&str; N])>,
    ) -> PyResult<Option<H>> {
        // `str()` runs Python code, so it must run before the lock is taken.
        let mut texts: [Cow<'_, str>; N] = [const { Cow::Borrowed("") }; N];
        for (text, label) in texts.iter_mut().zip(labels) {
            *text = label::text(label)?;
        }
        normalize(&mut texts);
        let texts = std::array::from_fn(|index| &*texts[index]);
        if let Some(on_new) = on_new
            && !self.is_cached(texts)
        {
            on_new(texts);
        }
        let handle = self.with_handle(texts, H::clone);
        if let Some(handle) = &handle {
            self.by_identity.insert(&labels, handle.clone());
        }
        Ok(handle)
    }

    /// Creates the series with these label values, so that it is shown at 0 before its first
    /// recording.
    pub(crate) fn create(&self, labels: [&str; N]) {
        self.with_handle(labels, |_| ());
    }

    fn is_cached(&self, labels: [&str; N]) -> bool {
        let hash = self.hasher.hash_one(labels);
        let cached = self.by_text.lock().unwrap_or_else(PoisonError::into_inner);
        cached.find(hash, |entry| entry.matches(labels)).is_some()
    }

    /// Records on the series with these label values.
    pub(crate) fn with_texts(&self, labels: [&str; N], record: impl FnOnce(&H)) {
        self.with_handle(labels, record);
    }

    /// Passes the cached or new handle of these label values to a function.
    fn with_handle<T>(&self, labels: [&str; N], then: impl FnOnce(&H) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(labels);
        let mut cached = self.by_text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = cached.find(hash, |entry| entry.matches(labels)) {
            return Some(then(&entry.handle));
        }
        // Fails only for a wrong number of labels, which the types of `CatalogMetrics` rule out.
        let handle = self.family.labels(&labels).ok()?;
        let result = then(&handle);
        if cached.len() < MAX_CACHED {
            let entry = CachedHandle { labels: labels.map(Box::from), handle };
            cached.insert_unique(hash, entry, |entry| {
                self.hasher.hash_one(std::array::from_fn::<&str, N, _>(|index| &entry.labels[index]))
            });
        }
        Some(result)
    }
}

impl<H, const N: usize> CachedHandle<H, N> {
    fn matches(&self, labels: [&str; N]) -> bool {
        self.labels.iter().zip(labels).all(|(cached, given)| **cached == *given)
    }
}
