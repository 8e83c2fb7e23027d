//! The identity of files, by which a process notices that a name has another file.

use std::{io, os::fd::AsFd, path::Path};

use rustix::{
    fs::{AtFlags, Stat, fstat, lstat, statat},
    io::Errno,
};

use super::Directory;

/// The identity of the file at a name, or the fact that there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileIdentity(Option<Stat>);

impl PartialEq for FileIdentity {
    fn eq(&self, other: &FileIdentity) -> bool {
        let identity = |standing: &FileIdentity| standing.0.map(|data| (data.st_dev, data.st_ino));
        identity(self) == identity(other)
    }
}

impl Directory {
    /// Returns the identity of the file that has a name now.
    pub(super) fn standing_at(&self, name: impl AsRef<Path>) -> io::Result<FileIdentity> {
        match statat(&self.folder, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(FileIdentity(None)),
            data => Ok(FileIdentity(Some(data?))),
        }
    }
}

/// Returns the identity of the file at a path.
pub(crate) fn standing_at(path: &Path) -> io::Result<FileIdentity> {
    match lstat(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(FileIdentity(None)),
        data => Ok(FileIdentity(Some(data?))),
    }
}

/// Returns the identity of an open file.
pub(crate) fn file_identity(file: impl AsFd) -> io::Result<FileIdentity> {
    Ok(FileIdentity(Some(fstat(file)?)))
}
