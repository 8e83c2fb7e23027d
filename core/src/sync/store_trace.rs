//! The `AtomicU64` of unit tests: the same word, with a trace of its stores.
//!
//! From all stores with their orderings, a test can derive every value that a reader on any machine
//! may see. No number of runs on one machine shows that.

use std::{
    cell::RefCell,
    panic::Location,
    sync::atomic::{self, AtomicU64 as Word, Ordering},
};

/// A word of memory.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct AtomicU64(Word);

/// A store. Stores are in the order in which the thread made them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    pub(crate) address: usize,
    pub(crate) value: u64,
    /// The number of stores, from the first, that a thread sees after it acquires this store: up to
    /// this one, or up to the last release fence.
    pub(crate) releases: usize,
    /// The line of code that made the store.
    pub(crate) site: CallSite,
}

/// A line of the source code.
pub(crate) type CallSite = &'static Location<'static>;

thread_local! {
    static TRACE: RefCell<Option<TracedU64>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct TracedU64 {
    stores: Vec<Store>,
    /// The number of stores at the last release fence.
    fenced: usize,
}

/// Returns the stores that this thread makes in `run`.
pub(crate) fn trace(run: impl FnOnce()) -> Vec<Store> {
    TRACE.set(Some(TracedU64::default()));
    run();
    TRACE.take().unwrap_or_default().stores
}

/// Returns the number of stores that this thread has made in the trace.
pub(crate) fn count() -> usize {
    TRACE.with_borrow(|trace| trace.as_ref().map_or(0, |traced| traced.stores.len()))
}

/// Continues the trace as another thread that acquired all stores of this one. No fence of this
/// thread precedes the stores of the other.
pub(crate) fn transfer_fence() {
    TRACE.with_borrow_mut(|trace| {
        if let Some(traced) = trace {
            traced.fenced = 0;
        }
    });
}

/// The standard library's fence, with a record in the trace.
pub(crate) fn fence(order: Ordering) {
    atomic::fence(order);
    let _ = TRACE.try_with(|trace| {
        if let Some(traced) = &mut *trace.borrow_mut()
            && is_release(order)
        {
            traced.fenced = traced.stores.len();
        }
    });
}

fn is_release(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
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
    #[track_caller]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
        self.record_store(value, order);
    }

    #[track_caller]
    fn record_store(&self, value: u64, order: Ordering) {
        let site = Location::caller();
        // A thread that ends has no trace.
        let _ = TRACE.try_with(|trace| {
            if let Some(TracedU64 { stores, fenced }) = &mut *trace.borrow_mut() {
                let releases = if is_release(order) { stores.len() + 1 } else { *fenced };
                stores.push(Store { address: (&raw const self.0).addr(), value, releases, site });
            }
        });
    }

    #[inline]
    #[track_caller]
    pub(crate) fn fetch_add(&self, by: u64, order: Ordering) -> u64 {
        let previous = self.0.fetch_add(by, order);
        self.record_store(previous.wrapping_add(by), order);
        previous
    }

    #[inline]
    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        let previous = self.0.fetch_update(set, fetch, &mut update)?;
        if let Some(value) = update(previous) {
            self.record_store(value, set);
        }
        Ok(previous)
    }

    #[inline]
    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        from: u64,
        to: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let previous = self.0.compare_exchange(from, to, success, failure)?;
        self.record_store(to, success);
        Ok(previous)
    }
}
