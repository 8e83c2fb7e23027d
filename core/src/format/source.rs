//! Sources from which a reader copies a segment's words: a file, by `pread`, or memory of the same
//! process.
//!
//! Readers never map the segment of another process, because truncating a file under a mapping
//! raises SIGBUS. The page cache makes a store into a mapping visible to `pread` at once.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{fs::fstat, io::pread};

use super::layout::LINE;
use crate::{
    sync::{Ordering, fence},
    sys,
};

/// A source of a segment's words, which other threads or processes may be writing.
///
/// Words are never torn. Words read by a later call are at least as new as if an acquire fence
/// stood between the calls.
pub(crate) trait SegmentSource {
    /// Copies the words that start at `line`. Fails if the segment does not reach that far.
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()>;

    /// Returns the number of lines that the segment has now. Holes of a file do not count.
    fn lines(&self) -> io::Result<u64>;
}

impl SegmentSource for File {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        self.as_fd().read(line, into)
    }

    fn lines(&self) -> io::Result<u64> {
        self.as_fd().lines()
    }
}

impl SegmentSource for BorrowedFd<'_> {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let mut offset = line.checked_mul(LINE as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = bytemuck::cast_slice_mut::<u64, u8>(into);
        while !bytes.is_empty() {
            match pread(self, &mut *bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    offset += read as u64;
                    bytes = &mut bytes[read..];
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        fence(Ordering::Acquire);
        Ok(())
    }

    fn lines(&self) -> io::Result<u64> {
        Ok(stored_bytes(self)? / LINE as u64)
    }
}

/// Returns the number of bytes of a file that are on disk, without holes. A reader's budget depends
/// on it.
pub(crate) fn stored_bytes(file: impl AsFd) -> io::Result<u64> {
    let data = fstat(&file)?;
    // The types of these fields differ between systems.
    let length = u64::try_from(data.st_size).unwrap_or(0);
    let on_disk = u64::try_from(data.st_blocks).unwrap_or(0).saturating_mul(512);
    // Some file systems report 0 blocks for a file with contents. They do not count blocks.
    if on_disk >= length || on_disk == 0 || sys::compresses(file) {
        return Ok(length);
    }
    Ok(on_disk)
}
