//! The metrics directory: where segments lie, how one appears, and whether its owner lives.
//!
//! `{directory}/ictus/{id}.seg`, the id as 16 hexadecimal digits. A segment is made as
//! `.new-{id}`, complete and locked before it is renamed: no reader ever sees half a header.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::map::OwnDescriptor;

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
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
            .open(self.segment_path(id))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
        }
        Ok(file)
    }

    pub(super) fn new_segment(&self, id: u64) -> io::Result<NewSegment> {
        let path = self.new_path(id);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
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

    /// Removes a segment that nobody has read yet.
    pub(crate) fn remove_segment(&self, id: u64) {
        remove_unused(&self.segment_path(id));
    }

    /// Removes a segment that never got its name.
    pub(super) fn remove_new_segment(&self, id: u64) {
        remove_unused(&self.new_path(id));
    }

    pub(crate) fn segment_path(&self, id: u64) -> PathBuf {
        self.path.join(file_name(id))
    }

    fn new_path(&self, id: u64) -> PathBuf {
        self.path.join(format!(".new-{id:016x}"))
    }
}

fn remove_unused(segment: &Path) {
    if let Err(error) = fs::remove_file(segment) {
        log::debug!("an unused segment stays: {error}");
    }
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
