//! Files with certificates and credentials: regular files of limited size.
//!
//! Reading never blocks: a FIFO or a device at the path is refused.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::fs::{Mode, OFlags, open};

use crate::error::Reason;

/// Maximum size, which exceeds that of any bundle of certificates.
const MAX_BYTES: u64 = 1 << 20;

/// The identity of a file, its size, and the time of its last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64, u64, u64, i64, i64);

/// Returns the stamp of the file at a path; `None` if there is no file.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let data = std::fs::metadata(path).ok()?;
    Some(Stamp(data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}

/// Reads a regular file. Errors do not quote its content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Reason> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?;
    let file = File::from(file);
    let data = file.metadata().map_err(unreadable)?;
    if !data.is_file() {
        return Err("it is not a regular file; give the path of a regular file".into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes; check that the path is right").into());
    }
    Ok(bytes)
}

/// Reads a regular file as text.
pub(crate) fn read_text(path: &Path) -> Result<String, Reason> {
    String::from_utf8(read(path)?).map_err(|_| "it is not UTF-8; save it as UTF-8".into())
}

/// Returns the reason of a file that the system does not let this process read.
fn unreadable(error: io::Error) -> Reason {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "; create the file, or correct its path",
        io::ErrorKind::PermissionDenied => "; make the file readable for the user of this process",
        _ => "",
    };
    Reason::from_system(error, remedy)
}

/// Logs a warning if every user can read the file.
pub(crate) fn warn_if_readable_by_others(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|data| data.mode() & 0o004 != 0) {
        log::warn!(
            "every user can read {}, which has secrets: remove the permission with chmod o-r",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, Instant},
    };

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::{MAX_BYTES, read, read_text, stamp};

    #[test]
    fn file_that_is_not_regular_is_refused_immediately() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let start = Instant::now();
        for path in [fifo.as_path(), folder.path(), "/dev/zero".as_ref(), "/dev/null".as_ref()] {
            assert!(read(path).unwrap_err().to_string().contains("not a regular file"), "{}", path.display());
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn large_and_binary_files_are_refused_without_being_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains(&MAX_BYTES.to_string()));
        fs::write(&path, b"bearer s3cret\xff").unwrap();
        assert!(!read_text(&path).unwrap_err().to_string().contains("s3cret"));
        fs::write(&path, "text").unwrap();
        assert_eq!(read_text(&path).unwrap(), "text");
        let previous = stamp(&path).unwrap();
        fs::write(&path, "texts").unwrap();
        assert_ne!(stamp(&path), Some(previous));
        fs::remove_file(&path).unwrap();
        assert_eq!(stamp(&path), None);
    }
}
