//! Diagnosis of a metrics directory that cannot be read, with the cause and the remedy.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The folder inside a metrics directory.
const INNER: &str = "ictus";

/// The reason why a path is not a metrics directory that this process can read.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// The path does not exist.
    Missing(PathBuf),
    /// The path, or a part of it, is a file.
    NotADirectory(PathBuf),
    /// A directory of the path cannot be entered, or the last one cannot be read.
    Denied(PathBuf),
    /// The path is the folder inside a metrics directory.
    Inner(PathBuf),
    /// Any other error.
    Other(PathBuf, io::Error),
}

impl Unusable {
    /// Returns the reason why the directory cannot be read, if any. A directory without segments is
    /// readable.
    pub(crate) fn examine(directory: &Path) -> Option<Unusable> {
        let metadata = match fs::metadata(directory) {
            Ok(metadata) => metadata,
            Err(error) => return Some(Unusable::from_error(directory, error)),
        };
        if !metadata.is_dir() {
            return Some(Unusable::NotADirectory(directory.to_owned()));
        }
        if is_inner(directory) {
            return Some(Unusable::Inner(directory.to_owned()));
        }
        let inner = directory.join(INNER);
        match fs::read_dir(&inner) {
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Unusable::from_error(&inner, error)),
        }
    }

    /// Returns whether workers may still create the directory.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Unusable::Missing(_))
    }

    fn from_error(path: &Path, error: io::Error) -> Unusable {
        match error.kind() {
            io::ErrorKind::NotFound => Unusable::Missing(path.to_owned()),
            io::ErrorKind::NotADirectory => {
                // The part of the path that is a file.
                let file = path.ancestors().find(|part| fs::metadata(part).is_ok());
                Unusable::NotADirectory(file.unwrap_or(path).to_owned())
            }
            io::ErrorKind::PermissionDenied => {
                // The deepest directory whose metadata is readable is the one that cannot be
                // entered.
                let closed = path.ancestors().find(|part| fs::metadata(part).is_ok());
                Unusable::Denied(
                    closed.filter(|part| !part.as_os_str().is_empty()).unwrap_or(path).to_owned(),
                )
            }
            _ => Unusable::Other(path.to_owned(), error),
        }
    }
}

/// Returns whether the path is the folder with the segments, instead of the metrics directory that
/// contains it.
fn is_inner(directory: &Path) -> bool {
    let is_segment = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let path = entry.path();
            path.extension().is_some_and(|extension| extension == "seg") || path.ends_with("totals")
        })
    };
    directory.ends_with(INNER)
        && !directory.join(INNER).exists()
        && fs::read_dir(directory).is_ok_and(|mut entries| entries.any(is_segment))
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REMEDY: &str = "give the metrics directory that the workers record into";
        match self {
            Unusable::Missing(path) => write!(f, "{} does not exist; {REMEDY}", path.display()),
            Unusable::NotADirectory(path) => write!(f, "{} is not a directory; {REMEDY}", path.display()),
            Unusable::Inner(path) => {
                let around = path.parent().unwrap_or(path);
                write!(
                    f,
                    "{} is the folder inside of a metrics directory; give {}",
                    path.display(),
                    around.display()
                )
            }
            Unusable::Denied(path) => {
                write!(f, "cannot enter {}: permission denied", path.display())?;
                let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
                let (owner, own) = (user(metadata.uid()), user(rustix::process::geteuid().as_raw()));
                write!(
                    f,
                    "; it belongs to {owner} with mode {:04o}, and this process runs as {own}: run the command \
                     as the workers' user, or have the workers share the directory with a group",
                    metadata.mode() & 0o7777
                )
            }
            Unusable::Other(path, error) => write!(f, "cannot read {}: {error}", path.display()),
        }
    }
}

/// Returns a user's name and number; the number only, if the system's user list does not contain it.
fn user(number: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number.to_string()).then(|| name.to_owned())
    });
    name.map_or_else(|| format!("user {number}"), |name| format!("{name} ({number})"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Unusable;

    #[test]
    fn causes_are_distinct() {
        let parent = tempfile::tempdir().unwrap();
        let (file, metrics) = (parent.path().join("file"), parent.path().join("metrics"));
        fs::write(&file, "").unwrap();
        fs::create_dir_all(metrics.join("ictus")).unwrap();
        let said = |path: &std::path::Path| Unusable::examine(path).map(|why| why.to_string());
        assert_eq!(said(&metrics), None);
        assert_eq!(said(parent.path()), None);
        assert!(said(&parent.path().join("none")).unwrap().contains("none does not exist; give the metrics"));
        assert!(said(&file).unwrap().contains("file is not a directory"));
        let below = said(&file.join("a/b")).unwrap();
        assert!(below.contains("/file is not a directory"), "{below}");
        fs::write(metrics.join("ictus/00000000000000aa.seg"), "").unwrap();
        let inner = said(&metrics.join("ictus")).unwrap();
        assert!(inner.ends_with(&format!("; give {}", metrics.display())), "{inner}");
    }
}
