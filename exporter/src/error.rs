//! Error type of all sinks: each message has the cause and the remedy.

use std::{fmt, io, path::PathBuf};

use crate::http::BoundAddress;

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a sink.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The metrics directory could not be read.
    Read(ictus::Error),
    /// The given text is not an address to listen on.
    #[non_exhaustive]
    Address {
        /// The given text.
        given: String,
        /// The reason.
        why: String,
    },
    /// The address could not be bound.
    #[non_exhaustive]
    Bind {
        /// The address as given.
        address: BoundAddress,
        /// The system's error.
        source: io::Error,
    },
    /// A certificate, a key or a file of credentials cannot be used.
    #[non_exhaustive]
    Security {
        /// The path of the file.
        path: PathBuf,
        /// The reason, without any secret.
        why: String,
        /// The consequence for a running endpoint that reads the file again.
        then: Option<&'static str>,
    },
    /// The system could not create a thread or an event queue.
    Start(io::Error),
    /// The output file could not be written.
    #[non_exhaustive]
    Write {
        /// The path of the output file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The metrics could not be pushed.
    #[non_exhaustive]
    Push {
        /// The destination, as given, without secrets.
        to: String,
        /// The reason.
        why: String,
    },
    /// The output path must not be replaced by a rename: it is a device, a pipe or a directory.
    #[non_exhaustive]
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
                write!(f, "cannot listen on {address}: {source}{}", bind_advice(address, source))
            }
            Error::Address { given, why } => write!(
                f,
                "cannot listen on {given:?}: {why}; give a host and a port, such as 127.0.0.1:9464, or a \
                 socket's file, such as unix:/run/ictus.sock"
            ),
            Error::Security { path, why, then } => {
                write!(f, "cannot use {}: {why}", path.display())?;
                then.map_or(Ok(()), |then| write!(f, "; {then}"))
            }
            Error::Start(source) => {
                write!(f, "cannot start a thread: {source}; raise this process's limits")
            }
            Error::Write { path, source } => {
                write!(f, "cannot write {}: {source}{}", path.display(), write_advice(source))
            }
            Error::Push { to, why } => {
                write!(f, "cannot push to {to}: {why}")
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
            Error::Address { .. } | Error::Security { .. } | Error::Push { .. } | Error::NotAFile { .. } => {
                None
            }
        }
    }
}

impl Error {
    /// Sets the consequence of a file that cannot be used.
    pub(crate) fn with_consequence(self, consequence: Option<&'static str>) -> Error {
        match self {
            Error::Security { path, why, .. } => Error::Security { path, why, then: consequence },
            other => other,
        }
    }
}

impl From<ictus::Error> for Error {
    fn from(error: ictus::Error) -> Error {
        Error::Read(error)
    }
}

fn bind_advice(address: &BoundAddress, source: &io::Error) -> &'static str {
    use io::ErrorKind;
    match (address, source.kind()) {
        (BoundAddress::Tcp(_), ErrorKind::AddrInUse) => {
            "; another process listens there: stop it, or choose another port (0 takes any free one)"
        }
        (BoundAddress::Tcp(_), ErrorKind::AddrNotAvailable) => {
            "; this machine has no such address: use 127.0.0.1, or 0.0.0.0 for all interfaces"
        }
        (BoundAddress::Tcp(_), ErrorKind::PermissionDenied) => {
            "; ports below 1024 need privileges: choose a higher one"
        }
        (BoundAddress::Unix(_), ErrorKind::AddrInUse) => {
            "; another process listens there: stop it, or choose another path"
        }
        (BoundAddress::Unix(_), ErrorKind::AlreadyExists) => {
            "; a file that is not a socket has this path: remove it, or choose another path"
        }
        (BoundAddress::Unix(_), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            "; create its directory, or choose another path"
        }
        (BoundAddress::Unix(_), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            "; make its directory writable for this user, or choose another path"
        }
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
