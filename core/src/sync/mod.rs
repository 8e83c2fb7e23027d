//! The atomics and locks of the recording path, which a model checker can replace.
//!
//! Under `--cfg ictus_loom`, every atomic and every lock of the recording path is loom's. Loom's
//! atomics cannot be in mapped memory. So the algorithms take references to
//! [`crate::format::layout`] types, and either the mapping or a model provides the memory. In unit
//! tests, `AtomicU64` is the standard library's, with a trace of its stores and fences.

#[cfg(not(ictus_loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, Ordering};
#[cfg(all(feature = "record", not(ictus_loom)))]
pub(crate) use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32},
    },
    thread_local,
};

#[cfg(not(any(ictus_loom, test)))]
pub(crate) use std::sync::atomic::{AtomicU64, fence};

#[cfg(all(test, not(ictus_loom)))]
pub(crate) use store_trace::{AtomicU64, fence};

#[cfg(ictus_loom)]
#[path = "../../models/loom_atomic_ptr.rs"]
pub(crate) mod pointer;
pub(crate) mod static_ref;
#[cfg(all(test, not(ictus_loom)))]
pub(crate) mod store_trace;
#[cfg(ictus_loom)]
pub(crate) use {
    loom::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
    },
    pointer::AtomicPtr,
};

/// Loom's thread-locals. Loom's threads share one thread of the system.
#[cfg(ictus_loom)]
macro_rules! modelled_thread_local {
    ($($(#[$about:meta])* static $name:ident: $type:ty = const $value:block;)*) => {
        loom::thread_local! { $($(#[$about])* static $name: $type = $value;)* }
    };
}
#[cfg(ictus_loom)]
pub(crate) use modelled_thread_local as thread_local;

/// Declares a static. A model creates it again for each of its runs.
#[cfg(all(feature = "record", not(ictus_loom)))]
macro_rules! process_wide {
    ($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$about])*
        static $name: $type = $value;
    };
}
#[cfg(ictus_loom)]
macro_rules! process_wide {
    ($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! {
            $(#[$about])*
            static ref $name: $type = $value;
        }
    };
}
#[cfg(feature = "record")]
pub(crate) use process_wide;
