//! Files of `prometheus_client`'s multiprocess mode, which lie in a metrics directory next to the
//! folder `ictus`.
//!
//! Every user may be able to write in the directory, so its files follow the rules of the folder
//! `ictus`. Each file is opened once, without following links and without blocking. It must be a
//! regular file of a trusted user, and no more is read than is stored on disk.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsString,
    fs::{File, Metadata},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    vec,
};

use rustix::{
    fs::{Dir, Mode, OFlags, openat},
    io::{Errno, retry_on_intr},
    process::geteuid,
};

use crate::{
    directory::access::MetricsPath,
    error::{Error, Result},
    format::source::stored_bytes,
    log_once,
};

/// A file of `prometheus_client`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MultiprocessFile {
    /// The file's name, which contains the type of its families and the process that wrote it.
    pub name: String,
    /// The file's used bytes. Its first four bytes are their number.
    pub bytes: Vec<u8>,
}

/// An iterator over the trusted files of a directory. Files that are not trusted are logged, once
/// for each cause.
#[derive(Debug)]
pub struct MultiprocessFiles {
    directory: PathBuf,
    folder: File,
    trust: TrustedUsers,
    names: vec::IntoIter<OsString>,
    /// The number of files that are left out, and the name of the first, by cause.
    left_out: BTreeMap<Cow<'static, str>, (usize, OsString)>,
}

/// Maximum used bytes of a file, which are read into memory at once. No file of that library has
/// more.
const MAX_BYTES: u64 = 64 << 20;
/// The number of used bytes and the padding after it.
const HEADER: usize = 8;
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens a metrics directory, and lists the files of `prometheus_client` in it.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// // As `prometheus_client` writes it: the number of used bytes, padding, then entries.
/// let used = [&[16, 0, 0, 0, 0, 0, 0, 0], "an entry".as_bytes()].concat();
/// std::fs::write(directory.path().join("counter_17.db"), &used)?;
/// let mut files = ictus::multiprocess_files(directory.path())?;
/// let file = files.next().expect("a file of this user");
/// assert_eq!((file.name, file.bytes), ("counter_17.db".to_owned(), used));
/// assert_eq!(files.next(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Io`] if the directory cannot be read. A directory that does not exist has no files.
pub fn multiprocess_files(directory: impl AsRef<Path>) -> Result<MultiprocessFiles> {
    let directory = directory.as_ref();
    list(directory).map_err(|error| Error::io(directory, "list the files of prometheus_client in", error))
}

fn list(directory: &Path) -> io::Result<MultiprocessFiles> {
    let folder = match File::open(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => File::open("/dev/null")?,
        folder => folder?,
    };
    let data = folder.metadata()?;
    let mut names = Vec::new();
    if data.is_dir() {
        for entry in Dir::read_from(&folder)? {
            let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
            if name.as_bytes().ends_with(b".db") {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    let (directory, left_out) = (directory.to_owned(), BTreeMap::new());
    let trust = TrustedUsers::of(&directory, &data);
    Ok(MultiprocessFiles { directory, folder, trust, names: names.into_iter(), left_out })
}

/// The users and the group whose files are trusted.
///
/// The users are this process's user, root, and the owners of the directory and of its folder
/// `ictus`. The group is the directory's group, if the group may write in the directory and others
/// may not.
#[derive(Debug)]
struct TrustedUsers {
    users: [u32; 4],
    group: Option<u32>,
}

impl TrustedUsers {
    fn of(directory: &Path, data: &Metadata) -> TrustedUsers {
        let user = geteuid().as_raw();
        let folder = MetricsPath::new(directory).path().symlink_metadata().ok().filter(Metadata::is_dir);
        let recorder = folder.map_or(user, |folder| folder.uid());
        let shared = data.mode() & 0o022 == 0o020;
        TrustedUsers { users: [user, 0, data.uid(), recorder], group: shared.then(|| data.gid()) }
    }

    fn accepts(&self, data: &Metadata) -> bool {
        self.users.contains(&data.uid()) || self.group == Some(data.gid())
    }
}

impl Iterator for MultiprocessFiles {
    type Item = MultiprocessFile;

    fn next(&mut self) -> Option<MultiprocessFile> {
        while let Some(name) = self.names.next() {
            match self.read(&name) {
                Ok(Some(bytes)) => {
                    return Some(MultiprocessFile { name: name.to_string_lossy().into(), bytes });
                }
                Ok(None) => {}
                Err(why) => self.left_out.entry(why).or_insert((0, name)).0 += 1,
            }
        }
        for (why, (count, name)) in std::mem::take(&mut self.left_out) {
            let path = self.directory.join(name);
            log_once::once(
                &format!(
                    "{count} files of prometheus_client in {} are left out, {} the first of them: {why}",
                    self.directory.display(),
                    path.display(),
                ),
                &format!("{}: {why}", self.directory.display()),
            );
        }
        None
    }
}

impl MultiprocessFiles {
    /// Returns the used bytes of a file; none if it was removed or is being created.
    fn read(&self, name: &OsString) -> std::result::Result<Option<Vec<u8>>, Cow<'static, str>> {
        let file = match retry_on_intr(|| openat(&self.folder, name.as_os_str(), READ, Mode::empty())) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::MLINK) => return Err("it is a symbolic link; remove it".into()),
            Err(Errno::ACCESS | Errno::PERM) => {
                return Err("the user of this process cannot read it; give the user access".into());
            }
            Err(error) => return Err(format!("it cannot be opened: {error}").into()),
        };
        let data = file.metadata().map_err(unreadable)?;
        if !data.is_file() {
            return Err("it is not a regular file; remove it".into());
        }
        if !self.trust.accepts(&data) {
            return Err(
                "it belongs to another user; the directory's owner, that of its folder ictus, root and this process's user are trusted; run its program as one of them".into(),
            );
        }
        let mut header = [0; HEADER];
        if file.read_exact_at(&mut header, 0).is_err() {
            return if data.len() == 0 {
                Ok(None)
            } else {
                Err("it is shorter than its header; remove it when its process has ended".into())
            };
        }
        let used = u64::from(u32::from_ne_bytes([header[0], header[1], header[2], header[3]]));
        let stored = stored_bytes(&file).map_err(unreadable)?;
        if used > stored.min(data.len()).min(MAX_BYTES) {
            return Err(
                "it has fewer bytes on disk than its header states, or more than 64 MiB; remove it when its process \
                 has ended"
                    .into(),
            );
        }
        let mut bytes = vec![0; used as usize];
        file.read_exact_at(&mut bytes, 0).map_err(unreadable)?;
        Ok((used > HEADER as u64).then_some(bytes))
    }
}

