//! Authentication by the header `Authorization`.

use std::{fmt, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;
use ring::{
    hmac::{self, HMAC_SHA256, Key, Tag},
    rand::SystemRandom,
};

use super::{unusable, warn_of_readers};
use crate::error::Result;

const BEARER: &str = "bearer";
const BASIC: &str = "basic";

/// Who may read. Secrets themselves are not kept: only their codes by a key of this process, which
/// are compared in a time that says nothing of them, their lengths included.
pub(super) struct Auth {
    key: Key,
    basic: Vec<Tag>,
    bearer: Vec<Tag>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Auth({} basic, {} bearer)", self.basic.len(), self.bearer.len())
    }
}

impl Auth {
    pub(super) fn read(path: &Path) -> Result<Auth> {
        let text = fs::read_to_string(path).map_err(|error| unusable(path, error.to_string()))?;
        warn_of_readers(path);
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| unusable(path, "the system gives no random numbers"))?;
        let mut auth = Auth { key, basic: Vec::new(), bearer: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            // Without the line itself, which is secret.
            auth.add(line).map_err(|why| unusable(path, format!("line {number} {why}")))?;
        }
        if auth.basic.is_empty() && auth.bearer.is_empty() {
            return Err(unusable(
                path,
                "it lets nobody in; give it a line `bearer TOKEN` or `basic USER:PASSWORD`",
            ));
        }
        Ok(auth)
    }

    fn add(&mut self, line: &str) -> std::result::Result<(), &'static str> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (scheme, secret) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let secret = secret.trim_ascii();
        let (tags, well) = match scheme.to_ascii_lowercase().as_str() {
            BEARER => (&mut self.bearer, !secret.is_empty() && !secret.contains([' ', '\t'])),
            BASIC => {
                (&mut self.basic, secret.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
            }
            _ => return Err("is of no known kind: give `bearer TOKEN` or `basic USER:PASSWORD`"),
        };
        if !well {
            return Err("has no secret: give `bearer TOKEN`, or `basic USER:PASSWORD` with a password");
        }
        tags.push(hmac::sign(&self.key, secret.as_bytes()));
        Ok(())
    }

    /// Whether the header is that of somebody who may.
    pub(super) fn admits(&self, given: Option<&HeaderValue>) -> bool {
        let Some((scheme, secret)) = given.and_then(|given| given.to_str().ok()?.split_once(' ')) else {
            return false;
        };
        let secret = secret.trim_ascii();
        if scheme.eq_ignore_ascii_case(BEARER) {
            self.has(&self.bearer, secret.as_bytes())
        } else if scheme.eq_ignore_ascii_case(BASIC) {
            STANDARD.decode(secret).is_ok_and(|secret| self.has(&self.basic, &secret))
        } else {
            false
        }
    }

    /// Compares with all, whichever is the one.
    fn has(&self, tags: &[Tag], secret: &[u8]) -> bool {
        let same = |tag: &Tag| hmac::verify(&self.key, secret, tag.as_ref()).is_ok();
        tags.iter().fold(false, |found, tag| found | same(tag))
    }

    /// What clients are asked for, as `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match (self.bearer.is_empty(), self.basic.is_empty()) {
            (false, false) => "Basic realm=\"ictus\", Bearer realm=\"ictus\"",
            (false, true) => "Bearer realm=\"ictus\"",
            (true, _) => "Basic realm=\"ictus\"",
        })
    }
}
