//! `AtomicPtr` of a model: loom's, which also checks every thread that follows a pointer.
//!
//! The target of a pointer was written before the pointer was first stored. loom does not see plain
//! memory, so each address has a witness cell. The cell is created, which counts as a write, when
//! the pointer is first stored. Every thread that loads the pointer reads the cell. loom stops a
//! run in which the write did not happen before the read.

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
        WITNESSES.with_borrow_mut(|witnesses| _ = witnesses.entry(pointer.addr()).or_insert_with(new));
    }
}

fn followed<T>(pointer: *mut T) {
    let witness = WITNESSES.with_borrow(|witnesses| witnesses.get(&pointer.addr()).cloned());
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
