//! References that change: to what is never freed, so that whoever loads one may keep it.
#![expect(unsafe_code, reason = "makes references of pointers that were references")]

use std::ptr;

use super::{AtomicPtr, Ordering};
#[cfg(not(ictus_loom))]
use crate::sys::wiped;

/// A `&'static T` or nothing, which one thread may change while others look.
#[derive(Debug)]
#[cfg_attr(not(ictus_loom), repr(transparent))]
pub(crate) struct AtomicOptionRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> AtomicOptionRef<T> {
    #[cfg(not(ictus_loom))]
    pub(crate) const fn none() -> AtomicOptionRef<T> {
        AtomicOptionRef(AtomicPtr::new(ptr::null_mut()))
    }

    /// A model's atomics are made at run time.
    #[cfg(ictus_loom)]
    pub(crate) fn none() -> AtomicOptionRef<T> {
        AtomicOptionRef(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> Option<&'static T> {
        let pointer = self.0.load(order);
        // SAFETY: null, or from a `&'static T` given to `store` or `exchange`.
        unsafe { pointer.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn store(&self, to: Option<&'static T>, order: Ordering) {
        self.0.store(raw(to), order);
    }

    /// Puts `to` in place of `from`; `Err` with what stands there instead.
    pub(crate) fn exchange(
        &self,
        from: Option<&'static T>,
        to: Option<&'static T>,
        order: Ordering,
    ) -> Result<(), Option<&'static T>> {
        match self.0.compare_exchange(raw(from), raw(to), order, Ordering::Acquire) {
            Ok(_) => Ok(()),
            // SAFETY: null, or from a `&'static T` given to `store` or `exchange`.
            Err(pointer) => Err(unsafe { pointer.as_ref() }),
        }
    }
}

impl<T: 'static> AtomicOptionRef<T> {
    /// So many that are nothing, and are nothing again in a forked child where the system can do that.
    #[cfg(not(ictus_loom))]
    pub(crate) fn wiped(count: usize) -> &'static [AtomicOptionRef<T>] {
        let words = wiped::words((count * size_of::<AtomicOptionRef<T>>()).div_ceil(size_of::<u64>()));
        match words {
            // SAFETY: of at least the size, and as aligned; zeros are null pointers, and `AtomicOptionRef` is
            // transparent. Nothing else has the words.
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

/// A `&'static T`, which one thread may change while others look.
#[derive(Debug)]
pub(crate) struct AtomicStaticRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> AtomicStaticRef<T> {
    pub(crate) fn new(to: &'static T) -> AtomicStaticRef<T> {
        AtomicStaticRef(AtomicPtr::new(raw(Some(to))))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> &'static T {
        // SAFETY: from a `&'static T` given to `new` or `store`.
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
