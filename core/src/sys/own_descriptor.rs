//! File descriptors of this process, protected against a host that closes or reuses their numbers.
//!
//! A host program may close all descriptor numbers that it did not open (daemons do), and then open
//! its files under the same numbers. So a number is used only after `fstat` has confirmed that it
//! still refers to the opened file. A number is never 0, 1 or 2, where the host writes its output.
//! A number that refers to another file is forgotten, not closed.
//!
//! A descriptor that a forked child inherits keeps its lock for as long as the child lives. So the
//! child closes its parent's descriptors first, without unlocking.
#![expect(unsafe_code, reason = "closes descriptors, also in a forked child")]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd},
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering},
};

use rustix::{
    fs::fstat,
    io::{Errno, fcntl_dupfd_cloexec},
};

use super::fork::{generation, without_fork};

/// The lowest number that is neither standard input, output nor error.
const FIRST_NUMBER: RawFd = 3;

/// An open file of this process. It is open until it is dropped, the host closes it, or the process
/// ends. A forked child closes it.
#[derive(Debug)]
pub(crate) struct OwnDescriptor {
    slot: &'static FdSlot,
    generation: u32,
}

/// An entry for a descriptor, which is reused after the descriptor is closed.
#[derive(Debug)]
struct FdSlot {
    /// The descriptor, [`FREE`] or [`USED`].
    number: AtomicI32,
    /// The device and inode of the file.
    device: AtomicU64,
    inode: AtomicU64,
    next: *const FdSlot,
}

const FREE: RawFd = -1;
/// Owned by an `OwnDescriptor` that is about to open its file, or whose number the host has closed.
const USED: RawFd = -2;

// SAFETY: `next` points to a leaked entry and is not written after the entry is published.
unsafe impl Sync for FdSlot {}

/// All entries, newest first. They are never freed, so the fork handler may walk them.
static FD_SLOTS: AtomicPtr<FdSlot> = AtomicPtr::new(ptr::null_mut());

fn all_slots() -> impl Iterator<Item = &'static FdSlot> {
    // SAFETY: entries are leaked, and complete before they are published.
    let as_slot = |address: *const FdSlot| unsafe { address.as_ref() };
    std::iter::successors(as_slot(FD_SLOTS.load(Ordering::Acquire)), move |slot| as_slot(slot.next))
}

/// Returns the same open file under a number other than those of standard input, output and error.
pub(crate) fn above_standard(opened: OwnedFd) -> rustix::io::Result<OwnedFd> {
    if opened.as_raw_fd() >= FIRST_NUMBER {
        return Ok(opened);
    }
    fcntl_dupfd_cloexec(&opened, FIRST_NUMBER)
}

impl OwnDescriptor {
    /// Opens a file by calling `open`. `open` must not allocate: a fork that waits for it may have
    /// run another library's handler, which locked the allocator.
    pub(crate) fn open(
        open: impl FnOnce() -> rustix::io::Result<OwnedFd>,
    ) -> rustix::io::Result<OwnDescriptor> {
        let slot = FdSlot::acquire();
        let opened = without_fork(|| {
            let opened = open().and_then(above_standard).and_then(|opened| {
                let (device, inode) = identity(&opened)?;
                slot.device.store(device, Ordering::Relaxed);
                slot.inode.store(inode, Ordering::Relaxed);
                Ok(opened.into_raw_fd())
            });
            let number = *opened.as_ref().unwrap_or(&FREE);
            if number != FREE {
                // The kernel returns a free number. If another entry has the same number, the host
                // has closed that descriptor.
                let lost = |other: &'static FdSlot| {
                    other.number.compare_exchange(number, USED, Ordering::Relaxed, Ordering::Relaxed)
                };
                all_slots().for_each(|other| _ = lost(other));
            }
            slot.number.store(number, Ordering::Release);
            opened
        });
        opened.map(|_| OwnDescriptor { slot, generation: generation() })
    }

    /// Returns the descriptor, after a check that its number still refers to the opened file. Fails
    /// if the host has closed it, and in a forked child of the process that opened it.
    pub(crate) fn get(&self) -> io::Result<BorrowedFd<'_>> {
        if self.generation != generation() {
            return Err(Errno::BADF.into());
        }
        let number = self.slot.number.load(Ordering::Acquire);
        if number < 0 || !self.slot.has(number) {
            // From now on the number must not be closed: it is free, or the host's.
            let _ = self.slot.number.compare_exchange(number, USED, Ordering::Relaxed, Ordering::Relaxed);
            return Err(Errno::BADF.into());
        }
        self.unchecked()
    }

    /// Returns the descriptor for reads directly after [`get`](OwnDescriptor::get), without another
    /// check. The host may have closed it since. Fails if the number is known to be closed, and in
    /// a forked child of the process that opened it.
    pub(crate) fn unchecked(&self) -> io::Result<BorrowedFd<'_>> {
        let number = self.slot.number.load(Ordering::Acquire);
        if self.generation != generation() || number < 0 {
            return Err(Errno::BADF.into());
        }
        // SAFETY: not -1, and the caller has seen a moment ago that it is open. One call uses it,
        // which fails if the host has closed it, and otherwise reads from the file that now has the
        // number.
        Ok(unsafe { BorrowedFd::borrow_raw(number) })
    }
}

