//! The files of a metrics directory: where segments lie, how one appears, and whether its owner
//! lives.
//!
//! ```text
//! {directory}/ictus/     0700, or 0770 for a group
//!   {id}.seg             a segment; the id as 16 hexadecimal digits
//!   .new-{id}            one that is being made: locked and whole before it gets its name
//!   {id}.unreadable      a dead segment, folded but for lanes that cannot be read
//!   totals               what dead segments left; replaced as a whole
//!   epoch                which clocks stamps are of
//!   lock                 guards totals and epoch
//! ```
//!
//! Every file is opened by its name in the opened folder, not through a link, without waiting, and
//! is a regular file of somebody who is trusted there.

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
    format::error::SegmentError,
    reader::totals_file::TotalsFile,
    sys::own_descriptor::{OwnDescriptor, above_standard},
};
use access::{AccessPolicy, MetricsPath};
use checked_file::CheckedFile;

/// The part of a metrics directory that is Ictus's, opened. Short-lived: a process may close all
/// that it has open, and the folder may be made anew.
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
    /// Opened again, and not locked.
    pub(crate) second: OwnDescriptor,
}

/// Which file stands at a name, or that none does.
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
/// Of segments whose readable lanes are in the totals, and whose others cannot be read.
const ASIDE: &str = "unreadable";
const TEMP_PREFIX: &str = ".new-";
/// Between making a segment's file and locking it lie microseconds. Whoever was stopped there for
/// longer than this finds it gone and makes another.
const TEMP_MAX_AGE: Duration = Duration::from_secs(60);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// To grow a file, which systems without `fallocate` do by appending.
const GROW: OFlags = OFlags::RDWR.union(OFlags::APPEND).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const CREATE: OFlags = OFlags::RDWR.union(OFlags::APPEND).union(OFlags::CREATE).union(OFlags::EXCL);
/// No file that is read as text is longer.
const MAX_TEXT: u64 = 4096;

impl Directory {
    pub(crate) fn new(place: MetricsPath, folder: File, trust: AccessPolicy) -> Directory {
        Directory { place, folder, trust }
    }

    /// The directory's own part, made where it is missing.
    #[cfg(test)]
    pub(crate) fn create(metrics_directory: &Path) -> io::Result<Directory> {
        MetricsPath::of(metrics_directory).make()
    }

    pub(crate) fn place(&self) -> &MetricsPath {
        &self.place
    }

    /// The names of all segments, in no order.
    pub(crate) fn segments(&self) -> io::Result<Vec<u64>> {
        Ok(self.segments_and_set_aside()?.0)
    }

    /// The names of all segments, and those of all that are set aside, in no order.
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

    /// Opens a segment to be read again and again: a forked child does not keep it.
    pub(crate) fn open_segment_to_keep(&self, id: u64) -> io::Result<CheckedFile> {
        CheckedFile::of(self.open_own(segment_name(id), READ)?)
    }

    /// Opens a segment for reading.
    pub(crate) fn open_segment(&self, id: u64) -> io::Result<File> {
        self.open(segment_name(id))
    }

    pub(crate) fn new_segment(&self, id: u64) -> io::Result<NewSegment> {
        let file = self.create_locked(id, CREATE)?;
        // The first is to be mapped, and then closed.
        let second = self.open_own(unfinished_name(id), GROW)?;
        if standing(file.get()?)? != standing(second.get()?)? {
            return Err(io::Error::other("another process replaced the file"));
        }
        Ok(NewSegment { file, second })
    }

    /// A segment's file that is written at places, and not mapped.
    pub(crate) fn new_copy(&self, id: u64) -> io::Result<OwnDescriptor> {
        self.create_locked(id, CREATE.difference(OFlags::APPEND))
    }

