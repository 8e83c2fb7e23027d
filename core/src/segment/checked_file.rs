//! A file that a reader keeps open from one reading to the next, under a number that belongs to the host.
//!
//! See [`own_descriptor`](super::own_descriptor); this one holds no lock, so a forked child may keep it.

use std::{fs::File, io, mem};

use super::directory::{Standing, standing};

/// An open file, as long as its number is that of the file that was opened.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    /// None where it is not open.
    file: Option<File>,
    standing: Standing,
}

impl CheckedFile {
    pub(crate) fn new(file: File) -> io::Result<CheckedFile> {
        let standing = standing(&file)?;
        Ok(CheckedFile { file: Some(file), standing })
    }

    /// Which file it is.
    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the host has left its number alone.
    pub(crate) fn is_open(&self) -> bool {
        self.file.as_ref().is_some_and(|file| standing(file).is_ok_and(|now| now == self.standing))
    }

    /// The file, where the number is still its own.
    pub(crate) fn get(&self) -> io::Result<&File> {
        match &self.file {
            Some(file) if self.is_open() => Ok(file),
            _ => Err(rustix::io::Errno::BADF.into()),
        }
    }

    /// Forgets a number that the host has closed, before the same file is opened again, which may get that
    /// number.
    pub(crate) fn forget(&mut self) {
        if !self.is_open() {
            mem::forget(self.file.take());
        }
    }

    /// Closes it; what file it was stays known.
    pub(crate) fn close(&mut self) {
        self.forget();
        self.file = None;
    }

    /// The file, to read from at once after [`is_open`](Self::is_open): what is read is checked in any case.
    pub(super) fn unchecked(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| rustix::io::Errno::BADF.into())
    }
}

impl Drop for CheckedFile {
    fn drop(&mut self) {
        // The host may have another file there, which must not be closed.
        self.forget();
    }
}