fn unreadable(error: io::Error) -> Cow<'static, str> {
    format!("it cannot be read: {error}").into()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{chown, symlink},
        time::{Duration, Instant},
    };

    use proptest::prelude::*;

    use super::{MultiprocessFile, multiprocess_files};

    fn file(used: u32, length: usize) -> Vec<u8> {
        let mut bytes = used.to_ne_bytes().to_vec();
        bytes.resize(length, b'x');
        bytes
    }

    fn names(directory: &std::path::Path) -> Vec<String> {
        multiprocess_files(directory).unwrap().map(|file| file.name).collect()
    }

    #[test]
    fn only_regular_files_of_trusted_users_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("counter_1.db"), file(100, 1 << 20)).unwrap();
        fs::write(path("counter_2.db"), b"").unwrap();
        fs::write(path("counter_3.db"), file(8, 1 << 20)).unwrap();
        fs::write(path("short.db"), b"abc").unwrap();
        fs::write(path("long.db"), file(101, 100)).unwrap();
        fs::write(path("other.txt"), file(100, 200)).unwrap();
        fs::create_dir(path("folder.db")).unwrap();
        symlink(path("counter_1.db"), path("link.db")).unwrap();
        let status = std::process::Command::new("mkfifo").arg(path("fifo.db")).status().unwrap();
        assert!(status.success());
        let sparse = fs::File::create(path("sparse.db")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, &file(60 << 20, 8), 0).unwrap();
        sparse.set_len(60 << 20).unwrap();
        if chown(path("folder.db"), Some(12345), None).is_ok() {
            fs::write(path("foreign.db"), file(100, 200)).unwrap();
            chown(path("foreign.db"), Some(12345), None).unwrap();
        }
        let begun = Instant::now();
        let mut files: Vec<MultiprocessFile> = multiprocess_files(directory.path()).unwrap().collect();
        assert!(begun.elapsed() < Duration::from_secs(1));
        // On a platform that does not report whether a file system compresses, holes count as
        // contents.
        if cfg!(ictus_portable) {
            files.retain(|file| file.name != "sparse.db");
        }
        assert_eq!(files.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["counter_1.db"]);
        assert_eq!(files[0].bytes, file(100, 100));
        assert_eq!(names(&path("missing")), [""; 0]);
    }

    /// Files of another user count in the folder `ictus` if that user owns the folder; the same
    /// holds here.
    #[test]
    fn files_of_the_recording_user_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let (path, folder) = (directory.path().join("counter_1.db"), directory.path().join("ictus"));
        fs::write(&path, file(100, 200)).unwrap();
        fs::create_dir(&folder).unwrap();
        if chown(&path, Some(12345), None).is_err() {
            return;
        }
        assert_eq!(names(directory.path()), [""; 0]);
        chown(&folder, Some(12345), None).unwrap();
        assert_eq!(names(directory.path()), ["counter_1.db"]);
    }

    proptest! {
        #[test]
        fn file_is_read_up_to_its_used_length(bytes in prop::collection::vec(any::<u8>(), 0..200), used in 0..300_u32) {
            let directory = tempfile::tempdir().unwrap();
            let mut bytes = bytes;
            if let Some(first) = bytes.first_chunk_mut() {
                *first = used.to_ne_bytes();
            }
            fs::write(directory.path().join("a.db"), &bytes).unwrap();
            let files: Vec<_> = multiprocess_files(directory.path()).unwrap().collect();
            let expected = bytes.len() >= 8 && used > 8 && used as usize <= bytes.len();
            prop_assert_eq!(files.len(), usize::from(expected));
            prop_assert!(files.iter().all(|file| file.bytes == bytes[..used as usize]));
        }
    }
}
