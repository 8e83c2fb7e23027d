//! The one error type: what went wrong, and what to do about it.

use std::{fmt, io, path::PathBuf};

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. Recording never fails: what it cannot take is counted instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A metric or label name that Prometheus would not take.
    Name {
        /// The name as given.
        name: String,
        /// What a name must look like.
        reason: &'static str,
    },
    /// A family of that name exists with another kind or unit.
    Mismatch {
        /// The family.
        name: String,
        /// What it was registered as.
        existing: String,
        /// What was asked for.
        asked: String,
    },
    /// An option that cannot be kept.
    Option {
        /// Which.
        option: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// Another number of label values than the family has label names.
    LabelCount {
        /// The family.
        name: String,
        /// How many label names it has.
        expected: usize,
        /// How many values were given.
        given: usize,
    },
    /// The operating system refused, or a metrics directory is not one to be used.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// Two surfaces that cannot share an exposition.
    SurfaceConflict,
    /// A surface's or a format's name that is not known.
    Unknown {
        /// What kind of thing was named.
        what: &'static str,
        /// The name as given.
        given: String,
        /// The names that are known.
        known: &'static str,
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
            Error::Mismatch { name, existing, asked } => write!(
                f,
                "the family {name:?} exists as {existing}, but was asked for as {asked}; \
                 use the same kind everywhere, or another name"
            ),
            Error::Option { option, reason } => write!(f, "the option {option} cannot be kept: {reason}"),
            Error::LabelCount { name, expected, given } => {
                write!(f, "the family {name:?} has {expected} labels, but {given} values were given")
            }
            Error::Io { path, action, source } => write!(f, "cannot {action} {}: {source}", path.display()),
            Error::SurfaceConflict => f.write_str(
                "the canonical surface cannot share an exposition with legacy or documented, because \
                 families of one name would have two types; make them two scrape jobs, one with \
                 ?surface=canonical and one with ?surface=legacy,documented",
            ),
            Error::Unknown { what, given, known } => {
                write!(f, "{given:?} is not a known {what}; known are: {known}")
            }
        }
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
