//! Any Unix, with what POSIX and `flock` promise.

use std::{io, os::fd::AsFd, sync::atomic::AtomicUsize};

use rustix::mm::{Advice, MapFlags};

use super::{file_size, zeros};
use crate::clock;

/// There is no flag for it everywhere.
pub(crate) const MAP_RESERVE: MapFlags = MapFlags::empty();
/// Not everywhere: where nothing is mapped over, the address is a wish.
pub(crate) const AT_FREE_ADDRESSES: MapFlags = MapFlags::empty();
/// Not everywhere.
pub(crate) const WIPED_IN_CHILDREN: Option<Advice> = None;
/// Not everywhere.
pub(crate) const KEPT_FROM_CHILDREN: Option<Advice> = None;

/// Commits a file up to `end`: a full disk, or a limit of the process, is an error here.
pub(crate) fn commit(file: impl AsFd, committed: &AtomicUsize, end: usize) -> io::Result<()> {
    file_size::check(end)?;
    zeros::append(file, committed, end)
}

/// There is no common way to ask.
pub(crate) fn maps_file(_: u32, _: &str) -> bool {
    false
}

/// Nobody says whether the counter is the same on all processors.
#[cfg(target_arch = "x86_64")]
pub(crate) fn trusts_processor_counter() -> bool {
    false
}

/// There is no common way to ask: a boot is known by its time of day.
pub(crate) fn boot_id() -> Option<String> {
    None
}

/// Only Linux has them.
pub(crate) fn time_namespace() -> Option<String> {
    None
}

/// Nanoseconds since the system was started.
pub(crate) fn since_boot() -> u64 {
    clock::monotonic()
}

/// There is no common way to ask: nothing is refused.
pub(crate) fn refused_file_system(_: impl AsFd) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// Whether a file's blocks are fewer than its contents: not asked here.
pub(crate) fn compresses(_: impl AsFd) -> bool {
    true
}
