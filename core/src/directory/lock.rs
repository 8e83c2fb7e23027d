//! Locks of a metrics directory: one of the directory, which guards changes, and one of each
//! segment, which shows that its owner lives.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{AtFlags, FlockOperation, flock, linkat},
    io::Errno,
};

use super::{Directory, segment_name, temp_name};
use crate::{
    format::{
        layout::{copied, identity},
        source::SegmentSource,
    },
    sys::{self, own_descriptor::OwnDescriptor, random_id},
};

const LOCK: &str = "lock";
/// Delay before another attempt at a lock that another process holds.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(1);
const MAX_RETRY_DELAY: Duration = Duration::from_millis(20);
/// Timeout of a user's call that changes the totals.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of starting an epoch, which happens once per boot.
pub(crate) const EPOCH_TIMEOUT: Duration = Duration::from_millis(100);

/// The directory's lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held")] OwnDescriptor);

impl Directory {
    /// Acquires the directory's lock, which guards the totals and the epoch. Waits at most
    /// `timeout`, because a process that is stopped may hold the lock for hours.
    ///
    /// Recording and scrapes do not wait at all: they call [`try_lock`](Directory::try_lock).
    ///
    /// # Errors
    ///
    /// The error has the kind [`TimedOut`](io::ErrorKind::TimedOut) if another process holds the
    /// lock for longer.
    pub(crate) fn lock_within(&self, timeout: Duration) -> io::Result<DirectoryLock> {
        let deadline = Instant::now() + timeout;
        let mut delay = MIN_RETRY_DELAY;
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                let why = format!(
                    "another process held its lock for {} ms; `fuser -v {}` names that process: wait for it, \
                     or end it",
                    timeout.as_millis(),
                    self.metrics_path().path().join(LOCK).display(),
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            thread::sleep(delay.min(remaining));
            delay = (delay * 2).min(MAX_RETRY_DELAY);
        }
    }

    /// Acquires the directory's lock. Returns `None` if another process holds it.
    pub(crate) fn try_lock(&self) -> io::Result<Option<DirectoryLock>> {
        let lock = self.lock_file()?;
        match flock(lock.get()?, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(DirectoryLock(lock))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the lock file for reading only. A lock does not need more, so no process needs write
    /// access.
    fn lock_file(&self) -> io::Result<OwnDescriptor> {
        match self.open_locked(LOCK) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            lock => return lock,
        }
        // The file gets its mode before its name, because other processes open it as soon as they
        // see it. A link, unlike a rename, never takes the name from a file that other processes
        // have locked.
        let new = temp_name(random_id()?);
        self.create_file(&new)?;
        let linked = linkat(&self.folder, &new, &self.folder, LOCK, AtFlags::empty());
        self.remove(&new)?;
        match linked {
            Ok(()) | Err(Errno::EXIST) => self.open_locked(LOCK),
            Err(error) => Err(error.into()),
        }
    }

    /// Acquires a shared lock of an ended process's segment. Returns `None` while the owner lives.
    /// Fails if the file was removed, or if readers reject it, too.
    ///
    /// Only the owner's exclusive lock prevents a shared one. So a reader that is stopped while it
    /// checks the owner does not keep other processes from folding the segment, and folding does
    /// not make the owner seem alive. The directory's lock keeps two processes from folding at
    /// once.
    pub(crate) fn lock_segment(&self, id: u64) -> io::Result<Option<OwnDescriptor>> {
        let lock = self.open_locked(segment_name(id))?;
        match flock(lock.get()?, FlockOperation::NonBlockingLockShared) {
            Ok(()) if is_mapped(self.open_segment(id)?.as_fd()) => Ok(None),
            Ok(()) => Ok(Some(lock)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns whether the owner of an opened segment lives.
///
/// The check takes a shared lock, which does not obstruct other readers and is released before the
/// function returns.
pub(crate) fn is_owner_alive(segment: impl AsFd) -> bool {
    let segment = segment.as_fd();
    match flock(segment, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // Closing the file releases the lock in any case.
            let _ = flock(segment, FlockOperation::Unlock);
            is_mapped(segment)
        }
        Err(_) => true,
    }
}

/// Returns whether the owner of a segment still maps it although the lock is free. If a descriptor
/// holds the lock (see [`backing`](crate::segment::backing)), the host program may have closed that
/// descriptor.
///
/// The owner of a copy does not map it, but may map a removed file of the same name.
fn is_mapped(segment: BorrowedFd<'_>) -> bool {
    let mut words = [0; copied::WORD + 1];
    let Ok(()) = segment.read(0, &mut words) else { return false };
    if words[copied::WORD] == copied::COPY {
        return false;
    }
    let Ok(owner) = u32::try_from(words[identity::PID]) else { return false };
    segment_name(words[identity::ID]).to_str().is_some_and(|name| sys::maps_file(owner, name))
}
