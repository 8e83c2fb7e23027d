//! The files of a metrics directory, and how a segment appears and goes.
//!
//! ```text
//! {directory}/ictus/     0700, or 0770 for a group
//!   {id}.seg             a segment; the id as 16 hexadecimal digits
//!   .new-{id}            a new segment: locked and complete before it gets its name
//!   {id}.unreadable      a folded segment of which some lanes cannot be read
//!   totals               counts, sums and observations of ended processes; replaced as a whole
//!   epoch                the clocks of the timestamps
//!   lock                 guards totals and epoch
//! ```
//!
//! Every file is opened by its name relative to the opened folder, without following links and
//! without blocking. It must be a regular file, and its owner or group must be accepted by the
//! [`AccessPolicy`].

pub(crate) mod access;
pub(crate) mod checked_file;
pub(crate) mod clock_epoch;
mod file_access;
mod file_identity;
mod file_names;
pub(crate) mod lock;
mod replacement;

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{AtFlags, Dir, FlockOperation, OFlags, flock, fstat, renameat, unlinkat},
    io::Errno,
};

use self::{
    access::{AccessPolicy, MetricsPath},
    checked_file::CheckedFile,
    file_access::{CREATE, GROW, READ},
    file_names::{aside_name, id_with, unfinished_id_of},
};
pub(crate) use self::{
    file_identity::{FileIdentity, file_identity, standing_at},
    file_names::{segment_name, temp_name},
};
use crate::sys::own_descriptor::OwnDescriptor;

/// The folder `ictus` of a metrics directory, opened. Keep it only for a short time: the process
/// may close all its descriptors, and the folder may be replaced.
#[derive(Debug)]
pub(crate) struct Directory {
    metrics_path: MetricsPath,
    pub(crate) folder: File,
    trust: AccessPolicy,
}

/// A segment's file before it has its name.
pub(crate) struct NewSegment {
    /// Locked.
    pub(crate) file: OwnDescriptor,
    /// A second descriptor of the same file, not locked.
    pub(crate) second: OwnDescriptor,
}

const TOTALS: &str = "totals";
/// Maximum age of an unfinished segment. Locking follows creation within microseconds. A process
/// that is stopped between the two for longer than this finds its file removed, and creates another
/// one.
const TEMP_MAX_AGE: Duration = Duration::from_secs(60);
/// Maximum length of a file that is read as text.
const MAX_TEXT: u64 = 4096;

impl Directory {
    pub(crate) fn new(metrics_path: MetricsPath, folder: File, trust: AccessPolicy) -> Directory {
        Directory { metrics_path, folder, trust }
    }

    /// Opens the folder of a metrics directory, and creates it if it is missing.
    #[cfg(test)]
    pub(crate) fn create(metrics_directory: &Path) -> io::Result<Directory> {
        MetricsPath::new(metrics_directory).create_or_open()
    }

    pub(crate) fn metrics_path(&self) -> &MetricsPath {
        &self.metrics_path
    }

    /// Returns the ids of all segments, in no order.
    pub(crate) fn segments(&self) -> io::Result<Vec<u64>> {
        Ok(self.segments_and_set_aside()?.0)
    }

    /// Returns the ids of all segments, and the ids of all that are set aside, in no order.
    pub(crate) fn segments_and_set_aside(&self) -> io::Result<(Vec<u64>, Vec<u64>)> {
        let names = self.names()?;
        let named =
            |spell: fn(u64) -> PathBuf| names.iter().filter_map(|name| id_with(name, spell)).collect();
        Ok((named(segment_name), named(aside_name)))
    }

