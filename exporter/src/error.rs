//! The one error type of the sinks: what went wrong, and what to do about it.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a sink failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The metrics directory could not be read.
    Read(ictus::Error),
    /// The address could not be bound.
    Bind {
        /// The address as given.
        address: SocketAddr,
        /// The system's own words.
        source: io::Error,
    },
    /// The system gave no thread or no event queue.
    Start(io::Error),
    /// The output file could not be written.
    Write {
        /// The output file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The output path is something that a rename must not replace: a device, a pipe, a directory.
    NotAFile {
        /// The output path.
        path: PathBuf,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(error) => error.fmt(f),
            Error::Bind { address, source } => {
                write!(f, "cannot listen on {address}: {source}{}", bind_advice(source))
            }
            Error::Start(source) => {
                write!(f, "cannot start a thread: {source}; raise this process's limits")
            }
            Error::Write { path, source } => {
                write!(f, "cannot write {}: {source}{}", path.display(), write_advice(source))
            }
            Error::NotAFile { path } => {
                write!(f, "{} is not a regular file; choose another output file", path.display())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read(error) => Some(error),
            Error::Bind { source, .. } | Error::Start(source) | Error::Write { source, .. } => Some(source),
            Error::NotAFile { .. } => None,
        }
    }
}

impl From<ictus::Error> for Error {
    fn from(error: ictus::Error) -> Error {
        Error::Read(error)
    }
}

fn bind_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process listens there: stop it, or choose another port (0 takes any free one)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: use 127.0.0.1, or 0.0.0.0 for all interfaces"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose a higher one",
        _ => "",
    }
}

fn write_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "; create its directory, or choose another output file"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; make its directory writable for this user, or choose another output file"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space",
        _ => "",
    }
}
