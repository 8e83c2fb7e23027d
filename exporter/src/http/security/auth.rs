//! Authentication with the `Authorization` header: bearer tokens and basic passwords.

use std::{fmt, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bcrypt::HashParts;
use hyper::header::HeaderValue;
use ring::{
    hmac::{self, HMAC_SHA256, Key, Tag},
    rand::SystemRandom,
};

use super::hashed::Hashed;
use crate::{
    error::{Error, Result},
    secret_file,
};

const BEARER: &str = "bearer";
const BASIC: &str = "basic";
/// Maximum cost of a bcrypt hash. Verifying a costlier one would delay a scraper by seconds.
const MAX_COST: u32 = 14;

/// The accepted credentials. Secrets are not stored: only their HMACs under a key of this process.
/// HMACs are compared in constant time, which reveals neither a secret nor its length. Passwords may
/// be configured as bcrypt hashes.
pub(super) struct Auth {
    key: Key,
    basic: Vec<Tag>,
    bearer: Vec<Tag>,
    hashed: Arc<Hashed>,
}

/// The result of checking a request's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Valid,
    /// The request has no `Authorization` header.
    Missing,
    Invalid,
    /// A user name and a password to verify against a hash, which takes time.
    Hashed(Vec<u8>),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (basic, bearer) = (self.basic.len() + self.hashed.len(), self.bearer.len());
        write!(f, "Auth({basic} basic, {bearer} bearer)")
    }
}

impl Auth {
    pub(super) fn read(path: &Path) -> Result<Auth> {
        let text = secret_file::read_text(path).map_err(|reason| Error::unusable_file(path, reason))?;
        secret_file::warn_if_readable_by_others(path);
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| {
            Error::unusable_file(
                path,
                "the system returns no random numbers; allow the system call getrandom",
            )
        })?;
        let (mut basic, mut bearer, mut hashed) = (Vec::new(), Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            // The line itself is secret and therefore not part of the error.
            match parse(line)
                .map_err(|reason| Error::unusable_file(path, format!("line {number} {reason}")))?
            {
                None => {}
                Some(Credential::Basic(secret)) => basic.push(hmac::sign(&key, secret.as_bytes())),
                Some(Credential::Bearer(secret)) => bearer.push(hmac::sign(&key, secret.as_bytes())),
                Some(Credential::Hashed(user, hash)) => hashed.push((user.to_owned(), hash.to_owned())),
            }
        }
        if basic.is_empty() && bearer.is_empty() && hashed.is_empty() {
            return Err(Error::unusable_file(
                path,
                "it has no credentials; add a line `bearer TOKEN` or `basic USER:PASSWORD`",
            ));
        }
        let hashed = Arc::new(Hashed::new(key.clone(), hashed));
        Ok(Auth { key, basic, bearer, hashed })
    }

    /// Checks the header of a request.
    pub(super) fn proof(&self, header: Option<&HeaderValue>) -> Proof {
        let Some(header) = header else { return Proof::Missing };
        let Some((scheme, secret)) = header.to_str().ok().and_then(|text| text.split_once(' ')) else {
            return Proof::Invalid;
        };
        let secret = secret.trim_ascii();
        if scheme.eq_ignore_ascii_case(BEARER) {
            return if self.contains(&self.bearer, secret.as_bytes()) {
                Proof::Valid
            } else {
                Proof::Invalid
            };
        }
        match STANDARD.decode(secret) {
            Ok(secret) if scheme.eq_ignore_ascii_case(BASIC) => {
                if self.contains(&self.basic, &secret) {
                    Proof::Valid
                } else if self.hashed.len() == 0 {
                    Proof::Invalid
                } else {
                    Proof::Hashed(secret)
                }
            }
            _ => Proof::Invalid,
        }
    }

    /// Returns the passwords configured as hashes.
    pub(super) fn hashed(&self) -> &Arc<Hashed> {
        &self.hashed
    }

    /// Compares with every tag, so that the time does not depend on which one matches.
    fn contains(&self, tags: &[Tag], secret: &[u8]) -> bool {
        let same = |tag: &Tag| hmac::verify(&self.key, secret, tag.as_ref()).is_ok();
        tags.iter().fold(false, |is_member, tag| is_member | same(tag))
    }

    /// Returns the accepted schemes, as the value of `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> HeaderValue {
        let has_basic = !self.basic.is_empty() || self.hashed.len() > 0;
        HeaderValue::from_static(match (!self.bearer.is_empty(), has_basic) {
            (true, true) => "Basic realm=\"ictus\", Bearer realm=\"ictus\"",
            (true, false) => "Bearer realm=\"ictus\"",
            (false, _) => "Basic realm=\"ictus\"",
        })
    }
}

/// A line of the file.
enum Credential<'a> {
    /// `USER:PASSWORD`.
    Basic(&'a str),
    Bearer(&'a str),
    /// A user, and the bcrypt hash of the password.
    Hashed(&'a str, &'a str),
}

/// Parses a line. Returns none for an empty line and a comment.
fn parse(line: &str) -> std::result::Result<Option<Credential<'_>>, &'static str> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (scheme, secret) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let secret = secret.trim_ascii();
    if scheme.eq_ignore_ascii_case(BASIC)
        && let Some((user, hash)) = secret.split_once(':')
        && ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix))
    {
        let parts: HashParts = hash
            .parse()
            .map_err(|_| "has an invalid bcrypt hash; create `USER:HASH` with `htpasswd -nBC 10 USER`")?;
        if parts.get_cost() > MAX_COST {
            return Err(
                "has a bcrypt hash with a cost above 14, which takes too long to check; create `USER:HASH` with \
             `htpasswd -nBC 10 USER`",
            );
        }
        return Ok(Some(Credential::Hashed(user, hash)));
    }
    let (credential, is_complete) = match scheme.to_ascii_lowercase().as_str() {
        BEARER => (Credential::Bearer(secret), !secret.is_empty() && !secret.contains([' ', '\t'])),
        BASIC => (
            Credential::Basic(secret),
            secret.split_once(':').is_some_and(|(_, password)| !password.is_empty()),
        ),
        _ => return Err("has an unknown scheme; write it as `bearer TOKEN` or `basic USER:PASSWORD`"),
    };
    if !is_complete {
        return Err("has no secret; write it as `bearer TOKEN` or `basic USER:PASSWORD`");
    }
    Ok(Some(credential))
}
