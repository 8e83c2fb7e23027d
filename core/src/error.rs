//! The error type of the crate: each error states the cause and the remedy.

use std::{fmt, io, path::PathBuf};

/// A result with the [`Error`] of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The error of a failed call. Recording never fails: rejected observations are counted instead.
///
/// ```
/// use ictus::Registry;
///
/// let registry = Registry::new();
/// registry.counter("jobs", "", &["queue"])?;
/// let error = registry.counter("1 job", "", &[]).unwrap_err();
/// assert!(error.to_string().contains("1 job"), "{error}");
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A metric or label name that Prometheus rejects.
    #[non_exhaustive]
    Name {
        /// The name as given.
        name: String,
        /// The rule for valid names.
        reason: &'static str,
    },
    /// A family of that name exists with another kind or unit.
    #[non_exhaustive]
    Mismatch {
        /// The name of the family.
        name: String,
        /// The kind and unit of the existing family.
        existing: String,
        /// The kind and unit that the call requested.
        requested: String,
    },
    /// An option with an invalid value.
    #[non_exhaustive]
    Option {
        /// The name of the option.
        option: &'static str,
        /// The rule for valid values.
        reason: &'static str,
    },
    /// The number of label values differs from the number of label names of the family.
    #[non_exhaustive]
    LabelCount {
        /// The name of the family.
        name: String,
        /// The number of label names.
        expected: usize,
        /// The number of values given.
        given: usize,
    },
    /// The operating system returned an error, or the metrics directory cannot be used.
    #[non_exhaustive]
    Io {
        /// The path of the file or directory.
        path: PathBuf,
        /// The action that failed.
        action: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The surfaces cannot share an exposition.
    SurfaceConflict,
    /// The name of a surface or format that does not exist.
    #[non_exhaustive]
    Unknown {
        /// The kind of the name, for example a surface.
        what: &'static str,
        /// The name as given.
        given: String,
        /// The valid names.
        valid: &'static str,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, action: &'static str, source: impl Into<io::Error>) -> Error {
        Error::Io { path: path.into(), action, source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Name { name, reason } => write!(f, "{name:?} is not a valid name: {reason}"),
            Error::Mismatch { name, existing, requested } => write!(
                f,
                "the family {name:?} exists as {existing}, but was requested as {requested}; \
                 use the same kind everywhere, or another name"
            ),
            Error::Option { option, reason } => write!(f, "invalid option {option}: {reason}"),
            Error::LabelCount { name, expected, given } => {
                write!(
                    f,
                    "the family {name:?} has {expected} labels, but {given} values were given; give one value for each label, in their order"
                )
            }
            Error::Io { path, action, source } => {
                write!(f, "cannot {action} {}: {source}{}", path.display(), remedy(source))
            }
            Error::SurfaceConflict => f.write_str(
                "the canonical surface cannot share an exposition with legacy or documented, because \
                 families of one name would have two types; make them two scrape jobs, one with \
                 ?surface=canonical and one with ?surface=legacy,documented",
            ),
            Error::Unknown { what, given, valid } => {
                write!(f, "unknown {what} {given:?}; use one of: {valid}")
            }
        }
    }
}

/// Returns the remedy of an error of the system. Errors with a text of this crate have it in that text.
fn remedy(source: &io::Error) -> &'static str {
    if source.raw_os_error().is_none() {
        return "";
    }
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; give the user of this process access to it, or choose another directory"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; choose a directory on a file system that can be written",
        io::ErrorKind::NotADirectory => "; choose a path whose parts are directories",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space",
        io::ErrorKind::OutOfMemory => "; raise the memory limit of this process",
        _ => "",
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io};

    use rustix::io::Errno;

    use super::Error;

    #[test]
    fn io_error_has_the_path_the_cause_and_the_remedy() {
        for (errno, remedy) in [
            (Errno::ACCESS, "; give the user of this process access to it"),
            (Errno::ROFS, "; choose a directory on a file system that can be written"),
            (Errno::NOTDIR, "; choose a path whose parts are directories"),
            (Errno::NOSPC, "; free some space"),
        ] {
            let error = Error::io("/a", "use", errno);
            let expected = format!("cannot use /a: {}{remedy}", io::Error::from(errno));
            assert!(error.to_string().starts_with(&expected), "{error}");
            assert!(error.source().is_some());
        }
        let own = Error::io("/a", "use", io::Error::other("it is a link; remove it"));
        assert_eq!(own.to_string(), "cannot use /a: it is a link; remove it");
    }
}
