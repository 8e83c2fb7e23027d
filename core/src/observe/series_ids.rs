//! The ids of series: dense, so that they index every thread's table of lanes. The ids of dropped
//! series are reused first.

use std::sync::TryLockError;

use crate::{
    sync::{AtomicU32, Mutex, Ordering, process_wide, static_ref::AtomicOptionRef},
    sys::fork,
};

process_wide! {
    static NEXT: AtomicU32 = AtomicU32::new(0);
}
process_wide! {
    static FREE: AtomicOptionRef<Free> = AtomicOptionRef::null();
}

struct Free {
    /// A forked child has its own: its parent's mutex may be locked permanently.
    generation: u32,
    ids: Mutex<Vec<usize>>,
}

fn with_free<T>(act: impl FnOnce(&mut Vec<usize>) -> T) -> Option<T> {
    let existing = FREE.load(Ordering::Acquire);
    let free = match existing {
        Some(free) if free.generation == fork::generation() => free,
        _ => {
            let new: &'static Free =
                Box::leak(Box::new(Free { generation: fork::generation(), ids: Mutex::default() }));
            match FREE.compare_exchange(existing, Some(new), Ordering::AcqRel) {
                Ok(()) => new,
                Err(other) => other?,
            }
        }
    };
    match free.ids.try_lock() {
        Ok(mut ids) => Some(act(&mut ids)),
        Err(TryLockError::Poisoned(poisoned)) => Some(act(&mut poisoned.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}

pub(super) fn acquire() -> usize {
    let free = with_free(Vec::pop).flatten();
    free.unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed) as usize)
}

pub(super) fn release(id: usize) {
    // The lock is held only briefly; a few ids may be lost.
    for _ in 0..100 {
        if with_free(|free| free.push(id)).is_some() {
            return;
        }
        std::thread::yield_now();
    }
}
