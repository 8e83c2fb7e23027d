//! The files of a metrics directory: their names, how a segment appears, and how each file is
//! opened.
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
pub(crate) mod lock;

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, Stat, fchmod, fchown, flock, fstat,
        fstatvfs, lstat, openat, renameat, statat, unlinkat,
    },
    io::{Errno, retry_on_intr},
};

use crate::{
    failpoint,
    sys::own_descriptor::{OwnDescriptor, above_standard},
};
use access::{AccessPolicy, MetricsPath};
use checked_file::CheckedFile;

/// The folder `ictus` of a metrics directory, opened. Keep it only for a short time: the process
/// may close all its descriptors, and the folder may be replaced.
#[derive(Debug)]
pub(crate) struct Directory {
    place: MetricsPath,
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

/// The identity of the file at a name, or the fact that there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileIdentity(Option<Stat>);

impl PartialEq for FileIdentity {
    fn eq(&self, other: &FileIdentity) -> bool {
        let identity = |standing: &FileIdentity| standing.0.map(|data| (data.st_dev, data.st_ino));
        identity(self) == identity(other)
    }
}

const TOTALS: &str = "totals";
const EXTENSION: &str = "seg";
/// The extension of segments whose readable lanes are in the totals, while their other lanes cannot
/// be read.
const ASIDE: &str = "unreadable";
const TEMP_PREFIX: &str = ".new-";
/// Maximum age of an unfinished segment. Locking follows creation within microseconds. A process
/// that is stopped between the two for longer than this finds its file removed, and creates another
/// one.
const TEMP_MAX_AGE: Duration = Duration::from_secs(60);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// For growing a file, which systems without `fallocate` do by appending.
const GROW: OFlags = OFlags::RDWR.union(OFlags::APPEND).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const CREATE: OFlags = OFlags::RDWR.union(OFlags::APPEND).union(OFlags::CREATE).union(OFlags::EXCL);
/// Maximum length of a file that is read as text.
const MAX_TEXT: u64 = 4096;

impl Directory {
    pub(crate) fn new(place: MetricsPath, folder: File, trust: AccessPolicy) -> Directory {
        Directory { place, folder, trust }
    }

    /// Opens the folder of a metrics directory, and creates it if it is missing.
    #[cfg(test)]
    pub(crate) fn create(metrics_directory: &Path) -> io::Result<Directory> {
        MetricsPath::new(metrics_directory).create_or_open()
    }

