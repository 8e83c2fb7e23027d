//! Atomic references to values that are never freed, so that a loaded reference stays valid.
#![expect(unsafe_code, reason = "makes references of pointers that were references")]

use std::ptr;

use super::{AtomicPtr, Ordering};
#[cfg(not(ictus_loom))]
use crate::sys::wiped;

/// An optional `&'static T`, which one thread may replace while other threads load it.
#[derive(Debug)]
#[cfg_attr(not(ictus_loom), repr(transparent))]
pub(crate) struct AtomicOptionRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> AtomicOptionRef<T> {
    #[cfg(not(ictus_loom))]
    pub(crate) const fn null() -> AtomicOptionRef<T> {
        AtomicOptionRef(AtomicPtr::new(ptr::null_mut()))
    }

    /// Loom's atomics are created at run time.
    #[cfg(ictus_loom)]
    pub(crate) fn null() -> AtomicOptionRef<T> {
        AtomicOptionRef(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> Option<&'static T> {
        let pointer = self.0.load(order);
        // SAFETY: null, or from a `&'static T` passed to `store` or `compare_exchange`.
        unsafe { pointer.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn store(&self, to: Option<&'static T>, order: Ordering) {
        self.0.store(raw(to), order);
    }

    /// Replaces `from` by `to`. On failure, returns the current reference as `Err`.
    pub(crate) fn compare_exchange(
        &self,
        from: Option<&'static T>,
        to: Option<&'static T>,
        order: Ordering,
    ) -> Result<(), Option<&'static T>> {
        match self.0.compare_exchange(raw(from), raw(to), order, Ordering::Acquire) {
            Ok(_) => Ok(()),
            // SAFETY: null, or from a `&'static T` passed to `store` or `compare_exchange`.
            Err(pointer) => Err(unsafe { pointer.as_ref() }),
        }
    }
}

impl<T: 'static> AtomicOptionRef<T> {
    /// Returns `count` references, all `None`. In a forked child they are `None` again, if the
    /// system supports that.
    #[cfg(not(ictus_loom))]
    pub(crate) fn wiped(count: usize) -> &'static [AtomicOptionRef<T>] {
        let words = wiped::words((count * size_of::<AtomicOptionRef<T>>()).div_ceil(size_of::<u64>()));
        match words {
            // SAFETY: of at least the size, and as aligned; zeros are null pointers, and
            // `AtomicOptionRef` is transparent. No other code has the words.
            Some(words) => unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), count) },
            None => AtomicOptionRef::unwiped(count),
        }
    }

    /// A model does not fork.
    #[cfg(ictus_loom)]
    pub(crate) fn wiped(count: usize) -> &'static [AtomicOptionRef<T>] {
        AtomicOptionRef::unwiped(count)
    }

    fn unwiped(count: usize) -> &'static [AtomicOptionRef<T>] {
        let references: Box<[AtomicOptionRef<T>]> =
            (0..count).map(|_| AtomicOptionRef(AtomicPtr::new(ptr::null_mut()))).collect();
        Box::leak(references)
    }
}

/// A `&'static T`, which one thread may replace while other threads load it.
#[derive(Debug)]
pub(crate) struct AtomicStaticRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> AtomicStaticRef<T> {
    pub(crate) fn new(to: &'static T) -> AtomicStaticRef<T> {
        AtomicStaticRef(AtomicPtr::new(raw(Some(to))))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> &'static T {
        // SAFETY: from a `&'static T` passed to `new` or `store`.
        unsafe { &*self.0.load(order) }
    }

    #[inline(always)]
    pub(crate) fn store(&self, to: &'static T, order: Ordering) {
        self.0.store(raw(Some(to)), order);
    }
}

fn raw<T>(reference: Option<&'static T>) -> *mut T {
    reference.map_or(ptr::null_mut(), |reference| ptr::from_ref(reference).cast_mut())
}
