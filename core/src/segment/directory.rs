//! The metrics directory: where segments lie, how one appears, and whether its owner lives.
//!
//! ```text
//! {directory}/ictus/     0700
//!   {id}.seg             a segment; the id as 16 hexadecimal digits
//!   .new-{id}            one that is being made: locked and whole before it gets its name
//!   totals               what dead segments left; replaced as a whole
//!   epoch                which clock stamps are of
//!   lock                 guards totals and epoch
//! ```

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::{Errno, retry_on_intr},
};

use super::map::OwnDescriptor;
use crate::{failpoint, platform};

/// The part of a metrics directory that is Ictus's.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// A segment's file before it has its name.
pub(super) struct NewSegment {
    pub(super) file: OwnedFd,
    pub(super) lock: OwnDescriptor,
}

const FOLDER: &str = "ictus";
const TOTALS: &str = "totals";
const EXTENSION: &str = "seg";

impl Directory {
    /// The directory's own part, made where it is missing.
    pub(crate) fn create(metrics_directory: &Path) -> io::Result<Directory> {
        fs::create_dir_all(metrics_directory)?;
        let path = metrics_directory.join(FOLDER);
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a directory"));
        }
        if let Some(system) = platform::refused_file_system(File::open(&path)?)? {
            return Err(unshared(system));
        }
        Ok(Directory { path })
    }

    /// The directory's own part, which need not exist.
    pub(crate) fn of(metrics_directory: &Path) -> Directory {
        Directory { path: metrics_directory.join(FOLDER) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all segments, in no order. None where the directory does not exist.
    pub(crate) fn segments(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            ids.extend(id_of(Path::new(&entry?.file_name())));
        }
        Ok(ids)
    }

    /// Opens a segment for reading: a regular file, not through a link, without waiting.
    pub(crate) fn open_segment(&self, id: u64) -> io::Result<File> {
        open(&self.segment_path(id))
    }

    pub(super) fn new_segment(&self, id: u64) -> io::Result<NewSegment> {
        let path = self.new_path(id);
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
        // A second open file: a mapping that a fork inherits pins the first one, lock and all.
        let locked = OpenOptions::new().read(true).open(&path)?;
        if locked.metadata()?.ino() != file.metadata()?.ino() {
            return Err(io::Error::other("another process replaced the file"));
        }
        flock(&locked, FlockOperation::NonBlockingLockExclusive)?;
        Ok(NewSegment { file: file.into(), lock: OwnDescriptor::hold(locked.into()) })
    }

    pub(super) fn publish_segment(&self, id: u64) -> io::Result<()> {
        fs::rename(self.new_path(id), self.segment_path(id))
    }

    /// Removes what is left of a segment that could not be made.
    pub(super) fn discard_new_segment(&self, id: u64) {
        // There may be nothing, or no way to remove it: the next retirement clears it.
        let _ = fs::remove_file(self.new_path(id));
    }

    /// Removes a segment's file; that it is gone already is no error.
    pub(crate) fn remove_segment(&self, id: u64) -> io::Result<()> {
        match fs::remove_file(self.segment_path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes the directory's lock, which guards the totals and the epoch; waits for it.
    pub(super) fn lock(&self) -> io::Result<DirectoryLock> {
        let file = self.lock_file()?;
        retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
        Ok(DirectoryLock { _file: file })
    }

    /// Takes the directory's lock; none where another process has it.
    pub(super) fn try_lock(&self) -> io::Result<Option<DirectoryLock>> {
        let file = self.lock_file()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(DirectoryLock { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn lock_file(&self) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(self.path.join("lock"))
    }

    /// The totals file, where there is one.
    pub(crate) fn open_totals(&self) -> io::Result<Option<File>> {
        match open(&self.path.join(TOTALS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.map(Some),
        }
    }

    /// Whether the totals file is still the one that was opened.
    pub(crate) fn totals_are(&self, opened: Option<&File>) -> io::Result<bool> {
        let identity = |data: Metadata| (data.dev(), data.ino());
        let now = match fs::symlink_metadata(self.path.join(TOTALS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            data => Some(identity(data?)),
        };
        Ok(now == opened.map(File::metadata).transpose()?.map(identity))
    }

    /// Replaces a file as a whole and for good; under the directory's lock. Whoever reads sees the
    /// old bytes or the new ones, after a crash of the machine too.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.join(format!(".new-{name}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&new)?;
        file.write_all(bytes)?;
        failpoint::hit("totals/written");
        file.sync_all()?;
        failpoint::hit("totals/synced");
        fs::rename(&new, self.path.join(name))?;
        failpoint::hit("totals/renamed");
        File::open(&self.path)?.sync_all()?;
        failpoint::hit("totals/directory synced");
        Ok(())
    }

    pub(crate) fn segment_path(&self, id: u64) -> PathBuf {
        self.path.join(file_name(id))
    }

    fn new_path(&self, id: u64) -> PathBuf {
        self.path.join(format!(".new-{id:016x}"))
    }
}

/// The directory's lock, until this is dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

fn unshared(system: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "it lies on {system}, where memory and locks are not shared reliably; choose a directory on a \
             local disk or in memory (a tmpfs, such as /dev/shm)"
        ),
    )
}

/// Opens a regular file for reading, not through a link, without waiting.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    Ok(file)
}

/// Disk space of a file, committed pages included.
pub(crate) fn bytes(file: &File) -> u64 {
    file.metadata().map_or(0, |data| data.blocks() * 512)
}

/// Whether the owner of an opened segment still lives.
///
/// The shared lock taken to find out does not stand in another reader's way, and is gone again
/// when this returns.
pub(crate) fn owner_lives(segment: &File) -> bool {
    match flock(segment, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // Closing the file unlocks it in any case.
            let _ = flock(segment, FlockOperation::Unlock);
            false
        }
        Err(_) => true,
    }
}

fn id_of(name: &Path) -> Option<u64> {
    let stem = name.file_stem().and_then(OsStr::to_str)?;
    let id = u64::from_str_radix(stem, 16).ok()?;
    // One name for each id: with capitals or a sign, a segment would be read twice.
    (name == file_name(id)).then_some(id)
}

fn file_name(id: u64) -> PathBuf {
    format!("{id:016x}.{EXTENSION}").into()
}

#[cfg(test)]
mod tests {
    use super::{Directory, id_of, owner_lives};
    use std::path::Path;

    #[test]
    fn only_whole_names_are_segments() {
        assert_eq!(id_of(Path::new("00000000000000ff.seg")), Some(255));
        for name in [
            "ff.seg",
            ".new-00000000000000ff",
            "00000000000000ff",
            "totals",
            "0000000000000zff.seg",
            "00000000000000FF.seg",
            "+0000000000000ff.seg",
        ] {
            assert_eq!(id_of(Path::new(name)), None, "{name}");
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
        std::os::unix::fs::symlink("/etc/passwd", directory.segment_path(1)).unwrap();
        std::fs::create_dir(directory.segment_path(2)).unwrap();
        directory.open_segment(1).unwrap_err();
        directory.open_segment(2).unwrap_err();
    }
}
