//! A file that a reader keeps open from one reading to the next, under a number that belongs to the host.
//!
//! See [`own_descriptor`](crate::sys::own_descriptor). A forked child closes it: a segment that is retired while
//! the child lives would stay on disk for as long.

use std::{fs::File, io, os::fd::BorrowedFd};

use super::{FileIdentity, standing};
use crate::{format::source::SegmentSource, sys::own_descriptor::OwnDescriptor};

/// An open file, as long as its number is that of the file that was opened.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    /// None where it is not open.
    file: Option<OwnDescriptor>,
    standing: FileIdentity,
}

impl CheckedFile {
    /// Keeps a file that was opened a moment ago. A child that is forked in that moment keeps it, too.
    pub(crate) fn new(file: File) -> io::Result<CheckedFile> {
        CheckedFile::of(OwnDescriptor::open(|| Ok(file.into()))?)
    }

    pub(crate) fn of(file: OwnDescriptor) -> io::Result<CheckedFile> {
        let standing = standing(file.get()?)?;
        Ok(CheckedFile { file: Some(file), standing })
    }

    /// Which file it is.
    pub(crate) fn standing(&self) -> FileIdentity {
        self.standing
    }

    /// Whether the host has left its number alone, and this process has opened it.
    pub(crate) fn is_open(&self) -> bool {
        self.get().is_ok()
    }

    /// The file, where the number is still its own.
    pub(crate) fn get(&self) -> io::Result<BorrowedFd<'_>> {
        self.file.as_ref().ok_or_else(closed)?.get()
    }

    /// Closes it; what file it was stays known.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// The file, to read from at once after [`is_open`](Self::is_open): what is read is checked in any case.
    pub(crate) fn unchecked(&self) -> io::Result<BorrowedFd<'_>> {
        self.file.as_ref().ok_or_else(closed)?.unchecked()
    }
}

fn closed() -> io::Error {
    rustix::io::Errno::BADF.into()
}

impl SegmentSource for CheckedFile {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        self.unchecked()?.read(line, into)
    }

    fn lines(&self) -> io::Result<u64> {
        self.unchecked()?.lines()
    }
}
