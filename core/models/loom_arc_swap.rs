//! `arc_swap` of a model: loom sees which thread reads which value, and what happened before it.
//!
//! Every value that was ever stored is kept until the end of the run. One loom atomic holds the
//! index of the current value. It uses the orderings that the crate promises, and no stronger
//! ones: loads acquire, changes acquire and release.

use std::{
    ops::Deref,
    ptr,
    sync::{Arc, Mutex, PoisonError},
};

use loom::sync::atomic::{AtomicUsize, Ordering};

pub type ArcSwap<T> = ArcSwapAny<Arc<T>>;
pub type ArcSwapOption<T> = ArcSwapAny<Option<Arc<T>>>;

/// A value that threads replace.
#[derive(Debug)]
pub struct ArcSwapAny<T> {
    values: Mutex<Vec<T>>,
    present: AtomicUsize,
}

/// A value that was loaded.
#[derive(Debug)]
pub struct Guard<T>(T);

/// The identity by which values are compared.
pub trait Address {
    fn address(&self) -> *const ();
}

impl<T> Address for Arc<T> {
    fn address(&self) -> *const () {
        Arc::as_ptr(self).cast()
    }
}

impl<T> Address for Option<Arc<T>> {
    fn address(&self) -> *const () {
        self.as_ref().map_or(ptr::null(), Address::address)
    }
}

impl<T> ArcSwapAny<Option<Arc<T>>> {
    pub fn empty() -> Self {
        ArcSwapAny::new(None)
    }
}

impl<T: Address + Clone + Default> Default for ArcSwapAny<T> {
    fn default() -> Self {
        ArcSwapAny::new(T::default())
    }
}

impl<T: Address + Clone> ArcSwapAny<T> {
    pub fn new(value: T) -> ArcSwapAny<T> {
        ArcSwapAny { values: Mutex::new(vec![value]), present: AtomicUsize::new(0) }
    }

    pub fn load(&self) -> Guard<T> {
        Guard(self.load_full())
    }

    pub fn load_full(&self) -> T {
        self.at(self.present.load(Ordering::Acquire))
    }

    pub fn store(&self, value: T) {
        self.swap(value);
    }

    pub fn swap(&self, value: T) -> T {
        let new = self.add(value);
        self.at(self.present.swap(new, Ordering::AcqRel))
    }

    pub fn rcu<R: Into<T>>(&self, mut change: impl FnMut(&T) -> R) -> T {
        let mut previous = self.load_full();
        loop {
            let seen = self.compare_and_swap(&previous, change(&previous).into()).0;
            if seen.address() == previous.address() {
                return previous;
            }
            previous = seen;
        }
    }

    pub fn compare_and_swap(&self, from: &impl Address, to: T) -> Guard<T> {
        let new = self.add(to);
        let mut present = self.present.load(Ordering::Acquire);
        loop {
            let value = self.at(present);
            if value.address() != from.address() {
                return Guard(value);
            }
            // The same value may have been stored twice.
            match self.present.compare_exchange(present, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Guard(value),
                Err(other) => present = other,
            }
        }
    }

    fn at(&self, index: usize) -> T {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)[index].clone()
    }

    fn add(&self, value: T) -> usize {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.push(value);
        values.len() - 1
    }
}

impl<T> Guard<T> {
    pub fn into_inner(guard: Guard<T>) -> T {
        guard.0
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