    pub(crate) fn place(&self) -> &MetricsPath {
        &self.place
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
            let age = file.metadata().and_then(|data| data.modified()).map(|made| made.elapsed());
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

    fn standing_at(&self, name: impl AsRef<Path>) -> io::Result<FileIdentity> {
        match statat(&self.folder, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(FileIdentity(None)),
            data => Ok(FileIdentity(Some(data?))),
        }
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

    /// Replaces the totals by a file of `length` bytes. The new file is written to the disk and read
    /// back before it gets its name.
    pub(crate) fn replace_totals<E: From<io::Error>>(
        &self,
        length: u64,
        write: impl FnOnce(&mut File) -> io::Result<()>,
        check: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect_room(length)?;
        let read_back = || match self.open_existing(&format!("{TEMP_PREFIX}{TOTALS}"))? {
            Some(mut written) => check(&mut written),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        };
        self.replace_by(TOTALS, write, read_back)
    }

    /// Fails if the file system has fewer than `bytes` free bytes. A partly written file would take
    /// space that live segments need.
    fn expect_room(&self, bytes: u64) -> io::Result<()> {
        let system = fstatvfs(&self.folder)?;
        // A tmpfs without a limit reports no blocks.
        let is_full = system.f_blocks > 0 && system.f_bfree.saturating_mul(system.f_frsize) < bytes;
        if is_full { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    /// Replaces a file as a whole and durably. Requires the directory's lock. A reader sees the old
    /// bytes or the new ones, also after a crash of the machine.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace_by(name, |file| file.write_all(bytes), || Ok(()))
    }

    fn replace_by<E: From<io::Error>>(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let new = format!("{TEMP_PREFIX}{name}");
        // A process that held the lock before may have died here.
        self.remove(&new)?;
        let written = self.write_new(&new, write).map_err(E::from).and_then(|()| check());
        let replaced = written.and_then(|()| Ok(self.rename(&new, name)?));
        if replaced.is_err() {
            // The unfinished file would take space.
            let _ = self.remove(&new);
            return replaced;
        }
        failpoint::hit("totals/renamed");
        self.folder.sync_all()?;
        failpoint::hit("totals/directory synced");
        Ok(())
    }

    fn write_new(&self, new: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut file = self.create_file(new)?;
        write(&mut file)?;
        failpoint::hit("totals/written");
        file.sync_all()?;
        failpoint::hit("totals/synced");
        Ok(())
    }

    /// Opens a file for reading. Fails if it does not exist.
    fn open(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = self.open_at(name, READ).map_err(open_error)?;
        self.check(&file)?;
        Ok(file.into())
    }

    /// Opens a file to be locked, as [`open`](Directory::open) does. A forked child does not keep
    /// it open.
    pub(crate) fn open_locked(&self, name: impl AsRef<Path>) -> io::Result<OwnDescriptor> {
        self.open_own(name, READ)
    }

    fn open_own(&self, name: impl AsRef<Path>, flags: OFlags) -> io::Result<OwnDescriptor> {
        let file = OwnDescriptor::open(|| self.open_at(name, flags)).map_err(open_error)?;
        self.check(file.get()?)?;
        Ok(file)
    }

    fn open_at(&self, name: impl AsRef<Path>, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let private = Mode::RUSR | Mode::WUSR;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| openat(&self.folder, name.as_ref(), flags, private)).and_then(above_standard)
    }

    fn check(&self, file: impl AsFd) -> io::Result<()> {
        let data = fstat(file)?;
        if !FileType::from_raw_mode(data.st_mode).is_file() {
            return Err(access_error("it is not a regular file"));
        }
        if !self.trust.trusts(data.st_uid, data.st_gid) {
            return Err(access_error(&format!(
                "it belongs to user {}, whose files do not count in this directory",
                data.st_uid
            )));
        }
        Ok(())
    }

    fn open_existing(&self, name: &str) -> io::Result<Option<File>> {
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
    fn set_group_mode(&self, name: impl AsRef<Path>, file: BorrowedFd<'_>) -> io::Result<()> {
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

fn open_error(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::MLINK => access_error("it is a symbolic link"),
        error => error.into(),
    }
}

fn access_error(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Returns the bytes of a file on disk, including committed pages.
pub(crate) fn read_bytes(file: impl AsFd) -> u64 {
    fstat(file).map_or(0, |data| u64::try_from(data.st_blocks).unwrap_or(0) * 512)
}

/// Returns whether the cause of an error is a full disk or an exhausted quota.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn id_with(name: &Path, spell: fn(u64) -> PathBuf) -> Option<u64> {
    let stem = name.file_stem().and_then(OsStr::to_str)?;
    let id = u64::from_str_radix(stem, 16).ok()?;
    // Each id has exactly one name. If capitals or a sign were accepted, a segment could be read
    // twice.
    (name == spell(id)).then_some(id)
}

/// Returns the name of a segment that is set aside.
fn aside_name(id: u64) -> PathBuf {
    format!("{id:016x}.{ASIDE}").into()
}

fn unfinished_id_of(name: &Path) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(TEMP_PREFIX)?;
    let id = u64::from_str_radix(digits, 16).ok()?;
    (name == Path::new(&temp_name(id))).then_some(id)
}

/// Returns the name of a segment's file.
pub(crate) fn segment_name(id: u64) -> PathBuf {
    format!("{id:016x}.{EXTENSION}").into()
}

pub(crate) fn temp_name(id: u64) -> String {
    format!("{TEMP_PREFIX}{id:016x}")
}

#[cfg(test)]
mod tests {
    use super::{Directory, id_with, lock::is_owner_alive, segment_name};
    use std::path::Path;

    #[test]
    fn only_complete_names_are_segments() {
        let id_of = |name| id_with(Path::new(name), segment_name);
        assert_eq!(id_of("00000000000000ff.seg"), Some(255));
        for name in [
            "ff.seg",
            ".new-00000000000000ff",
            "00000000000000ff",
            "totals",
            "0000000000000zff.seg",
            "00000000000000FF.seg",
            "+0000000000000ff.seg",
        ] {
            assert_eq!(id_of(name), None, "{name}");
        }
    }

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

    #[test]
    fn links_and_folders_are_not_opened() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.place().segment_path(1)).unwrap();
        std::fs::create_dir(directory.place().segment_path(2)).unwrap();
        directory.open_segment(1).unwrap_err();
        directory.open_segment(2).unwrap_err();
    }
}
