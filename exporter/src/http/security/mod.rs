//! Who may read the metrics, and that nobody reads along: TLS and authentication, both from files.
//!
//! The files are read again when they have changed, which is looked for every ten seconds as clients
//! connect, and on [`Security::reload`]. What cannot be used is logged, and what was read before stays
//! in force.

mod auth;
mod tls;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hyper::{
    HeaderMap, Response, StatusCode, Uri,
    body::Bytes,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tokio_rustls::TlsAcceptor;

use self::auth::Auth;
use super::{
    guard::{Agreed, Guard},
    listener::Duplex,
    route,
};
use crate::error::{Error, Result};

/// Certificates are renewed days before they end; a secret that is taken away should be gone soon.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The files that a [`Security`] is read from; those that are `None` ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityFiles {
    certificate: Option<(PathBuf, PathBuf)>,
    auth: Option<PathBuf>,
}

impl SecurityFiles {
    /// No files: plain HTTP for everybody.
    #[must_use]
    pub fn new() -> SecurityFiles {
        SecurityFiles::default()
    }

    /// TLS 1.2 and 1.3 with a chain of certificates, the server's own first, and its private key; both
    /// in PEM.
    #[must_use]
    pub fn with_certificate(
        mut self,
        chain: impl Into<PathBuf>,
        private_key: impl Into<PathBuf>,
    ) -> SecurityFiles {
        self.certificate = Some((chain.into(), private_key.into()));
        self
    }

    /// Only for clients that prove to be one of those in a file. In each of its lines is one:
    /// `bearer TOKEN` or `basic USER:PASSWORD`; what follows a `#` at a line's start is left out.
    #[must_use]
    pub fn with_auth(mut self, credentials: impl Into<PathBuf>) -> SecurityFiles {
        self.auth = Some(credentials.into());
        self
    }

    /// Whether they ask for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == SecurityFiles::default()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let certificate = self.certificate.iter().flat_map(|(chain, key)| [chain, key]);
        certificate.chain(&self.auth).map(PathBuf::as_path)
    }

    /// Which files these are now. A file that is replaced, or written anew, is another one.
    fn standing(&self) -> Vec<Option<(u64, u64, i64, i64)>> {
        let identity = |data: fs::Metadata| (data.ino(), data.size(), data.mtime(), data.mtime_nsec());
        self.paths().map(|path| fs::metadata(path).ok().map(identity)).collect()
    }

    fn read(&self) -> Result<Arc<Read>> {
        let tls = self.certificate.as_ref().map(|(chain, key)| tls::acceptor(chain, key)).transpose()?;
        let auth = self.auth.as_deref().map(Auth::read).transpose()?;
        Ok(Arc::new(Read { tls, auth }))
    }
}

/// What a [`Server`](super::Server) asks of its clients; clones are the same.
#[derive(Clone, Debug)]
pub struct Security {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: SecurityFiles,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    read: Arc<Read>,
    /// The files that were read last, or could not be used.
    standing: Vec<Option<(u64, u64, i64, i64)>>,
    looked: Instant,
}

/// What the files said.
struct Read {
    tls: Option<TlsAcceptor>,
    auth: Option<Auth>,
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Read").field("tls", &self.tls.is_some()).field("auth", &self.auth).finish()
    }
}

impl Security {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`Error::Security`] where one cannot be read, or is not what it should be.
    pub fn open(files: SecurityFiles) -> Result<Security> {
        let (standing, read) = (files.standing(), files.read()?);
        let state = Mutex::new(State { read, standing, looked: Instant::now() });
        Ok(Security { shared: Arc::new(Shared { files, state }) })
    }

    /// Reads the files again, for the connections and requests from now on.
    ///
    /// # Errors
    ///
    /// As [`Security::open`]; what was read before stays in force.
    pub fn reload(&self) -> Result<()> {
        let mut state = self.state();
        self.read_again(&mut state)
    }

    /// Whether clients have to speak TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.shared.files.certificate.is_some()
    }

    /// What holds now.
    fn now(&self) -> Arc<Read> {
        let mut state = self.state();
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            if state.standing != self.shared.files.standing() {
                match self.read_again(&mut state) {
                    Ok(()) => log::info!("certificates and credentials are read again: they have changed"),
                    Err(error) => log::error!("{error}; what was read before stays in force"),
                }
            }
        }
        state.read.clone()
    }

    fn read_again(&self, state: &mut State) -> Result<()> {
        // Before reading: what changes meanwhile is seen the next time.
        state.standing = self.shared.files.standing();
        state.read = self.shared.files.read()?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard for Security {
    fn agree(&self, stream: Box<dyn Duplex>) -> Agreed<'_> {
        Box::pin(async {
            let Some(acceptor) = self.now().tls.clone() else { return Some(stream) };
            match acceptor.accept(stream).await {
                Ok(stream) => Some(Box::new(stream) as Box<dyn Duplex>),
                Err(error) => {
                    log::debug!("a client does not get to TLS: {error}");
                    None
                }
            }
        })
    }

    fn refuses(&self, uri: &Uri, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let now = self.now();
        let auth = now.auth.as_ref()?;
        if uri.path() == route::HEALTH || auth.admits(headers.get(AUTHORIZATION)) {
            return None;
        }
        let mut refusal = route::plain(StatusCode::UNAUTHORIZED, "Unauthorized");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, auth.challenge());
        Some(refusal)
    }
}

fn unusable(path: &Path, why: impl Into<String>) -> Error {
    Error::Security { path: path.to_owned(), why: why.into() }
}

/// Says so where a secret is one no longer.
fn warn_of_readers(path: &Path) {
    if fs::metadata(path).is_ok_and(|data| data.mode() & 0o004 != 0) {
        log::warn!("every user can read {}, which is secret: chmod o-r", path.display());
    }
}

#[cfg(test)]
mod tests;
