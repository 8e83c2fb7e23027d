//! Forks and descriptors of the host process, for the crates that serve what was recorded. Not part of the
//! API.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

pub use crate::sys::fork::OncePerProcess;
use crate::{
    at_exit, observe,
    sys::{fork, own_descriptor::OwnDescriptor},
};

/// Which of the processes on this image's line of forks this one is. Watches forks from now on.
#[must_use]
pub fn generation() -> u32 {
    observe::watch_forks();
    fork::generation()
}

/// Writes what only this process's memory holds to the metrics directories that it records in, as far as that is
/// possible now. Returns within some seconds.
pub fn save() {
    at_exit::save();
}

/// An open file of this process alone: a forked child has closed it before `fork` returns.
#[derive(Debug)]
pub struct Descriptor(OwnDescriptor);

impl Descriptor {
    /// Keeps what `open` opens, which must not allocate: no fork happens meanwhile, and another library may
    /// have locked the allocator for one.
    ///
    /// # Errors
    ///
    /// What `open` returns.
    pub fn open(open: impl FnOnce() -> rustix::io::Result<OwnedFd>) -> io::Result<Descriptor> {
        observe::watch_forks();
        Ok(Descriptor(OwnDescriptor::open(open)?))
    }

    /// The descriptor, for one call to the system.
    ///
    /// # Errors
    ///
    /// `EBADF` where it is this process's no longer.
    pub fn get(&self) -> io::Result<BorrowedFd<'_>> {
        self.0.get()
    }
}
