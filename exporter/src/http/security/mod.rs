//! Who may read the metrics, and that nobody reads along: TLS and authentication, both from files.
//!
//! The files are read again when they have changed, which is polled every ten seconds as clients
//! connect, and on [`Security::reload`]; never on the thread that accepts. Each is read for itself: a broken
//! certificate leaves the last one in force and keeps no credentials from being changed. Credentials, and
//! authorities of clients' certificates, that cannot be read let nobody in until they can.

mod auth;
mod failures;
mod files;
mod hashed;
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
use tokio_rustls::{TlsAcceptor, rustls::sign::CertifiedKey};

pub use self::files::SecurityFiles;
use self::{
    auth::{Auth, Proof},
    failures::Failures,
    files::Stamps,
    hashed::{Hashed, Verdict},
};
use super::{
    guard::{Agreed, ConnectionPolicy, Refused},
    listener::ByteStream,
    places::Peer,
    route,
};
use crate::error::{Error, Result};

/// Certificates are renewed days before they end; a secret that is taken away should be gone soon.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
/// For which a client waits for files that are read again. On a file system that hangs, it goes on with what
/// was read before.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// What a [`Server`](super::Server) asks of its clients; clones are the same.
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
    /// The files that were read last, or could not be used.
    stamps: Stamps,
    polled: Instant,
}

/// What the files say. Of what is asked for, [`Broken`](Part::Broken) is what cannot be read.
#[derive(Clone)]
struct Current {
    identity: Option<Arc<CertifiedKey>>,
    auth: Part<Arc<Auth>>,
    /// By the certificate, and the authorities of clients' certificates; none where no client may connect.
    acceptor: Option<TlsAcceptor>,
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
    /// What the files say, where `previous` has what stays in force; and what is wrong with them.
    fn read(files: &SecurityFiles, previous: Option<&Current>) -> (Current, Vec<Error>) {
        let mut errors = Vec::new();
        let identity = files.certificate.as_ref().map(|(chain, key)| tls::identity(chain, key));
        let identity = match identity.transpose() {
            Ok(identity) => identity,
            Err(error) => {
                errors.push(error.with_consequence(Some("the last certificate stays in force")));
                previous.and_then(|previous| previous.identity.clone())
            }
        };
        let (clients, error) = Part::read(files.client_authorities.as_deref(), tls::client_verifier);
        errors.extend(
            error.map(|error| error.with_consequence(Some("until it can be used no client may connect"))),
        );
        let (auth, error) = Part::read(files.auth.as_deref(), |path| Auth::read(path).map(Arc::new));
        errors.extend(
            error.map(|error| error.with_consequence(Some("until it can be used every request is refused"))),
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
    /// [`Error::Security`] where one cannot be read, or is not what it should be.
    pub fn open(files: SecurityFiles) -> Result<Security> {
        if let (None, Some(authorities)) = (&files.certificate, &files.client_authorities) {
            return Err(unusable(
                authorities,
                "clients show certificates over TLS alone: give a certificate, too",
            ));
        }
        let stamps = files.stamps();
        let (current, errors) = Current::read(&files, None);
        if let Some(error) = errors.into_iter().next() {
            return Err(error.with_consequence(None));
        }
        let state = Mutex::new(LoadedFiles { current: Arc::new(current), stamps, polled: Instant::now() });
        Ok(Security { shared: Arc::new(SecurityState { files, state, failures: Failures::default() }) })
    }

    /// Reads the files again, for the connections and requests from now on. Each is read for itself.
    ///
    /// # Errors
    ///
    /// As [`Security::open`], by the first of them that cannot be used. The last certificate stays in force;
    /// without credentials that can be read, every request is refused.
    pub fn reload(&self) -> Result<()> {
        let errors = self.read_again();
        for error in errors.iter().skip(1) {
            log::error!("{error}");
        }
        errors.into_iter().next().map_or(Ok(()), Err)
    }

    /// Whether clients have to speak TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.shared.files.certificate.is_some()
    }

    /// Whether clients have to show a token or a password.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.shared.files.auth.is_some()
    }

    /// How many requests had a token or a password that was wrong.
    #[must_use]
    pub fn failed_logins(&self) -> u64 {
        self.shared.failures.count()
    }

    /// Whether both are clones of one.
    pub(crate) fn is(&self, other: &Security) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether it is time to see whether the files have changed; then it is not for the next ten seconds.
    fn is_due(&self) -> bool {
        let mut state = self.state();
        let is_due = state.polled.elapsed() >= POLL_INTERVAL;
        if is_due {
            state.polled = Instant::now();
        }
        is_due
    }

    /// Reads the files again where they have changed. May block.
    fn poll(&self) {
        let stamps = self.shared.files.stamps();
        if self.state().stamps == stamps {
            return;
        }
        let errors = self.read_again();
        if errors.is_empty() {
            log::info!("certificates and credentials are read again: they have changed");
        }
        for error in errors {
            log::error!("{error}");
        }
    }

    fn read_again(&self) -> Vec<Error> {
        // Before reading: what changes meanwhile is seen the next time.
        let stamps = self.shared.files.stamps();
        let previous = self.state().current.clone();
        let (current, errors) = Current::read(&self.shared.files, Some(&previous));
        let mut state = self.state();
        state.stamps = stamps;
        state.current = Arc::new(current);
        errors
    }

    /// What holds now. Inside of a runtime.
    async fn current(&self) -> Arc<Current> {
        if self.is_due() {
            let security = self.clone();
            let poll = tokio::task::spawn_blocking(move || security.poll());
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
            Proof::Hashed(secret) => match Hashed::verdict(auth, secret).await {
                Verdict::Valid => return None,
                Verdict::Invalid => self.shared.failures.add(peer),
                Verdict::Busy => return Some(too_many()),
            },
        }
        let mut refusal = route::plain(StatusCode::UNAUTHORIZED, "Unauthorized");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, auth.challenge());
        Some(refusal)
    }
}

impl ConnectionPolicy for Security {
    fn agree(&self, stream: Box<dyn ByteStream>) -> Agreed<'_> {
        Box::pin(async {
            if !self.is_tls() {
                return Some(stream);
            }
            let acceptor = self.current().await.acceptor.clone()?;
            match acceptor.accept(stream).await {
                Ok(stream) => Some(Box::new(stream) as Box<dyn ByteStream>),
                Err(error) => {
                    log::debug!("a client does not get to TLS: {error}");
                    None
                }
            }
        })
    }

    fn refuses<'a>(&'a self, peer: Peer, uri: &'a Uri, headers: &'a HeaderMap) -> Refused<'a> {
        Box::pin(self.refusal(peer, uri, headers))
    }
}

/// The answer while the credentials cannot be read.
fn closed() -> Response<Bytes> {
    route::plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The endpoint's credentials cannot be read - See the exporter's log",
    )
}

/// The answer while too many passwords wait to be tried.
fn too_many() -> Response<Bytes> {
    let mut refusal = route::plain(StatusCode::TOO_MANY_REQUESTS, "Too many logins - Try again");
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
}

fn unusable(path: &Path, why: impl Into<String>) -> Error {
    Error::Security { path: path.to_owned(), why: why.into(), then: None }
}

#[cfg(test)]
mod tests;
