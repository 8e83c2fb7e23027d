//! The file behind a segment: how it grows, and which lock shows that its owner is alive.
//!
//! The owner holds an exclusive `flock`. Where possible, this is a lock of the open file that is
//! *mapped*, whose descriptor is closed at once. Nothing that the host does to descriptors can
//! release that lock. No forked child has it, because the mapping is kept from children, and it
//! ends with the process. If a mapping does not pin its open file (overlayfs), or cannot be kept
//! from children, a descriptor holds the lock.
//!
//! A second open file serves to grow the file, as long as its descriptor number refers to the
//! segment's file. After that, the file is opened again at its path. It stays open in between,
//! because a program may give up the right to open it.

use std::{
    io,
    os::fd::BorrowedFd,
    sync::{
        RwLock, TryLockError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::{
    directory::{Directory, FileIdentity, NewSegment, access::MetricsPath, file_identity},
    log_once::LogOnce,
    sys::own_descriptor::OwnDescriptor,
};

/// The file of a segment of this process.
#[derive(Debug)]
pub(crate) struct Backing {
    descriptor: RwLock<OwnDescriptor>,
    /// Whether the descriptor, not the mapping, holds the lock.
    locks: AtomicBool,
    /// Descriptors that the host has closed and that are not counted yet.
    closed: AtomicU64,
    metrics_path: MetricsPath,
    id: u64,
    identity: FileIdentity,
}

impl Backing {
    /// Creates the backing of a new segment, to be mapped through its first open file. Also returns
    /// the second open file, for [`settle`](Backing::settle).
    pub(crate) fn new(
        directory: &Directory,
        id: u64,
        new: NewSegment,
    ) -> io::Result<(Backing, OwnDescriptor)> {
        let standing = file_identity(new.file.get()?)?;
        let backing = Backing {
            descriptor: RwLock::new(new.file),
            locks: AtomicBool::new(false),
            closed: AtomicU64::new(0),
            metrics_path: directory.metrics_path().clone(),
            id,
            identity: standing,
        };
        Ok((backing, new.second))
    }

    /// Closes the descriptor through which the file was mapped, and continues with the second. Call
    /// it once the file is mapped.
    pub(crate) fn settle(&self, second: OwnDescriptor, is_kept_from_children: bool) -> io::Result<()> {
        let mut descriptor = self.descriptor.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = std::mem::replace(&mut *descriptor, second);
        if !is_kept_from_children {
            // A mapping that a fork inherits would pin the lock.
            flock(first.get()?, FlockOperation::Unlock)?;
        }
        drop(first);
        let second = descriptor.get()?;
        match flock(second, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {
                flock(second, FlockOperation::NonBlockingLockExclusive)?;
                self.locks.store(true, Relaxed);
            }
        }
        Ok(())
    }

    /// Returns the identity of the file.
    pub(crate) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Calls `act` with the open file through which the file grows. Waits for no other thread.
    pub(crate) fn with<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        let descriptor = match self.descriptor.try_read() {
            Ok(descriptor) => Some(descriptor),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(descriptor) = &descriptor
            && let Ok(file) = descriptor.get()
        {
            return act(file);
        }
        drop(descriptor);
        self.warn_of_closing();
        let again = self.reopen()?;
        if let Ok(mut descriptor) = self.descriptor.try_write()
            && descriptor.get().is_err()
        {
            *descriptor = again;
            self.closed.fetch_add(1, Relaxed);
            if self.locks.load(Relaxed) {
                // This fails if another process has the lock, because it takes this process for
                // dead.
                let _ = flock(descriptor.get()?, FlockOperation::NonBlockingLockExclusive);
            }
            return act(descriptor.get()?);
        }
        act(again.get()?)
    }

    /// Returns how many descriptors the host has closed since the last call.
    pub(crate) fn take_closed(&self) -> u64 {
        if self.closed.load(Relaxed) == 0 { 0 } else { self.closed.swap(0, Relaxed) }
    }

    /// Works like [`with`](Backing::with), for mapping another part. Does not use the locked open
    /// file if a mapping of it would keep the lock from ending.
    pub(crate) fn with_unlocked<T>(
        &self,
        file: BorrowedFd<'_>,
        act: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.locks.load(Relaxed) { act(self.reopen()?.get()?) } else { act(file) }
    }

    fn warn_of_closing(&self) {
        static LOG: LogOnce = LogOnce::new();
        if LOG.is_first() {
            log::warn!(
                "{}: the program closed the descriptor of this file, which Ictus opened; the file is opened again",
                self.metrics_path.segment_path(self.id).display()
            );
        }
    }

    /// Opens the segment's file again, at its path.
    fn reopen(&self) -> io::Result<OwnDescriptor> {
        let directory = self.metrics_path.open()?.ok_or(io::ErrorKind::NotFound)?;
        let file = directory.open_to_grow(self.id)?;
        if file_identity(file.get()?)? != self.identity {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file is in its place"));
        }
        Ok(file)
    }
}
