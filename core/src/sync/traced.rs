//! `AtomicU64` as unit tests get it: the same word, whose stores a test can follow.
//!
//! A test that knows every store with its ordering can work out whatever a reader on any machine
//! could see, which no number of runs on one machine shows.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64 as Word, Ordering},
};

/// A word of memory.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct AtomicU64(Word);

/// One store, in the order in which the thread made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    pub(crate) address: usize,
    pub(crate) value: u64,
    /// Whether whoever acquires this store sees all that came before.
    pub(crate) release: bool,
}

thread_local! {
    static TRACE: RefCell<Option<Vec<Store>>> = const { RefCell::new(None) };
}

/// The stores that this thread makes in `run`.
pub(crate) fn trace(run: impl FnOnce()) -> Vec<Store> {
    TRACE.set(Some(Vec::new()));
    run();
    TRACE.take().unwrap_or_default()
}

impl AtomicU64 {
    pub(crate) const fn new(value: u64) -> AtomicU64 {
        AtomicU64(Word::new(value))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
        self.note(value, order != Ordering::Relaxed);
    }

    fn note(&self, value: u64, release: bool) {
        TRACE.with_borrow_mut(|trace| {
            if let Some(stores) = trace {
                stores.push(Store { address: (&raw const self.0).addr(), value, release });
            }
        });
    }

    #[inline]
    pub(crate) fn fetch_add(&self, by: u64, order: Ordering) -> u64 {
        self.0.fetch_add(by, order)
    }

    #[inline]
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        let before = self.0.fetch_update(set, fetch, &mut update)?;
        if let Some(value) = update(before) {
            self.note(value, matches!(set, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst));
        }
        Ok(before)
    }

    #[inline]
    pub(crate) fn compare_exchange(
        &self,
        from: u64,
        to: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let before = self.0.compare_exchange(from, to, success, failure)?;
        self.note(to, matches!(success, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst));
        Ok(before)
    }
}