    fn create_locked(&self, id: u64, flags: OFlags) -> io::Result<OwnDescriptor> {
        let name = unfinished_name(id);
        let file = OwnDescriptor::open(|| self.open_at(&name, flags))?;
        self.share(&name, file.get()?)?;
        flock(file.get()?, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Opens and locks such a file again.
    pub(crate) fn open_copy(&self, id: u64) -> io::Result<OwnDescriptor> {
        let file = self.open_own(segment_name(id), GROW.difference(OFlags::APPEND))?;
        flock(file.get()?, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Opens a segment of this process again.
    pub(crate) fn open_to_grow(&self, id: u64) -> io::Result<OwnDescriptor> {
        self.open_own(segment_name(id), GROW)
    }

    /// What stands at a segment's name now.
    pub(crate) fn standing_segment(&self, id: u64) -> io::Result<FileIdentity> {
        self.standing_at(segment_name(id))
    }

    pub(crate) fn publish_segment(&self, id: u64) -> io::Result<()> {
        self.rename(unfinished_name(id), segment_name(id))
    }

    /// Removes what is left of a segment that could not be made.
    pub(crate) fn discard_new_segment(&self, id: u64) {
        // There may be nothing, or no way to remove it: a later retirement clears it.
        let _ = self.remove(unfinished_name(id));
    }

    /// Removes a segment's file; that it is gone already is no error.
    pub(crate) fn remove_segment(&self, id: u64) -> io::Result<()> {
        self.remove(segment_name(id))
    }

    /// Removes what processes left that died while they made a segment; under the directory's lock.
    /// Nobody has seen those, and nothing was recorded in them.
    pub(crate) fn remove_unfinished(&self) -> io::Result<()> {
        for name in self.names()?.iter().filter(|name| unfinished_id_of(name).is_some()) {
            let Ok(file) = self.open(name) else { continue };
            let age = file.metadata().and_then(|data| data.modified()).map(|made| made.elapsed());
            let old = age.is_ok_and(|age| age.is_ok_and(|age| age > TEMP_MAX_AGE));
            // Its maker locks it before all else, so that it can never lock this one any more.
            if old && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    /// The totals file, where there is one.
    pub(crate) fn open_totals(&self) -> io::Result<Option<File>> {
        self.open_existing(TOTALS)
    }

    /// What stands at the totals' name now.
    pub(crate) fn standing_totals(&self) -> io::Result<FileIdentity> {
        self.standing_at(TOTALS)
    }

    fn standing_at(&self, name: impl AsRef<Path>) -> io::Result<FileIdentity> {
        match statat(&self.folder, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(FileIdentity(None)),
            data => Ok(FileIdentity(Some(data?))),
        }
    }

    /// The bytes of a short file, where there is one.
    pub(crate) fn read_short(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_existing(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MAX_TEXT).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Removes a folded segment, or sets aside one of which some lanes cannot be read.
    pub(crate) fn take_away(&self, id: u64, aside: bool) -> io::Result<()> {
        if !aside {
            return self.remove_segment(id);
        }
        match renameat(&self.folder, segment_name(id), &self.folder, aside_name(id)) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The segments that are set aside.
    pub(crate) fn set_aside(&self) -> io::Result<Vec<u64>> {
        Ok(self.segments_and_set_aside()?.1)
    }

    /// Removes a segment that was set aside.
    pub(crate) fn remove_set_aside(&self, id: u64) -> io::Result<()> {
        self.remove(aside_name(id))
    }

    /// Replaces the totals, once the new ones are on the disk and can be read back.
    pub(crate) fn replace_totals(&self, file: &TotalsFile) -> Result<(), SegmentError> {
        self.expect_room(file.length()?)?;
        let read_back = || match self.open_existing(&format!("{TEMP_PREFIX}{TOTALS}"))? {
            Some(mut written) => TotalsFile::check(&mut written),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        };
        self.replace_by(TOTALS, |new| file.write(new), read_back)
    }

    /// Fails where the file system has no room for so many bytes: a file that does not fit would take
    /// what the living need.
    fn expect_room(&self, bytes: u64) -> io::Result<()> {
        let system = fstatvfs(&self.folder)?;
        // A tmpfs without a limit has no blocks.
        let is_full = system.f_blocks > 0 && system.f_bfree.saturating_mul(system.f_frsize) < bytes;
        if is_full { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    /// Replaces a file as a whole and for good; under the directory's lock. Whoever reads sees the
    /// old bytes or the new ones, after a crash of the machine too.
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
        // Whoever held the lock before may have died here.
        self.remove(&new)?;
        let written = self.write_new(&new, write).map_err(E::from).and_then(|()| check());
        let replaced = written.and_then(|()| Ok(self.rename(&new, name)?));
        if replaced.is_err() {
            // What is left of it would take room.
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

    /// Opens a file for reading that must be there.
    fn open(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = self.open_at(name, READ).map_err(not_opened)?;
        self.check(&file)?;
        Ok(file.into())
    }

    /// As [`open`](Directory::open), a file to be locked: a forked child does not keep it.
    pub(crate) fn open_locked(&self, name: impl AsRef<Path>) -> io::Result<OwnDescriptor> {
        self.open_own(name, READ)
    }

    fn open_own(&self, name: impl AsRef<Path>, flags: OFlags) -> io::Result<OwnDescriptor> {
        let file = OwnDescriptor::open(|| self.open_at(name, flags)).map_err(not_opened)?;
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
            return Err(refused("it is not a regular file"));
        }
        if !self.trust.accepts(data.st_uid, data.st_gid) {
            return Err(refused(&format!(
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

    /// Makes a file that was not there, for appending, with the mode and group that all have.
    pub(crate) fn create_file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = self.open_at(&name, CREATE)?;
        self.share(name, file.as_fd())?;
        Ok(file.into())
    }

    /// Gives a new file to those who may read it, whatever the process's umask is; removes it where
    /// that fails.
    fn share(&self, name: impl AsRef<Path>, file: BorrowedFd<'_>) -> io::Result<()> {
        let regrouped = match self.trust.group {
            Some(group) if fstat(file)?.st_gid != group => fchown(file, None, Some(Gid::from_raw(group))),
            _ => Ok(()),
        };
        let shared = regrouped.and_then(|()| match self.trust.readers() {
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

    /// Removes a file; that it is gone already is no error.
    pub(crate) fn remove(&self, name: impl AsRef<Path>) -> io::Result<()> {
        match unlinkat(&self.folder, name.as_ref(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What stands at a path now.
pub(crate) fn standing_at(path: &Path) -> io::Result<FileIdentity> {
    match lstat(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(FileIdentity(None)),
        data => Ok(FileIdentity(Some(data?))),
    }
}

/// Which file an opened one is.
pub(crate) fn standing(file: impl AsFd) -> io::Result<FileIdentity> {
    Ok(FileIdentity(Some(fstat(file)?)))
}

fn not_opened(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::MLINK => refused("it is a symbolic link"),
        error => error.into(),
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Disk space of a file, committed pages included.
pub(crate) fn bytes(file: impl AsFd) -> u64 {
    fstat(file).map_or(0, |data| u64::try_from(data.st_blocks).unwrap_or(0) * 512)
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn id_with(name: &Path, spell: fn(u64) -> PathBuf) -> Option<u64> {
    let stem = name.file_stem().and_then(OsStr::to_str)?;
    let id = u64::from_str_radix(stem, 16).ok()?;
    // One name for each id: with capitals or a sign, a segment would be read twice.
    (name == spell(id)).then_some(id)
}

/// The name of a segment that is set aside.
fn aside_name(id: u64) -> PathBuf {
    format!("{id:016x}.{ASIDE}").into()
}

fn unfinished_id_of(name: &Path) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(TEMP_PREFIX)?;
    let id = u64::from_str_radix(digits, 16).ok()?;
    (name == Path::new(&unfinished_name(id))).then_some(id)
}

/// The name of a segment's file.
pub(crate) fn segment_name(id: u64) -> PathBuf {
    format!("{id:016x}.{EXTENSION}").into()
}

pub(crate) fn unfinished_name(id: u64) -> String {
    format!("{TEMP_PREFIX}{id:016x}")
}

#[cfg(test)]
mod tests {
    use super::{Directory, id_with, lock::owner_lives, segment_name};
    use std::path::Path;

    #[test]
    fn only_whole_names_are_segments() {
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
    fn a_segment_lives_while_its_owner_holds_it() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        let new = directory.new_segment(7).unwrap();
        assert_eq!(directory.segments().unwrap(), []);
        directory.publish_segment(7).unwrap();
        assert_eq!(directory.segments().unwrap(), [7]);
        let file = directory.open_segment(7).unwrap();
        assert!(owner_lives(&file));
        drop(new);
        assert!(!owner_lives(&file));
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
