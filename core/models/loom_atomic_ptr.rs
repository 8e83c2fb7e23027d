//! `AtomicPtr` of a model: loom's, which also holds against loom's clocks who follows a pointer.
//!
//! What a pointer leads to was written before the pointer was first given to anybody. loom sees no plain
//! memory, so each address has a witness: a cell that is made, which counts as written, when the pointer
//! is first stored, and read by every thread that loads the pointer. loom stops a run in which the one did
//! not happen before the other.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicPtr as Pointer, Ordering},
};

std::thread_local! {
    static WITNESSES: RefCell<HashMap<usize, Rc<UnsafeCell<()>>>> = RefCell::default();
}

/// Begins a run.
pub(crate) fn forget() {
    WITNESSES.take();
}

fn given<T>(pointer: *mut T) {
    if !pointer.is_null() {
        let new = || Rc::new(UnsafeCell::new(()));
        WITNESSES.with_borrow_mut(|known| _ = known.entry(pointer.addr()).or_insert_with(new));
    }
}

fn followed<T>(pointer: *mut T) {
    let witness = WITNESSES.with_borrow(|known| known.get(&pointer.addr()).cloned());
    if let Some(witness) = witness {
        witness.with(|_| ());
    }
}

#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(Pointer<T>);

impl<T> AtomicPtr<T> {
    pub(crate) fn new(pointer: *mut T) -> AtomicPtr<T> {
        given(pointer);
        AtomicPtr(Pointer::new(pointer))
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        let pointer = self.0.load(order);
        followed(pointer);
        pointer
    }

    pub(crate) fn store(&self, to: *mut T, order: Ordering) {
        given(to);
        self.0.store(to, order);
    }

    pub(crate) fn compare_exchange(
        &self,
        from: *mut T,
        to: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        given(to);
        self.0.compare_exchange(from, to, success, failure).inspect_err(|&other| followed(other))
    }
}