impl Drop for OwnDescriptor {
    fn drop(&mut self) {
        // In a child, the entry is free, or already has another descriptor.
        if self.generation == generation() {
            without_fork(|| self.slot.close());
        }
    }
}

impl FdSlot {
    /// Claims a free entry, or creates one if there is none.
    fn acquire() -> &'static FdSlot {
        let take = |slot: &&FdSlot| {
            slot.number.compare_exchange(FREE, USED, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        if let Some(slot) = all_slots().find(take) {
            return slot;
        }
        let new = FdSlot {
            number: AtomicI32::new(USED),
            device: AtomicU64::new(0),
            inode: AtomicU64::new(0),
            next: FD_SLOTS.load(Ordering::Acquire),
        };
        let slot = Box::leak(Box::new(new));
        while let Err(newest) =
            FD_SLOTS.compare_exchange(slot.next.cast_mut(), slot, Ordering::AcqRel, Ordering::Acquire)
        {
            slot.next = newest;
        }
        slot
    }

    /// Returns whether a number refers to the opened file.
    fn has(&self, number: RawFd) -> bool {
        // SAFETY: not negative; used for this one call, which fails if it is not open.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        identity(file).is_ok_and(|file| {
            file == (self.device.load(Ordering::Relaxed), self.inode.load(Ordering::Relaxed))
        })
    }

    /// Closes the descriptor if its number still refers to the opened file. Async-signal-safe.
    fn close(&self) {
        let number = self.number.load(Ordering::Acquire);
        if number >= 0 && self.has(number) {
            // SAFETY: owned by this entry alone, as its number and its file show.
            unsafe { libc::close(number) };
        }
        self.number.store(FREE, Ordering::Release);
    }
}

/// Closes the parent's descriptors. A forked child calls this first.
pub(crate) fn close_parents() {
    all_slots().for_each(FdSlot::close);
}

fn identity(file: impl std::os::fd::AsFd) -> rustix::io::Result<(u64, u64)> {
    let data = fstat(file)?;
    // The width of these fields differs between systems.
    #[allow(clippy::useless_conversion, clippy::cast_sign_loss, reason = "types differ between systems")]
    Ok((data.st_dev as u64, data.st_ino as u64))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        fs::File,
        os::fd::{AsRawFd, IntoRawFd},
    };

    use super::OwnDescriptor;

    /// Closes the descriptor as a program does that closes every number.
    pub(crate) fn close_as_the_host(descriptor: &OwnDescriptor) {
        let number = descriptor.get().unwrap().as_raw_fd();
        // SAFETY: the subject of the tests: an owner that is not informed must notice it.
        assert_eq!(unsafe { libc::close(number) }, 0);
    }

    fn own(file: &std::path::Path) -> OwnDescriptor {
        OwnDescriptor::open(|| Ok(File::open(file).unwrap().into())).unwrap()
    }

    #[test]
    fn descriptor_number_taken_by_the_host_is_neither_used_nor_closed() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        std::fs::write(&one, "").unwrap();
        std::fs::write(&other, "").unwrap();
        let descriptor = own(&one);
        let number = descriptor.get().unwrap().as_raw_fd();
        // The host puts another file under the same number, in one step.
        let file = File::open(&other).unwrap();
        // SAFETY: the number is the descriptor's, which is the subject of this test.
        assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), number) }, number);
        descriptor.get().unwrap_err();
        drop(descriptor);
        // SAFETY: no memory is involved.
        assert!(unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0, "the host's file was closed");
        // SAFETY: the test acts as the host; no memory is involved.
        unsafe { libc::close(number) };
        drop(own(&one));
    }

    #[test]
    fn number_that_is_opened_again_has_one_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one");
        std::fs::write(&path, "").unwrap();
        let first = own(&path);
        let number = first.get().unwrap().as_raw_fd();
        // SAFETY: the test acts as the host; no memory is involved.
        unsafe { libc::close(number) };
        // The same file under the same number, unless another test is faster.
        let second = OwnDescriptor::open(|| {
            let file = File::open(&path).unwrap();
            rustix::io::fcntl_dupfd_cloexec(&file, number)
        });
        let second = second.unwrap();
        let reused = second.get().unwrap().as_raw_fd();
        if reused == number {
            first.get().unwrap_err();
        }
        drop(first);
        assert_eq!(second.get().unwrap().as_raw_fd(), reused);
        let _ = File::open(&path).unwrap().into_raw_fd();
    }
}
