//! A file that a reader keeps open between readings, under a descriptor number that the host may
//! reuse.
//!
//! See [`own_descriptor`](crate::sys::own_descriptor). A forked child closes the file. Otherwise a
//! retired segment would stay on disk for as long as the child lives.

use std::{fs::File, io, os::fd::BorrowedFd};

use super::{FileIdentity, file_identity};
use crate::{format::source::SegmentSource, sys::own_descriptor::OwnDescriptor};

/// An open file, whose descriptor number is checked to belong to the file that was opened.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    /// `None` if the file is closed.
    file: Option<OwnDescriptor>,
    identity: FileIdentity,
}

impl CheckedFile {
    /// Keeps a file that was opened a moment ago. A child that is forked between the two keeps it
    /// open, too.
    pub(crate) fn new(file: File) -> io::Result<CheckedFile> {
        CheckedFile::of(OwnDescriptor::open(|| Ok(file.into()))?)
    }

    pub(crate) fn of(file: OwnDescriptor) -> io::Result<CheckedFile> {
        let standing = file_identity(file.get()?)?;
        Ok(CheckedFile { file: Some(file), identity: standing })
    }

    /// Returns the identity of the file.
    pub(crate) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Returns whether this process opened the file and the host has not closed its number.
    pub(crate) fn is_open(&self) -> bool {
        self.get().is_ok()
    }

    /// Returns the file, if the number still belongs to it.
    pub(crate) fn get(&self) -> io::Result<BorrowedFd<'_>> {
        self.file.as_ref().ok_or_else(closed)?.get()
    }

    /// Closes the file. Its identity remains available.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// Returns the file for reads directly after [`is_open`](Self::is_open). Readers check the
    /// words in any case.
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
