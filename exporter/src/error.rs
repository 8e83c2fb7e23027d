//! Error type of all sinks: each message has the cause and the remedy.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{http::BoundAddress, push::Destination};

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a sink. The message has the cause, the system's error and the remedy.
///
/// ```
/// use std::error::Error as _;
///
/// use ictus_exporter::{Error, http::{Security, SecurityFiles}};
///
/// let error = Security::open(SecurityFiles::new().with_auth("/no/such/file")).unwrap_err();
/// assert!(matches!(error, Error::Security { .. }));
/// assert!(error.to_string().starts_with("cannot use /no/such/file: "));
/// // The system's error, for programs that distinguish causes.
/// let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
/// assert_eq!(source.map(std::io::Error::kind), Some(std::io::ErrorKind::NotFound));
/// ```
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
        reason: String,
        /// The error of the system, if the host name could not be resolved.
        source: Option<io::Error>,
    },
    /// The text is not credentials for a push.
    #[non_exhaustive]
    Credentials {
        /// The reason, which does not quote the text.
        reason: &'static str,
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
        /// The reason and the remedy, without any secret.
        reason: String,
        /// The consequence for a running endpoint that reads the file again.
        consequence: Option<&'static str>,
        /// The system's error, if the file could not be read.
        source: Option<io::Error>,
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
        /// The reason and the remedy.
        reason: String,
        /// The error of the connection, if there was one.
        source: Option<io::Error>,
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
            Error::Address { given, reason, .. } => write!(
                f,
                "cannot listen on {given:?}: {reason}; give a host and a port, such as 127.0.0.1:9464, or a \
                 socket's file, such as unix:/run/ictus.sock"
            ),
            Error::Credentials { reason } => {
                write!(f, "invalid credentials: {reason}; give `bearer TOKEN` or `basic USER:PASSWORD`")
            }
            Error::Security { path, reason, consequence, .. } => {
                write!(f, "cannot use {}: {reason}", path.display())?;
                consequence.map_or(Ok(()), |consequence| write!(f, "; {consequence}"))
            }
            Error::Start(source) => {
                write!(f, "cannot start a thread: {source}; raise this process's limits")
            }
            Error::Write { path, source } => {
                write!(f, "cannot write {}: {source}{}", path.display(), write_advice(source))
            }
            Error::Push { to, reason, .. } => {
                write!(f, "cannot push to {to}: {reason}")
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
            Error::Address { source, .. } | Error::Security { source, .. } | Error::Push { source, .. } => {
                source.as_ref().map(|source| source as _)
            }
            Error::Credentials { .. } | Error::NotAFile { .. } => None,
        }
    }
}

impl Error {
    /// Creates the error of a text that is not an address to listen on.
    pub(crate) fn address(given: &str, reason: impl Into<Reason>) -> Error {
        let Reason { text: reason, source } = reason.into();
        Error::Address { given: given.to_owned(), reason, source }
    }

    /// Creates the error of a file with certificates or secrets that cannot be used.
    pub(crate) fn unusable_file(path: &Path, reason: impl Into<Reason>) -> Error {
        let Reason { text: reason, source } = reason.into();
        Error::Security { path: path.to_owned(), reason, consequence: None, source }
    }

    /// Creates the error of a failed push.
    pub(crate) fn push(to: &Destination, reason: impl Into<Reason>) -> Error {
        let Reason { text: reason, source } = reason.into();
        Error::Push { to: to.to_string(), reason, source }
    }

    /// Sets the consequence of a file that cannot be used.
    pub(crate) fn with_consequence(mut self, to: Option<&'static str>) -> Error {
        if let Error::Security { consequence, .. } = &mut self {
            *consequence = to;
        }
        self
    }
}

/// The reason of an error, with its remedy, and the system's error if there was one.
#[derive(Debug)]
pub(crate) struct Reason {
    text: String,
    source: Option<io::Error>,
}

impl Reason {
    /// Creates a reason from the system's error. The text is that of the error, and the remedy.
    pub(crate) fn from_system(source: io::Error, remedy: &str) -> Reason {
        Reason { text: format!("{source}{remedy}"), source: Some(source) }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Reason {
        Reason { text, source: None }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Reason {
        text.to_owned().into()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io};

    use ictus::Registry;

    use super::Error;
    use crate::{
        Source,
        http::{ListenAddress, Security, SecurityFiles},
        push::{Credentials, Destination, push},
    };

    #[test]
    fn error_has_the_error_of_the_system_and_a_remedy() {
        let listen = "127.0.0.1".parse::<ListenAddress>().unwrap_err();
        let file = Security::open(SecurityFiles::new().with_auth("/no/such/file")).unwrap_err();
        let source = Source::from_registry(Registry::new());
        let refused = push(&source, &Destination::new("http://127.0.0.1:1"), "job", &[]).unwrap_err();
        for (error, kind, remedy) in [
            (listen, io::ErrorKind::InvalidInput, "; give a host and a port"),
            (file, io::ErrorKind::NotFound, "; create the file"),
            (refused, io::ErrorKind::ConnectionRefused, "; start the server"),
        ] {
            let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
            assert_eq!(cause.kind(), kind, "{error}");
            assert!(error.to_string().contains(&format!("{cause}{remedy}")), "{error}");
        }
    }

    #[test]
    fn error_of_invalid_input_has_a_remedy_and_no_source() {
        let address = Destination::new("https://host");
        for error in [
            "bearer".parse::<Credentials>().unwrap_err(),
            "unix:".parse::<ListenAddress>().unwrap_err(),
            Security::open(SecurityFiles::new().with_auth("/dev/null")).unwrap_err(),
            push(&Source::from_registry(Registry::new()), &address, "job", &[]).unwrap_err(),
            Error::NotAFile { path: "/dev/null".into() },
        ] {
            assert!(error.source().is_none(), "{error}");
            assert!(error.to_string().contains("; "), "{error}");
        }
    }
}
