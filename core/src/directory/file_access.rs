//! How a file of the directory is opened and created, and which files are accepted.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{FileType, Gid, Mode, OFlags, fchmod, fchown, fstat, openat},
    io::{Errno, retry_on_intr},
};

use super::Directory;
use crate::sys::own_descriptor::{OwnDescriptor, above_standard};

/// For reading.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// For growing a file, which systems without `fallocate` do by appending.
pub(super) const GROW: OFlags =
    OFlags::RDWR.union(OFlags::APPEND).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// For a new file.
pub(super) const CREATE: OFlags =
    OFlags::RDWR.union(OFlags::APPEND).union(OFlags::CREATE).union(OFlags::EXCL);

impl Directory {
    /// Opens a file for reading. Fails if it does not exist.
    pub(super) fn open(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = self.open_at(name, READ).map_err(open_error)?;
        self.check(&file)?;
        Ok(file.into())
    }

    /// Opens a file to be locked, as [`open`](Directory::open) does. A forked child does not keep
    /// it open.
    pub(crate) fn open_locked(&self, name: impl AsRef<Path>) -> io::Result<OwnDescriptor> {
        self.open_own(name, READ)
    }

    pub(super) fn open_own(&self, name: impl AsRef<Path>, flags: OFlags) -> io::Result<OwnDescriptor> {
        let file = OwnDescriptor::open(|| self.open_at(name, flags)).map_err(open_error)?;
        self.check(file.get()?)?;
        Ok(file)
    }

    pub(super) fn open_at(&self, name: impl AsRef<Path>, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let private = Mode::RUSR | Mode::WUSR;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| openat(&self.folder, name.as_ref(), flags, private)).and_then(above_standard)
    }

    pub(super) fn check(&self, file: impl AsFd) -> io::Result<()> {
        let data = fstat(file)?;
        if !FileType::from_raw_mode(data.st_mode).is_file() {
            return Err(access_error("it is not a regular file; remove it"));
        }
        if !self.trust.trusts(data.st_uid, data.st_gid) {
            return Err(access_error(&format!(
                "it belongs to user {}, whose files do not count in this directory; remove it, or run all \
                 processes as one user or one group",
                data.st_uid
            )));
        }
        Ok(())
    }

    pub(super) fn open_existing(&self, name: &str) -> io::Result<Option<File>> {
        match self.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.map(Some),
        }
    }

    /// Creates a new file for appending, with the mode and group of all files in the folder.
    pub(crate) fn create_file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = self.open_at(&name, CREATE)?;
        self.set_group_mode(name, file.as_fd())?;
        Ok(file.into())
    }

    /// Grants read access to a new file as the policy requires, regardless of the process's umask.
    /// Removes the file if that fails.
    pub(super) fn set_group_mode(&self, name: impl AsRef<Path>, file: BorrowedFd<'_>) -> io::Result<()> {
        let regrouped = match self.trust.group {
            Some(group) if fstat(file)?.st_gid != group => fchown(file, None, Some(Gid::from_raw(group))),
            _ => Ok(()),
        };
        let shared = regrouped.and_then(|()| match self.trust.file_mode() {
            Some(readers) => fchmod(file, Mode::RUSR | Mode::WUSR | readers),
            None => Ok(()),
        });
        if shared.is_err() {
            let _ = self.remove(name);
        }
        Ok(shared?)
    }
}

fn open_error(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::MLINK => access_error("it is a symbolic link; remove it"),
        error => error.into(),
    }
}

fn access_error(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::Directory;

    #[test]
    fn links_and_folders_are_not_opened() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.metrics_path().segment_path(1)).unwrap();
        std::fs::create_dir(directory.metrics_path().segment_path(2)).unwrap();
        directory.open_segment(1).unwrap_err();
        directory.open_segment(2).unwrap_err();
    }
}
