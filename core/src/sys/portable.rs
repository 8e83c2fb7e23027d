//! Any Unix, within the guarantees of POSIX and `flock`.

use std::{io, os::fd::AsFd, sync::atomic::AtomicUsize};

use rustix::mm::{Advice, MapFlags};

use super::{file_size, zeros};

/// No portable flag exists.
pub(crate) const MAP_RESERVE: MapFlags = MapFlags::empty();
/// No portable flag exists. Without it, the address is only a hint, and nothing is mapped over.
pub(crate) const AT_FREE_ADDRESSES: MapFlags = MapFlags::empty();
/// No portable advice exists.
pub(crate) const WIPED_IN_CHILDREN: Option<Advice> = None;
/// No portable advice exists.
pub(crate) const KEPT_FROM_CHILDREN: Option<Advice> = None;

/// Commits a file up to `end`. Fails if the disk is full or if the file would exceed the process's
/// limit.
pub(crate) fn commit(file: impl AsFd, committed: &AtomicUsize, end: usize) -> io::Result<()> {
    file_size::check(end)?;
    zeros::append(file, committed, end)
}

/// Returns false: there is no portable way to find out.
pub(crate) fn maps_file(_: u32, _: &str) -> bool {
    false
}

/// Returns false: whether all processors share one counter is unknown.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_invariant_tsc() -> bool {
    false
}

/// Returns `None`: there is no portable boot id. Boots are compared by their time of day.
pub(crate) fn boot_id() -> Option<String> {
    None
}

/// Returns `None`: only Linux has time namespaces.
pub(crate) fn time_namespace() -> Option<String> {
    None
}

/// Returns `None`: there is no portable clock that counts while the system sleeps.
pub(crate) fn since_boot() -> Option<u64> {
    None
}

/// Returns `None`: there is no portable way to find out, so no file system is rejected.
pub(crate) fn unsupported_file_system(_: impl AsFd) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// Returns true: whether the file system compresses is unknown.
pub(crate) fn compresses(_: impl AsFd) -> bool {
    true
}
