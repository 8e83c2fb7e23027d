//! Security of an endpoint: TLS and authentication, both configured by files.
//!
//! Changed files are read again: they are checked at most every ten seconds, as clients connect, and
//! on [`Security::reload`], never on the thread that accepts connections.
//!
//! Each file is read independently. If a certificate is broken, the previous one stays in force, and
//! changed credentials still apply. If the credentials or the authorities of client certificates
//! cannot be read, clients are refused until they can.

mod auth;
mod failures;
mod files;
mod hashed;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hyper::{
    HeaderMap, Response, StatusCode, Uri,
    body::Bytes,
    header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

pub use self::files::SecurityFiles;
use self::{
    auth::{Auth, Proof},
    failures::Failures,
    files::Stamps,
    hashed::Verdict,
};
use super::{
    connection_policy::{Accepted, ConnectionPolicy, Refused},
    listener::ByteStream,
    response, route,
    slots::Peer,
};
use crate::error::{Error, Result};

/// Interval at which the files are checked. Certificates are renewed days before they expire; a
/// revoked secret should stop working soon.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
/// Timeout of a client that waits while files are read again. On a file system that hangs, the
/// previous content stays in force.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// The requirements of a [`Server`](super::Server) for its clients; clones share their state.
///
/// ```
/// use ictus::Registry;
/// use ictus_exporter::{Source, http::{Security, SecurityFiles, Server}};
///
/// # let directory = tempfile::tempdir()?;
/// let credentials = directory.path().join("credentials");
/// std::fs::write(&credentials, "bearer s3cret\n")?;
/// let security = Security::open(SecurityFiles::new().with_auth(&credentials))?;
/// assert!(security.is_authenticated() && !security.is_tls());
/// let source = Source::from_registry(Registry::new());
/// let server = Server::start_secured(source, "127.0.0.1:0".parse()?, Some(security))?;
/// server.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Security {
    shared: Arc<SecurityState>,
}

#[derive(Debug)]
struct SecurityState {
    files: SecurityFiles,
    state: Mutex<LoadedFiles>,
    failures: Failures,
}

#[derive(Debug)]
struct LoadedFiles {
    current: Arc<Current>,
    /// The identities of the files at the last read, even if some could not be used.
    stamps: Stamps,
    polled: Instant,
    /// Whether a thread reads the files. It may never end, on a file system that hangs.
    is_polling: bool,
}

/// The content of the files. [`Broken`](Part::Broken) marks a required file that cannot be read.
#[derive(Clone)]
struct Current {
    identity: Option<Arc<tls::Identity>>,
    auth: Part<Arc<Auth>>,
    /// Built from the certificate and the authorities of client certificates; `None` if no client
    /// may connect.
    acceptor: Option<tls::Acceptor>,
}

#[derive(Clone)]
enum Part<T> {
    NotAsked,
    Read(T),
    Broken,
}

impl<T: Clone> Part<T> {
    fn read(path: Option<&Path>, read: impl FnOnce(&Path) -> Result<T>) -> (Part<T>, Option<Error>) {
        match path.map(read) {
            None => (Part::NotAsked, None),
            Some(Ok(read)) => (Part::Read(read), None),
            Some(Err(error)) => (Part::Broken, Some(error)),
        }
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Current");
        text.field("tls", &self.identity.is_some());
        if let Part::Read(auth) = &self.auth {
            text.field("auth", auth);
        }
        text.finish_non_exhaustive()
    }
}

impl Current {
    /// Reads the files. Returns their content, with parts of `previous` that stay in force, and the
    /// errors.
    fn read(files: &SecurityFiles, previous: Option<&Current>) -> (Current, Vec<Error>) {
        let mut errors = Vec::new();
        let identity = files.certificate.as_ref().map(|(chain, key)| tls::identity(chain, key));
        let identity = match identity.transpose() {
            Ok(identity) => identity,
            Err(error) => {
                errors.push(error.with_consequence(Some("the previous certificate stays in use")));
                previous.and_then(|previous| previous.identity.clone())
            }
        };
        let (clients, error) = Part::read(files.client_authorities.as_deref(), tls::client_verifier);
        errors.extend(
            error.map(|error| error.with_consequence(Some("no client can connect until the file is valid"))),
        );
        let (auth, error) = Part::read(files.auth.as_deref(), |path| Auth::read(path).map(Arc::new));
        errors.extend(
            error.map(|error| {
                error.with_consequence(Some("every request is rejected until the file is valid"))
            }),
        );
        let acceptor = match (&identity, &clients) {
            (None, _) | (_, Part::Broken) => Ok(None),
            (Some(identity), Part::NotAsked) => tls::acceptor(identity.clone(), None).map(Some),
            (Some(identity), Part::Read(clients)) => {
                tls::acceptor(identity.clone(), Some(clients.clone())).map(Some)
            }
        };
        let acceptor = acceptor.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        (Current { identity, auth, acceptor }, errors)
    }
}

