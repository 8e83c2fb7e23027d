//! The folder `ictus` of a metrics directory: who may use it, and whose files count in it.
//!
//! Who may write in the folder can take every file away and put others in their place. So it is the
//! user's own, mode 0700, and files of nobody else count, but those of root, who needs no leave; or
//! it is a group's, mode 0770, and files of all members count. No folder in which everybody may
//! write is used at all.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt},
    },
    path::{self, Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{Gid, Mode, OFlags, fchmod, fchown, open},
    io::{Errno, retry_on_intr},
    process::geteuid,
};

use super::{Directory, FileIdentity, segment_name};
use crate::{
    directory,
    error::{Error, Result},
    sys::{self, own_descriptor::above_standard},
};

/// Where the part of a metrics directory that is Ictus's lies; it need not exist.
#[derive(Clone, Debug)]
pub(crate) struct MetricsPath {
    path: PathBuf,
    /// The group that is to share it.
    group: Option<u32>,
}

const FOLDER: &str = "ictus";
const ROOT: u32 = 0;
const MODE_GROUP_WRITE: u32 = 0o020;
const MODE_OTHER_WRITE: u32 = 0o002;
/// How often a folder that another user is making is looked at again, and after how long.
const MAX_ATTEMPTS: u32 = 40;
const POLL_AGAIN_INTERVAL: Duration = Duration::from_millis(5);

impl MetricsPath {
    pub(crate) fn of(metrics_directory: &Path) -> MetricsPath {
        MetricsPath { path: metrics_directory.join(FOLDER), group: None }
    }

    /// The place in a metrics directory that a user named; see [`resolve`].
    pub(crate) fn resolve(metrics_directory: &Path) -> Result<MetricsPath> {
        resolve(metrics_directory).map(|path| MetricsPath::of(&path))
    }

    /// The same place, but whoever makes it there shares it with a group.
    pub(crate) fn shared_with(self, group: Option<u32>) -> MetricsPath {
        MetricsPath { group, ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn segment_path(&self, id: u64) -> PathBuf {
        self.path.join(segment_name(id))
    }

    /// What stands at a segment's name now.
    pub(crate) fn standing_segment(&self, id: u64) -> io::Result<FileIdentity> {
        directory::standing_at(&self.segment_path(id))
    }

    /// Opens it for reading; none where it does not exist. A folder that a group shares is known by
    /// its mode: who reads it need not be told.
    pub(crate) fn open(&self) -> io::Result<Option<Directory>> {
        let Some(folder) = self.folder()? else { return Ok(None) };
        let trust = AccessPolicy::of(&FolderMode::of(&folder.metadata()?), geteuid().as_raw())?;
        Ok(Some(Directory::new(self.clone(), folder, trust)))
    }

    /// Opens it for writing; makes it where it is missing.
    pub(crate) fn make(&self) -> io::Result<Directory> {
        if let Some(metrics_directory) = self.path.parent() {
            fs::create_dir_all(metrics_directory)?;
        }
        for _ in 1..MAX_ATTEMPTS {
            match self.make_once() {
                // Between making it and giving it to the group, another user has it alone.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && self.group.is_some() => {
                    thread::sleep(POLL_AGAIN_INTERVAL);
                }
                made => return made,
            }
        }
        self.make_once()
    }

    fn make_once(&self) -> io::Result<Directory> {
        match fs::DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let folder = self.folder()?.ok_or(io::ErrorKind::NotFound)?;
        let user = geteuid().as_raw();
        if let Some(group) = self.group {
            share(&folder, user, group)?;
        }
        let data = FolderMode::of(&folder.metadata()?);
        let trust = AccessPolicy::of(&data, user)?;
        data.check_writer(user, self.group)?;
        Ok(Directory::new(self.clone(), folder, trust))
    }

    /// The folder itself, not one that a link leads to, on a file system that will do.
    fn folder(&self) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match retry_on_intr(|| open(&self.path, flags, Mode::empty())).and_then(above_standard) {
            Ok(folder) => File::from(folder),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                let why = "it is a link or a file where a folder must be; remove it";
                return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
            }
            Err(error) => return Err(error.into()),
        };
        match sys::refused_file_system(&folder)? {
            Some(system) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!(
                    "it lies on {system}, where memory and locks are not shared reliably; choose a \
                     directory on a local disk or in memory (a tmpfs, such as /dev/shm)"
                ),
            )),
            None => Ok(Some(folder)),
        }
    }
}

