//! Destination of a push: the server's address, and the credentials to present to it.

use std::{fmt, path::Path, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Uri, header::HeaderValue};

use crate::{
    error::{Error, Reason, Result},
    secret_file,
};

/// Credentials that a push presents: a token, or a name and a password. `Debug` does not show them.
///
/// ```
/// use ictus_exporter::push::Credentials;
///
/// let credentials: Credentials = "bearer s3cret".parse()?;
/// assert_eq!(format!("{credentials:?}"), "Credentials(…)");
/// assert!("s3cret".parse::<Credentials>().is_err());
/// # Ok::<(), ictus_exporter::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(HeaderValue);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// Reads credentials from the first line of a file that is neither empty nor a comment (`#`):
    /// `bearer TOKEN` or `basic USER:PASSWORD`.
    ///
    /// # Errors
    ///
    /// [`Error::Security`] if the file cannot be read, or contains no credentials.
    pub fn read(path: impl AsRef<Path>) -> Result<Credentials> {
        let path = path.as_ref();
        let text = secret_file::read_text(path).map_err(|reason| Error::unusable_file(path, reason))?;
        secret_file::warn_if_readable_by_others(path);
        let mut lines = text.lines().map(str::trim_ascii);
        let line = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        line.parse().map_err(|error: Error| Error::unusable_file(path, error.to_string()))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for Credentials {
    type Err = Error;

    /// Parses `bearer TOKEN` or `basic USER:PASSWORD`.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`] if the text has another form. The message does not quote the text.
    fn from_str(text: &str) -> Result<Credentials> {
        let invalid = |reason| Error::Credentials { reason };
        let (scheme, secret) = text.trim_ascii().split_once([' ', '\t']).unwrap_or_default();
        let secret = secret.trim_ascii();
        let header = match scheme.to_ascii_lowercase().as_str() {
            "bearer" if secret.is_empty() || secret.contains([' ', '\t']) => {
                return Err(invalid("a token is one word"));
            }
            "bearer" => format!("Bearer {secret}"),
            "basic" if secret.contains(':') => format!("Basic {}", STANDARD.encode(secret)),
            "basic" => return Err(invalid("the colon after the user is missing")),
            _ => return Err(invalid("they begin with neither `bearer` nor `basic`")),
        };
        let mut header =
            HeaderValue::from_str(&header).map_err(|_| invalid("they have control characters"))?;
        header.set_sensitive(true);
        Ok(Credentials(header))
    }
}

/// A server that receives metrics over plain HTTP. `Debug` and `Display` show its address without
/// secrets.
///
/// ```
/// use ictus_exporter::push::Destination;
///
/// let gateway = Destination::new("http://127.0.0.1:9091").with_credentials("basic ann:s3cret".parse()?);
/// assert_eq!(gateway.to_string(), "http://127.0.0.1:9091");
/// # Ok::<(), ictus_exporter::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    address: String,
    credentials: Option<Credentials>,
}

impl Destination {
    /// Creates a destination from the address of a server, such as `http://127.0.0.1:9091`.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Destination {
        Destination { address: address.into(), credentials: None }
    }

    /// Sets the credentials to present to the server.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Destination {
        self.credentials = Some(credentials);
        self
    }

    pub(super) fn base(&self, port: u16) -> std::result::Result<Uri, String> {
        base(&self.address, port)
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Creates the error of a failed push to this server.
    pub(super) fn failed(&self, reason: impl Into<Reason>) -> Error {
        Error::push(self, reason)
    }
}

impl fmt::Display for Destination {
    /// Formats the address without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.address))
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}

/// Returns the given address of a server without user name, password and query, so that it can be
/// shown.
fn shown(given: &str) -> String {
    let (scheme, rest) = given.split_once("://").map_or(("", given), |(scheme, rest)| (scheme, rest));
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may contain an unescaped slash.
    let at = rest[..authority_end].rfind('@').or_else(|| rest.rfind('@'));
    let host = at.map_or(rest, |at| &rest[at + 1..]);
    // A query may contain a key.
    let host = host.split(['?', '#']).next().unwrap_or_default();
    let host: String = host.chars().filter(|character| !character.is_control()).collect();
    if scheme.is_empty() { host } else { format!("{scheme}://{host}") }
}

/// Parses the given address of a server. Only plain HTTP is supported; `port` is the default port.
fn base(given: &str, port: u16) -> std::result::Result<Uri, String> {
    let remedy = format!("give an address such as http://127.0.0.1:{port}");
    if given.split(['/', '?', '#']).any(|part| part.contains('@')) {
        return Err(
            "the URL has a user name or a password, which lists of processes would show; give them in a \
                    file (--credentials), or in ICTUS_PUSH_CREDENTIALS"
                .to_owned(),
        );
    }
    // The library's error is omitted: it may quote the address.
    let base: Uri = given.parse().map_err(|_| format!("invalid URL; {remedy}"))?;
    let Some(host) = base.host().filter(|_| base.scheme_str() == Some("http")) else {
        return Err(format!("only plain HTTP is supported; {remedy}"));
    };
    let port = base.port_u16().unwrap_or(port);
    format!("http://{host}:{port}{}", base.path()).parse().map_err(|_| format!("invalid URL; {remedy}"))
}

/// Returns another path on the same server.
pub(super) fn at(base: &Uri, path: &str) -> std::result::Result<Uri, String> {
    let host = base.authority().map_or("", |authority| authority.as_str());
    format!("http://{host}{path}")
        .parse()
        .map_err(|_| format!("invalid path {path:?}; give letters, digits and /"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Credentials, base, shown};

    #[test]
    fn address_is_shown_without_its_secrets() {
        for (given, expected) in [
            ("http://user:s3cret@host:9091/a", "http://host:9091/a"),
            ("http://user:s3/cr@et@host", "http://host"),
            ("user:s3cret@host", "host"),
            ("http://host?key=s3cret", "http://host"),
            ("http://host/#s3cret", "http://host/"),
            ("http://host\u{1b}[2J", "http://host[2J"),
            ("http://127.0.0.1:9091", "http://127.0.0.1:9091"),
        ] {
            assert_eq!(shown(given), expected);
            if let Err(why) = base(given, 9091) {
                assert!(!why.contains("s3"), "{why}");
            }
        }
        for given in ["http://user:s3cret@host", "http://user:s3/cr@et@host", "user:s3cret@host"] {
            assert!(base(given, 1).unwrap_err().contains("--credentials"), "{given}");
        }
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let header = |text: &str| text.parse::<Credentials>().unwrap().header();
        assert_eq!(header("bearer s3cret"), "Bearer s3cret");
        assert_eq!(header(" Basic ann:pa ss "), "Basic YW5uOnBhIHNz");
        for text in
            ["", "bearer", "s3cret", "bearer s3 cret", "basic s3cret", "digest s3cret", "bearer s3\u{1}"]
        {
            let why = text.parse::<Credentials>().unwrap_err().to_string();
            assert!(why.contains("bearer TOKEN") && !why.contains("s3"), "{why}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        fs::write(&path, "# who\n\nbearer s3cret\n").unwrap();
        let read = Credentials::read(&path).unwrap();
        assert_eq!(read.header(), "Bearer s3cret");
        assert!(!format!("{read:?}").contains("s3"));
        fs::write(&path, "s3cret").unwrap();
        assert!(!Credentials::read(&path).unwrap_err().to_string().contains("s3cret"));
    }
}
