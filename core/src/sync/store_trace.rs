//! `AtomicU64` as unit tests get it: the same word, whose stores a test can follow.
//!
//! A test that knows every store with its ordering can work out whatever a reader on any machine
//! could see, which no number of runs on one machine shows.

use std::{
    cell::RefCell,
    panic::Location,
    sync::atomic::{self, AtomicU64 as Word, Ordering},
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
    /// Whoever acquires this store sees so many of the first ones: itself and all before it, or those
    /// before the last release fence.
    pub(crate) releases: usize,
    /// The line of code that made it.
    pub(crate) site: CallSite,
}

/// A place in the source.
pub(crate) type CallSite = &'static Location<'static>;

thread_local! {
    static TRACE: RefCell<Option<TracedU64>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct TracedU64 {
    stores: Vec<Store>,
    /// How many there were at the last release fence.
    fenced: usize,
}

/// The stores that this thread makes in `run`.
pub(crate) fn trace(run: impl FnOnce()) -> Vec<Store> {
    TRACE.set(Some(TracedU64::default()));
    run();
    TRACE.take().unwrap_or_default().stores
}

/// How many stores this thread has made in the trace.
pub(crate) fn count() -> usize {
    TRACE.with_borrow(|trace| trace.as_ref().map_or(0, |traced| traced.stores.len()))
}

/// From here on another thread goes on, which acquired all that this one did: no fence of this one is
/// before its stores.
pub(crate) fn hand_over() {
    TRACE.with_borrow_mut(|trace| {
        if let Some(traced) = trace {
            traced.fenced = 0;
        }
    });
}

/// The standard library's, kept as well.
pub(crate) fn fence(order: Ordering) {
    atomic::fence(order);
    let _ = TRACE.try_with(|trace| {
        if let Some(traced) = &mut *trace.borrow_mut()
            && releases(order)
        {
            traced.fenced = traced.stores.len();
        }
    });
}

fn releases(order: Ordering) -> bool {
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
        self.note(value, order);
    }

    #[track_caller]
    fn note(&self, value: u64, order: Ordering) {
        let site = Location::caller();
        // In a thread that ends, nobody traces.
        let _ = TRACE.try_with(|trace| {
            if let Some(TracedU64 { stores, fenced }) = &mut *trace.borrow_mut() {
                let releases = if releases(order) { stores.len() + 1 } else { *fenced };
                stores.push(Store { address: (&raw const self.0).addr(), value, releases, site });
            }
        });
    }

    #[inline]
    #[track_caller]
    pub(crate) fn fetch_add(&self, by: u64, order: Ordering) -> u64 {
        let before = self.0.fetch_add(by, order);
        self.note(before.wrapping_add(by), order);
        before
    }

    #[inline]
    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        let before = self.0.fetch_update(set, fetch, &mut update)?;
        if let Some(value) = update(before) {
            self.note(value, set);
        }
        Ok(before)
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
        let before = self.0.compare_exchange(from, to, success, failure)?;
        self.note(to, success);
        Ok(before)
    }
}