/// Returns a metrics directory's path that stays right when the process changes its working directory.
///
/// # Errors
///
/// [`Error::Option`] for an empty path and for one that begins with `~`, which only a shell expands:
/// either would name a folder that nobody meant.
pub(crate) fn resolve(metrics_directory: &Path) -> Result<PathBuf> {
    let refused = |reason| Error::Option { option: "directory", reason };
    if metrics_directory.as_os_str().is_empty() {
        return Err(refused("it is empty; name a folder, such as /dev/shm/metrics"));
    }
    if metrics_directory.as_os_str().as_bytes().starts_with(b"~") {
        let reason = "it begins with `~`, which only a shell expands; give the whole path, or `./~` for a \
                      folder of that name";
        return Err(refused(reason));
    }
    path::absolute(metrics_directory)
        .map_err(|error| Error::io(metrics_directory, "find the working directory for", error))
}

/// Gives a folder to a group, where that is not done and this user may.
fn share(folder: &File, user: u32, group: u32) -> io::Result<()> {
    let data = FolderMode::of(&folder.metadata()?);
    if data.is_shared_with(group) || (data.owner != user && user != ROOT) {
        return Ok(());
    }
    // In this order: what it had before never gets into the hands of another group.
    if data.group != group {
        fchown(folder, None, Some(Gid::from_raw(group)))?;
    }
    Ok(fchmod(folder, Mode::RWXU | Mode::RWXG)?)
}

/// What decides who may do what in a folder.
#[derive(Clone, Copy, Debug)]
struct FolderMode {
    owner: u32,
    group: u32,
    mode: u32,
}

impl FolderMode {
    fn of(data: &Metadata) -> FolderMode {
        FolderMode { owner: data.uid(), group: data.gid(), mode: data.mode() & 0o7777 }
    }

    fn is_shared_with(&self, group: u32) -> bool {
        self.group == group && self.mode & 0o070 == 0o070
    }

    /// Refuses what a process that records must not use.
    fn check_writer(&self, user: u32, shared_with: Option<u32>) -> io::Result<()> {
        let &FolderMode { owner, group, mode } = self;
        match shared_with {
            Some(asked) if !self.is_shared_with(asked) => Err(refused(format!(
                "it is not shared with the group {asked}: it belongs to user {owner}, who must give the \
                 same group"
            ))),
            None if mode & MODE_GROUP_WRITE != 0 => Err(refused(format!(
                "the group {group} may write in it (mode {mode:o}): give that group as the option `group`, \
                 in every process, or take the right away (chmod g-w)"
            ))),
            None if owner != user && user != ROOT => Err(refused(format!(
                "it belongs to user {owner}, and this process is user {user}: choose another directory, or \
                 share it by the option `group`, in every process"
            ))),
            _ => Ok(()),
        }
    }
}

/// Whose files count in a folder, and who is to read those that this process makes there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessPolicy {
    owner: u32,
    user: u32,
    /// The group that shares the folder.
    pub(crate) group: Option<u32>,
}

impl AccessPolicy {
    fn of(folder: &FolderMode, user: u32) -> io::Result<AccessPolicy> {
        let &FolderMode { owner, group, mode } = folder;
        if mode & MODE_OTHER_WRITE != 0 {
            return Err(refused(format!(
                "everybody may write in it (mode {mode:o}): take the right away (chmod o-w) or remove it"
            )));
        }
        Ok(AccessPolicy { owner, user, group: (mode & MODE_GROUP_WRITE != 0).then_some(group) })
    }

