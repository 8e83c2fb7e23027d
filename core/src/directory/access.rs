//! Access to the folder `ictus` of a metrics directory: which folder a process may use, and whose
//! files are accepted there.
//!
//! A user with write access to the folder can remove and replace every file in it. So there are two
//! kinds of folders. In a folder of one user (mode 0700), only files of that user and of root are
//! accepted. In a folder of a group (mode 0770), files of all its members are accepted. A folder
//! that is writable by everybody is rejected.

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

/// The path of the folder `ictus` in a metrics directory. It need not exist.
#[derive(Clone, Debug)]
pub(crate) struct MetricsPath {
    path: PathBuf,
    /// The group that is to share the folder.
    group: Option<u32>,
}

const FOLDER_NAME: &str = "ictus";
const ROOT_UID: u32 = 0;
const MODE_GROUP_WRITE: u32 = 0o020;
const MODE_OTHER_WRITE: u32 = 0o002;
/// Maximum number of checks of a folder that another user is creating, and the interval between
/// them.
const MAX_ATTEMPTS: u32 = 40;
const POLL_AGAIN_INTERVAL: Duration = Duration::from_millis(5);

impl MetricsPath {
    pub(crate) fn new(metrics_directory: &Path) -> MetricsPath {
        MetricsPath { path: metrics_directory.join(FOLDER_NAME), group: None }
    }

    /// Returns the folder of a metrics directory that a user named; see [`resolve`].
    pub(crate) fn resolve(metrics_directory: &Path) -> Result<MetricsPath> {
        resolve(metrics_directory).map(|path| MetricsPath::new(&path))
    }

    /// Returns the same path, whose folder is shared with a group when it is created.
    pub(crate) fn with_group(self, group: Option<u32>) -> MetricsPath {
        MetricsPath { group, ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn segment_path(&self, id: u64) -> PathBuf {
        self.path.join(segment_name(id))
    }

    /// Returns the identity of the file that has a segment's name now.
    pub(crate) fn standing_segment(&self, id: u64) -> io::Result<FileIdentity> {
        directory::standing_at(&self.segment_path(id))
    }

    /// Opens the folder for reading. Returns `None` if it does not exist. A folder that a group
    /// shares is recognized by its mode, so readers need no option for it.
    pub(crate) fn open(&self) -> io::Result<Option<Directory>> {
        let Some(folder) = self.folder()? else { return Ok(None) };
        let trust = AccessPolicy::of(&FolderMode::of(&folder.metadata()?), geteuid().as_raw())?;
        Ok(Some(Directory::new(self.clone(), folder, trust)))
    }

    /// Opens the folder for writing, and creates it if it is missing.
    pub(crate) fn create_or_open(&self) -> io::Result<Directory> {
        if let Some(metrics_directory) = self.path.parent() {
            fs::create_dir_all(metrics_directory)?;
        }
        for _ in 1..MAX_ATTEMPTS {
            match self.try_create() {
                // Until another user has given the new folder to the group, only that user has
                // access.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && self.group.is_some() => {
                    thread::sleep(POLL_AGAIN_INTERVAL);
                }
                result => return result,
            }
        }
        self.try_create()
    }

    fn try_create(&self) -> io::Result<Directory> {
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

    /// Opens the folder without following a link, and rejects unsuitable file systems.
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
        match sys::unsupported_file_system(&folder)? {
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

/// Returns the absolute path of a metrics directory, which stays valid when the working directory
/// changes.
///
/// # Errors
///
/// [`Error::Option`] for an empty path and for one that begins with `~`, which only a shell
/// expands. Either would name an unintended folder.
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

/// Gives a folder to a group, if that is not done and this user may do it.
fn share(folder: &File, user: u32, group: u32) -> io::Result<()> {
    let data = FolderMode::of(&folder.metadata()?);
    if data.is_shared_with(group) || (data.owner != user && user != ROOT_UID) {
        return Ok(());
    }
    // The group changes before the rights, so that the folder's previous group gets no access.
    if data.group != group {
        fchown(folder, None, Some(Gid::from_raw(group)))?;
    }
    Ok(fchmod(folder, Mode::RWXU | Mode::RWXG)?)
}

/// The attributes of a folder that decide about access.
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

    /// Rejects a folder that a recording process must not use.
    fn check_writer(&self, user: u32, shared_with: Option<u32>) -> io::Result<()> {
        let &FolderMode { owner, group, mode } = self;
        match shared_with {
            Some(requested) if !self.is_shared_with(requested) => Err(access_error(format!(
                "it is not shared with the group {requested}: it belongs to user {owner}; run a process of \
                 that user with the same option `group` first"
            ))),
            None if mode & MODE_GROUP_WRITE != 0 => Err(access_error(format!(
                "the group {group} may write in it (mode {mode:o}): give that group as the option `group`, \
                 in every process, or take the right away (chmod g-w)"
            ))),
            None if owner != user && user != ROOT_UID => Err(access_error(format!(
                "it belongs to user {owner}, and this process is user {user}: choose another directory, or \
                 share it by the option `group`, in every process"
            ))),
            _ => Ok(()),
        }
    }
}

/// The owners whose files are accepted in a folder, and the readers of files that this process
/// creates there.
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
            return Err(access_error(format!(
                "everybody may write in it (mode {mode:o}): take the right away (chmod o-w) or remove it"
            )));
        }
        Ok(AccessPolicy { owner, user, group: (mode & MODE_GROUP_WRITE != 0).then_some(group) })
    }