impl Security {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`Error::Security`] if a file cannot be read or is malformed.
    pub fn open(files: SecurityFiles) -> Result<Security> {
        if let (None, Some(authorities)) = (&files.certificate, &files.client_authorities) {
            return Err(Error::unusable_file(
                authorities,
                "client certificates need TLS: give the endpoint a certificate and its key",
            ));
        }
        let stamps = files.stamps();
        let (current, errors) = Current::read(&files, None);
        if let Some(error) = errors.into_iter().next() {
            return Err(error.with_consequence(None));
        }
        let state = Mutex::new(LoadedFiles {
            current: Arc::new(current),
            stamps,
            polled: Instant::now(),
            is_polling: false,
        });
        Ok(Security { shared: Arc::new(SecurityState { files, state, failures: Failures::default() }) })
    }

    /// Reads the files again, for new connections and requests. Each file is read independently.
    ///
    /// # Errors
    ///
    /// [`Error::Security`] for the first file that cannot be used; further errors are logged. The
    /// previous certificate stays in force. Without readable credentials, every request is refused.
    pub fn reload(&self) -> Result<()> {
        let errors = self.reload_files();
        for error in errors.iter().skip(1) {
            log::error!("{error}");
        }
        errors.into_iter().next().map_or(Ok(()), Err)
    }

    /// Returns whether clients must use TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.shared.files.certificate.is_some()
    }

    /// Returns whether clients must present a token or a password.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.shared.files.auth.is_some()
    }

    /// Returns the number of requests with a wrong token or password.
    #[must_use]
    pub fn failed_logins(&self) -> u64 {
        self.shared.failures.count()
    }

    /// Returns whether both are clones of one.
    pub(crate) fn is(&self, other: &Security) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns whether the files should be checked now. After that, it returns false for ten
    /// seconds, and until [`poll`](Security::poll) has ended.
    fn is_due(&self) -> bool {
        let mut state = self.state();
        let is_due = !state.is_polling && state.polled.elapsed() >= POLL_INTERVAL;
        if is_due {
            state.polled = Instant::now();
            state.is_polling = true;
        }
        is_due
    }

    /// Reads the files again if they have changed. May block.
    fn poll(&self) {
        let stamps = self.shared.files.stamps();
        if self.state().stamps == stamps {
            return;
        }
        let errors = self.reload_files();
        if errors.is_empty() {
            log::info!("certificates and credentials are reloaded: their files have changed");
        }
        for error in errors {
            log::error!("{error}");
        }
    }

    fn reload_files(&self) -> Vec<Error> {
        // Taken before reading: a change during the read is noticed at the next check.
        let stamps = self.shared.files.stamps();
        let previous = self.state().current.clone();
        let (current, errors) = Current::read(&self.shared.files, Some(&previous));
        let mut state = self.state();
        state.stamps = stamps;
        state.current = Arc::new(current);
        errors
    }

    /// Returns the content in force. Must be called inside a runtime.
    async fn current(&self) -> Arc<Current> {
        if self.is_due() {
            let security = self.clone();
            let poll = tokio::task::spawn_blocking(move || {
                security.poll();
                security.state().is_polling = false;
            });
            let _ = tokio::time::timeout(POLL_TIMEOUT, poll).await;
        }
        self.state().current.clone()
    }

    fn state(&self) -> MutexGuard<'_, LoadedFiles> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refusal(&self, peer: Peer, uri: &Uri, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let current = self.current().await;
        if uri.path() == route::HEALTH {
            return None;
        }
        let auth = match &current.auth {
            Part::NotAsked => return None,
            Part::Broken => return Some(closed()),
            Part::Read(auth) => auth,
        };
        let mut headers = headers.get_all(AUTHORIZATION).iter();
        let header = headers.next();
        let proof = if headers.next().is_some() { Proof::Invalid } else { auth.proof(header) };
        match proof {
            Proof::Valid => return None,
            Proof::Missing => {}
            Proof::Invalid => self.shared.failures.add(peer),
            Proof::Hashed(secret) => match auth.hashed().verdict(secret).await {
                Verdict::Valid => return None,
                Verdict::Invalid => self.shared.failures.add(peer),
                Verdict::Busy => return Some(too_many()),
            },
        }
        let mut refusal = response::text_response(StatusCode::UNAUTHORIZED, "Unauthorized");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, auth.challenge());
        Some(refusal)
    }
}

impl ConnectionPolicy for Security {
    fn accept(&self, stream: Box<dyn ByteStream>) -> Accepted<'_> {
        Box::pin(async {
            if !self.is_tls() {
                return Some(stream);
            }
            let acceptor = self.current().await.acceptor.clone()?;
            match acceptor.accept(stream).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    log::debug!("TLS handshake failed: {error}");
                    None
                }
            }
        })
    }

    fn refusal_of<'a>(&'a self, peer: Peer, uri: &'a Uri, headers: &'a HeaderMap) -> Refused<'a> {
        Box::pin(self.refusal(peer, uri, headers))
    }
}

/// Returns the response while the credentials cannot be read.
fn closed() -> Response<Bytes> {
    response::text_response(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The endpoint's credentials cannot be read - See the exporter's log",
    )
}

/// Returns the response while too many passwords wait for verification.
fn too_many() -> Response<Bytes> {
    let mut refusal = response::text_response(StatusCode::TOO_MANY_REQUESTS, "Too many logins - Try again");
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
}

#[cfg(test)]
mod tests;