    fn names(&self) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            names.push(OsStr::from_bytes(entry?.file_name().to_bytes()).into());
        }
        Ok(names)
    }

    /// Opens a segment for repeated reading. A forked child does not keep the file open.
    pub(crate) fn open_segment_to_keep(&self, id: u64) -> io::Result<CheckedFile> {
        CheckedFile::of(self.open_own(segment_name(id), READ)?)
    }

    /// Opens a segment for reading.
    pub(crate) fn open_segment(&self, id: u64) -> io::Result<File> {
        self.open(segment_name(id))
    }

    pub(crate) fn new_segment(&self, id: u64) -> io::Result<NewSegment> {
        let file = self.create_locked(id, CREATE)?;
        // The caller maps the first descriptor and may then close it.
        let second = self.open_own(temp_name(id), GROW)?;
        if file_identity(file.get()?)? != file_identity(second.get()?)? {
            return Err(io::Error::other("another process replaced the file"));
        }
        Ok(NewSegment { file, second })
    }

    /// Creates a segment's file that is written at given offsets and not mapped.
    pub(crate) fn new_copy(&self, id: u64) -> io::Result<OwnDescriptor> {
        self.create_locked(id, CREATE.difference(OFlags::APPEND))
    }

    fn create_locked(&self, id: u64, flags: OFlags) -> io::Result<OwnDescriptor> {
        let name = temp_name(id);
        let file = OwnDescriptor::open(|| self.open_at(&name, flags))?;
        self.set_group_mode(&name, file.get()?)?;
        flock(file.get()?, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Opens and locks a file that [`new_copy`](Directory::new_copy) created.
    pub(crate) fn open_copy(&self, id: u64) -> io::Result<OwnDescriptor> {
        let file = self.open_own(segment_name(id), GROW.difference(OFlags::APPEND))?;
        flock(file.get()?, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Opens a segment of this process again.
    pub(crate) fn open_to_grow(&self, id: u64) -> io::Result<OwnDescriptor> {
        self.open_own(segment_name(id), GROW)
    }

    /// Returns the identity of the file that has a segment's name now.
    pub(crate) fn standing_segment(&self, id: u64) -> io::Result<FileIdentity> {
        self.standing_at(segment_name(id))
    }

    pub(crate) fn publish_segment(&self, id: u64) -> io::Result<()> {
        self.rename(temp_name(id), segment_name(id))
    }

    /// Removes the unfinished file of a segment that could not be created.
    pub(crate) fn discard_new_segment(&self, id: u64) {
        // The file may be missing, or removing it may fail. A later retirement then removes it.
        let _ = self.remove(temp_name(id));
    }

    /// Removes a segment's file. Succeeds if the file does not exist.
    pub(crate) fn remove_segment(&self, id: u64) -> io::Result<()> {
        self.remove(segment_name(id))
    }

    /// Removes the files of processes that died while they created a segment. Requires the
    /// directory's lock. No reader has seen these files, and nothing was recorded in them.
    pub(crate) fn remove_stale_temp_files(&self) -> io::Result<()> {
        for name in self.names()?.iter().filter(|name| unfinished_id_of(name).is_some()) {
            let Ok(file) = self.open(name) else { continue };
            let age = file.metadata().and_then(|data| data.modified()).map(|modified| modified.elapsed());
            let old = age.is_ok_and(|age| age.is_ok_and(|age| age > TEMP_MAX_AGE));
            // The creating process locks its file before any other use. While this lock is held, it
            // cannot.
            if old && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    /// Opens the totals file, if there is one.
    pub(crate) fn open_totals(&self) -> io::Result<Option<File>> {
        self.open_existing(TOTALS)
    }

    /// Returns the identity of the file that has the totals' name now.
    pub(crate) fn totals_identity(&self) -> io::Result<FileIdentity> {
        self.standing_at(TOTALS)
    }

    /// Returns the bytes of a short file, if there is one.
    pub(crate) fn read_short(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_existing(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MAX_TEXT).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Removes a folded segment, or sets it aside if some of its lanes cannot be read.
    pub(crate) fn take_away(&self, id: u64, aside: bool) -> io::Result<()> {
        if !aside {
            return self.remove_segment(id);
        }
        match renameat(&self.folder, segment_name(id), &self.folder, aside_name(id)) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the ids of the segments that are set aside.
    pub(crate) fn set_aside(&self) -> io::Result<Vec<u64>> {
        Ok(self.segments_and_set_aside()?.1)
    }

    /// Removes a segment that was set aside.
    pub(crate) fn remove_set_aside(&self, id: u64) -> io::Result<()> {
        self.remove(aside_name(id))
    }

    fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        Ok(renameat(&self.folder, from.as_ref(), &self.folder, to.as_ref())?)
    }

    /// Removes a file. Succeeds if the file does not exist.
    pub(crate) fn remove(&self, name: impl AsRef<Path>) -> io::Result<()> {
        match unlinkat(&self.folder, name.as_ref(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns the bytes of a file on disk, including committed pages.
pub(crate) fn read_bytes(file: impl AsFd) -> u64 {
    fstat(file).map_or(0, |data| u64::try_from(data.st_blocks).unwrap_or(0) * 512)
}

/// Returns whether the cause of an error is a full disk or an exhausted quota.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::{Directory, lock::is_owner_alive};

    #[test]
    fn segment_is_live_while_its_owner_holds_the_lock() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        let new = directory.new_segment(7).unwrap();
        assert_eq!(directory.segments().unwrap(), []);
        directory.publish_segment(7).unwrap();
        assert_eq!(directory.segments().unwrap(), [7]);
        let file = directory.open_segment(7).unwrap();
        assert!(is_owner_alive(&file));
        drop(new);
        assert!(!is_owner_alive(&file));
    }
}
