//! Any Unix, with what POSIX and `flock` promise.

use std::{io, os::fd::AsFd, sync::atomic::AtomicUsize};

use rustix::mm::{Advice, MapFlags};

use super::{file_size, zeros};
use crate::clock;

/// There is no flag for it everywhere.
pub(crate) const RESERVED_ONLY: MapFlags = MapFlags::empty();
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

/// What must be the same for two stamps to be comparable: the boot, known by its time of day.
pub(crate) fn clock_identity(source: &str) -> String {
    let booted = clock::wall().saturating_sub(clock::monotonic()) / 1_000_000_000;
    format!("{source} {booted}")
}

/// Whether two identities are of one clock. The time of day is corrected while a system runs: a
/// minute's difference is no other boot, and a clock that is set makes one, which loses nothing.
pub(crate) fn is_same_clock(one: &str, other: &str) -> bool {
    let parse = |text: &str| {
        let (source, booted) = text.split_once(' ')?;
        Some((source.to_owned(), booted.parse::<u64>().ok()?))
    };
    match (parse(one), parse(other)) {
        (Some((one, booted)), Some((other, again))) => one == other && booted.abs_diff(again) < 60,
        _ => false,
    }
}

/// There is no common way to ask: nothing is refused.
pub(crate) fn refused_file_system(_: impl AsFd) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// Whether a file's blocks are fewer than its contents: not asked here.
pub(crate) fn compresses(_: impl AsFd) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::{clock_identity, is_same_clock};

    #[test]
    fn a_boot_is_known_by_its_time() {
        assert!(is_same_clock(&clock_identity("monotonic"), &clock_identity("monotonic")));
        assert!(is_same_clock("monotonic 1000000", "monotonic 1000059"));
        for other in ["monotonic 1000060", "monotonic 999900", "tsc 1000000", "monotonic", "", "monotonic x"]
        {
            assert!(!is_same_clock("monotonic 1000000", other), "{other}");
        }
    }
}