    /// Whether a file of that owner and group counts. One of the group's own is a member's: nobody
    /// else can give it to the group.
    pub(crate) fn accepts(&self, owner: u32, group: u32) -> bool {
        [self.owner, self.user, ROOT].contains(&owner) || self.group == Some(group)
    }

    /// Who reads new files beside their owner. Root makes files in a folder of another user that
    /// stay root's (nobody must cut short what root has mapped) and that this user may read; others
    /// are kept out by the folder. In a group members read what they do not write.
    pub(crate) fn readers(&self) -> Option<Mode> {
        match self.group {
            Some(_) => Some(Mode::RGRP),
            None if self.owner != self.user => Some(Mode::RGRP | Mode::ROTH),
            None => None,
        }
    }
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{AccessPolicy, FolderMode, resolve};
    use crate::Error;

    #[test]
    fn relative_directory_is_resolved_and_what_nobody_meant_is_refused() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(resolve(Path::new("metrics")).unwrap(), here.join("metrics"));
        assert_eq!(resolve(Path::new("./~")).unwrap(), here.join("~"));
        assert_eq!(resolve(Path::new("/tmp/~")).unwrap(), Path::new("/tmp/~"));
        for refused in ["", "~", "~/metrics", "~app/metrics"] {
            let error = resolve(Path::new(refused)).unwrap_err();
            assert!(matches!(error, Error::Option { option: "directory", .. }), "{refused:?}: {error}");
        }
    }

    const ME: u32 = 1000;
    const OTHER: u32 = 1001;
    const TEAM: u32 = 50;

    fn folder(owner: u32, mode: u32) -> FolderMode {
        FolderMode { owner, group: TEAM, mode }
    }

    #[test]
    fn writers_use_their_own_folder_or_their_groups() {
        let taken = |folder: FolderMode, user, group| {
            folder.check_writer(user, group).is_ok() && AccessPolicy::of(&folder, user).is_ok()
        };
        for mode in [0o700, 0o750, 0o755] {
            assert!(taken(folder(ME, mode), ME, None), "{mode:o}");
            assert!(taken(folder(OTHER, mode), 0, None), "{mode:o}");
            assert!(!taken(folder(OTHER, mode), ME, None), "{mode:o}");
            assert!(!taken(folder(0, mode), ME, None), "{mode:o}");
            assert!(!taken(folder(OTHER, mode), ME, Some(TEAM)), "{mode:o}");
        }
        for mode in [0o770, 0o775, 0o2770] {
            assert!(!taken(folder(ME, mode), ME, None), "{mode:o}");
            assert!(!taken(folder(OTHER, mode), 0, None), "{mode:o}");
            assert!(taken(folder(OTHER, mode), ME, Some(TEAM)), "{mode:o}");
            assert!(!taken(folder(OTHER, mode), ME, Some(TEAM + 1)), "{mode:o}");
        }
        for mode in [0o777, 0o702, 0o1777] {
            assert!(!taken(folder(ME, mode), ME, None), "{mode:o}");
            assert!(!taken(folder(ME, mode), ME, Some(TEAM)), "{mode:o}");
            assert!(!taken(folder(ME, mode), 0, None), "{mode:o}");
        }
    }

    #[test]
    fn files_of_strangers_count_only_in_a_group() {
        let alone = AccessPolicy::of(&folder(OTHER, 0o700), 0).unwrap();
        assert!(alone.accepts(OTHER, 7) && alone.accepts(0, 7) && !alone.accepts(ME, TEAM));
        let shared = AccessPolicy::of(&folder(OTHER, 0o770), ME).unwrap();
        assert!(shared.accepts(OTHER, 7) && shared.accepts(ME, 7) && shared.accepts(5000, TEAM));
        assert!(!shared.accepts(5000, 7));
    }
}
