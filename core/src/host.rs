//! Forks, descriptors and log lines of the host process, for the crates that serve metrics. Not part of the
//! public API.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

pub use crate::log_once::{LogOnce, LoggedCauses};
use crate::{
    at_exit, observe,
    sys::{fork, own_descriptor::OwnDescriptor},
};

/// Returns the generation of this process: a number that each fork changes, never 0. Registers the
/// fork handlers.
#[must_use]
pub fn generation() -> u32 {
    observe::watch_forks();
    fork::generation()
}

/// Writes observations that are only in this process's memory to the metrics directories in which
/// it records, if that is possible now. Returns within a few seconds.
pub fn save() {
    at_exit::save();
}

/// An open file of this process only: a forked child closes it before `fork` returns.
#[derive(Debug)]
pub struct Descriptor(OwnDescriptor);

impl Descriptor {
    /// Opens and holds a descriptor. `open` must not allocate: forks are delayed until it returns,
    /// and the fork handler of another library may hold the allocator's lock.
    ///
    /// # Errors
    ///
    /// Returns the error of `open`.
    pub fn open(open: impl FnOnce() -> rustix::io::Result<OwnedFd>) -> io::Result<Descriptor> {
        observe::watch_forks();
        Ok(Descriptor(OwnDescriptor::open(open)?))
    }

    /// Returns the descriptor, for one system call.
    ///
    /// # Errors
    ///
    /// Returns `EBADF` if the descriptor does not belong to this process, as in a forked child.
    pub fn get(&self) -> io::Result<BorrowedFd<'_>> {
        self.0.get()
    }
}
