//! Who may change what in a metrics directory: one lock for the directory, and one of each segment,
//! which says that its owner lives.

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

use super::{Directory, segment_name, unfinished_name};
use crate::{
    format::{layout::identity, source::SegmentSource},
    sys::{self, own_descriptor::OwnDescriptor, random_id},
};

const LOCK: &str = "lock";
/// How long a lock that another process holds is left before it is tried again.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(1);
const MAX_RETRY_DELAY: Duration = Duration::from_millis(20);
/// How long a call of the user waits that changes what ended processes left.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the start of an epoch waits, which happens once a boot.
pub(crate) const EPOCH_TIMEOUT: Duration = Duration::from_millis(100);

/// The directory's lock, until this is dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held")] OwnDescriptor);

impl Directory {
    /// Acquires the directory's lock, which guards the totals and the epoch. Waits no longer than
    /// `timeout`: a process that is stopped may hold it for hours, and the error then has the kind
    /// [`TimedOut`](io::ErrorKind::TimedOut). Recording and scrapes do not wait at all: they call
    /// [`try_lock`](Directory::try_lock).
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
                    self.place().path().join(LOCK).display(),
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            thread::sleep(delay.min(remaining));
            delay = (delay * 2).min(MAX_RETRY_DELAY);
        }
    }

    /// Takes the directory's lock; none where another process has it.
    pub(crate) fn try_lock(&self) -> io::Result<Option<DirectoryLock>> {
        let lock = self.lock_file()?;
        match flock(lock.get()?, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(DirectoryLock(lock))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opened for reading alone, which is all that a lock needs: nobody needs to write it.
    fn lock_file(&self) -> io::Result<OwnDescriptor> {
        match self.open_locked(LOCK) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            lock => return lock,
        }
        // It has its mode before it has its name, for others open it as soon as they see it; and a
        // link, unlike a rename, never takes the name from a file that others have locked.
        let new = unfinished_name(random_id()?);
        self.create_file(&new)?;
        let linked = linkat(&self.folder, &new, &self.folder, LOCK, AtFlags::empty());
        self.remove(&new)?;
        match linked {
            Ok(()) | Err(Errno::EXIST) => self.open_locked(LOCK),
            Err(error) => Err(error.into()),
        }
    }

    /// The lock of a dead segment; none while its owner lives, an error where it is gone by now or one that
    /// readers refuse as well.
    ///
    /// A shared lock, which only the owner's keeps from being taken: neither does a reader that is stopped
    /// while it asks whether the owner lives keep others from folding the segment, nor does folding make
    /// the owner seem alive. The directory's lock keeps two processes from folding at once.
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

/// Whether the owner of an opened segment still lives.
///
/// The shared lock taken to find out does not stand in another reader's way, and is gone again
/// when this returns.
pub(crate) fn owner_lives(segment: impl AsFd) -> bool {
    let segment = segment.as_fd();
    match flock(segment, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // Closing the file unlocks it in any case.
            let _ = flock(segment, FlockOperation::Unlock);
            is_mapped(segment)
        }
        Err(_) => true,
    }
}

/// Whether the owner of a segment has it mapped, though nobody holds its lock: where a descriptor holds that
/// (see [`backing`](crate::segment::backing)), the host may have closed it.
fn is_mapped(segment: BorrowedFd<'_>) -> bool {
    let mut words = [0; identity::WORDS];
    let Ok(()) = segment.read(0, &mut words) else { return false };
    let Ok(owner) = u32::try_from(words[identity::PID]) else { return false };
    segment_name(words[identity::ID]).to_str().is_some_and(|name| sys::maps_file(owner, name))
}
