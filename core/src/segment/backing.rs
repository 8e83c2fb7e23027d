//! The file behind a segment: how it grows, and what says that its owner lives.
//!
//! The owner holds an exclusive `flock`. Where it can be, that is a lock of the open file that is *mapped*,
//! whose number is closed at once: nothing that the host does to descriptors takes it away, no forked child
//! has it (the mapping is kept from children), and it ends with the process. Where a mapping does not pin
//! its open file (overlayfs), or cannot be kept from children, a descriptor holds the lock.
//!
//! To grow, a second open file serves, as long as its number is that of the file; afterwards the file is
//! opened again at its path. It is not closed in between, for a program may give up the right to open it.

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
    directory::{Directory, FileIdentity, NewSegment, access::MetricsPath, standing},
    sys::{fork::OncePerProcess, own_descriptor::OwnDescriptor},
};

/// Of a segment of this process.
#[derive(Debug)]
pub(crate) struct Backing {
    descriptor: RwLock<OwnDescriptor>,
    /// Whether the descriptor holds the lock, and not the mapping.
    locks: AtomicBool,
    /// Descriptors that the host has closed, and that nobody has counted yet.
    closed: AtomicU64,
    place: MetricsPath,
    id: u64,
    standing: FileIdentity,
}

impl Backing {
    /// The file of a new segment, to be mapped by its first open file; and the second one, for
    /// [`settle`](Backing::settle).
    pub(crate) fn new(
        directory: &Directory,
        id: u64,
        new: NewSegment,
    ) -> io::Result<(Backing, OwnDescriptor)> {
        let standing = standing(new.file.get()?)?;
        let backing = Backing {
            descriptor: RwLock::new(new.file),
            locks: AtomicBool::new(false),
            closed: AtomicU64::new(0),
            place: directory.place().clone(),
            id,
            standing,
        };
        Ok((backing, new.second))
    }

    /// Once the file is mapped: closes the descriptor by which that was done, and goes on with the second.
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

    /// Does something with the open file, by which the file grows. Waits for no other thread.
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
        let again = self.reopen()?;
        if let Ok(mut descriptor) = self.descriptor.try_write()
            && descriptor.get().is_err()
        {
            *descriptor = again;
            self.closed.fetch_add(1, Relaxed);
            if self.locks.load(Relaxed) {
                // Not where another process has it, which takes this one for dead.
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

    /// As [`with`](Backing::with), to map another part: not by the open file that is locked, where a mapping
    /// would keep the lock from ending.
    pub(crate) fn with_unlocked<T>(
        &self,
        file: BorrowedFd<'_>,
        act: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.locks.load(Relaxed) { act(self.reopen()?.get()?) } else { act(file) }
    }

    /// The segment's file, at its path.
    fn reopen(&self) -> io::Result<OwnDescriptor> {
        static LOGGED: OncePerProcess = OncePerProcess::new();
        if !self.locks.load(Relaxed) && LOGGED.is_first() {
            log::warn!(
                "{}: the program has closed a descriptor that is not its own; the file is opened again",
                self.place.segment_path(self.id).display()
            );
        }
        let directory = self.place.open()?.ok_or(io::ErrorKind::NotFound)?;
        let file = directory.open_to_grow(self.id)?;
        if standing(file.get()?)? != self.standing {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file is in its place"));
        }
        Ok(file)
    }
}