    /// Returns whether a file of that owner and group is accepted. A file of the group was created
    /// by a member, because no other user can give a file to the group.
    pub(crate) fn trusts(&self, owner: u32, group: u32) -> bool {
        [self.owner, self.user, ROOT_UID].contains(&owner) || self.group == Some(group)
    }

    /// Returns the read permissions of new files in addition to the owner's.
    ///
    /// Root's files in the folder of another user stay root's, because no other user may truncate a
    /// file that root has mapped. That user may read them; the folder keeps all others out. In a
    /// shared folder, members may read each other's files but not write them.
    pub(crate) fn file_mode(&self) -> Option<Mode> {
        match self.group {
            Some(_) => Some(Mode::RGRP),
            None if self.owner != self.user => Some(Mode::RGRP | Mode::ROTH),
            None => None,
        }
    }
}

fn access_error(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{AccessPolicy, FolderMode, resolve};
    use crate::Error;

    #[test]
    fn relative_directory_is_resolved_and_unsafe_paths_are_refused() {
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
    fn writers_use_their_own_folder_or_that_of_their_group() {
        let accepted = |folder: FolderMode, user, group| {
            folder.check_writer(user, group).is_ok() && AccessPolicy::of(&folder, user).is_ok()
        };
        for mode in [0o700, 0o750, 0o755] {
            assert!(accepted(folder(ME, mode), ME, None), "{mode:o}");
            assert!(accepted(folder(OTHER, mode), 0, None), "{mode:o}");
            assert!(!accepted(folder(OTHER, mode), ME, None), "{mode:o}");
            assert!(!accepted(folder(0, mode), ME, None), "{mode:o}");
            assert!(!accepted(folder(OTHER, mode), ME, Some(TEAM)), "{mode:o}");
        }
        for mode in [0o770, 0o775, 0o2770] {
            assert!(!accepted(folder(ME, mode), ME, None), "{mode:o}");
            assert!(!accepted(folder(OTHER, mode), 0, None), "{mode:o}");
            assert!(accepted(folder(OTHER, mode), ME, Some(TEAM)), "{mode:o}");
            assert!(!accepted(folder(OTHER, mode), ME, Some(TEAM + 1)), "{mode:o}");
        }
        for mode in [0o777, 0o702, 0o1777] {
            assert!(!accepted(folder(ME, mode), ME, None), "{mode:o}");
            assert!(!accepted(folder(ME, mode), ME, Some(TEAM)), "{mode:o}");
            assert!(!accepted(folder(ME, mode), 0, None), "{mode:o}");
        }
    }

    #[test]
    fn files_of_other_users_count_only_in_a_group() {
        let alone = AccessPolicy::of(&folder(OTHER, 0o700), 0).unwrap();
        assert!(alone.trusts(OTHER, 7) && alone.trusts(0, 7) && !alone.trusts(ME, TEAM));
        let shared = AccessPolicy::of(&folder(OTHER, 0o770), ME).unwrap();
        assert!(shared.trusts(OTHER, 7) && shared.trusts(ME, 7) && shared.trusts(5000, TEAM));
        assert!(!shared.trusts(5000, 7));
    }
}
