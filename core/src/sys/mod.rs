//! Calls that differ between operating systems, and the process's forks and descriptors.
//!
//! No other module depends on the operating system. On Linux, `--cfg ictus_portable` selects the
//! code of all other systems, so that it can be tested.

use std::io;

use rustix::process::{Resource, getrlimit};

#[cfg(not(unix))]
compile_error!("ictus maps files and asks the kernel for locks as Unix has them; see docs/platforms.md");

pub(crate) mod fork;
#[cfg(not(any(ictus_portable, not(target_os = "linux"))))]
mod linux;
pub(crate) mod own_descriptor;
#[cfg(any(ictus_portable, not(target_os = "linux")))]
mod portable;
pub(crate) mod wiped;

mod file_size;
mod zeros;

#[cfg(not(any(ictus_portable, not(target_os = "linux"))))]
use linux as system;
#[cfg(any(ictus_portable, not(target_os = "linux")))]
use portable as system;

#[cfg(target_arch = "x86_64")]
pub(crate) use system::has_invariant_tsc;
#[cfg(feature = "record")]
pub(crate) use system::{AT_FREE_ADDRESSES, KEPT_FROM_CHILDREN, MAP_RESERVE, commit};
pub(crate) use system::{
    WIPED_IN_CHILDREN, boot_id, compresses, maps_file, since_boot, time_namespace, unsupported_file_system,
};

/// Returns the maximum number of files that one part of Ictus keeps open: a quarter of the
/// process's limit, at least 8 and at most 256.
pub(crate) fn descriptor_share() -> usize {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    (limit.unwrap_or(usize::MAX) / 4).clamp(8, 256)
}

/// Returns a random number, which is unique in practice.
pub(crate) fn random_id() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

/// The number of this thread's calls for committed memory.
#[cfg(test)]
pub(crate) mod growth {
    use std::cell::Cell;

    thread_local! {
        static SYSCALLS: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn count() {
        SYSCALLS.set(SYSCALLS.get() + 1);
    }

    pub(crate) fn syscall_count() -> usize {
        SYSCALLS.get()
    }
}

/// A replacement without effect: only tests count.
#[cfg(not(test))]
pub(crate) mod growth {
    #[inline(always)]
    pub(crate) fn count() {}
}
