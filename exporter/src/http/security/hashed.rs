//! Passwords that are configured as bcrypt hashes.
//!
//! Verifying a hash takes tens of milliseconds by design. Therefore verdicts are cached under HMACs
//! of the passwords, and new passwords are verified one at a time. Guesses occupy one thread at
//! most, and a scraper whose password is in the cache does not wait for them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ring::hmac::{self, Key, Tag};
use tokio::sync::Semaphore;

/// Maximum number of cached verdicts of each kind.
const MAX_REMEMBERED: usize = 64;
/// Maximum number of passwords that wait for verification; further ones are refused immediately.
const MAX_WAITING: usize = 8;

pub(super) struct Hashed {
    key: Key,
    users: Vec<(String, String)>,
    verdicts: Mutex<Verdicts>,
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

#[derive(Default)]
struct Verdicts {
    valid: VecDeque<Tag>,
    invalid: VecDeque<Tag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Valid,
    Invalid,
    /// Too many passwords wait for verification.
    Busy,
}

impl Hashed {
    /// Creates a verifier of users with their hashes.
    pub(super) fn new(key: Key, users: Vec<(String, String)>) -> Hashed {
        let (turn, waiting) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(MAX_WAITING)));
        Hashed { key, users, verdicts: Mutex::default(), turn, waiting }
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Verifies `USER:PASSWORD`. Must be called inside a runtime.
    pub(super) async fn verdict(self: &Arc<Self>, secret: Vec<u8>) -> Verdict {
        if let Some(verdict) = self.remembered(&secret) {
            return verdict;
        }
        let Ok(_waiting) = self.waiting.clone().try_acquire_owned() else { return Verdict::Busy };
        let Ok(turn) = self.turn.clone().acquire_owned().await else { return Verdict::Busy };
        // While this request waited, another one may have verified the same password.
        if let Some(verdict) = self.remembered(&secret) {
            return verdict;
        }
        let hashed = Arc::clone(self);
        let tried = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hashed.try_now(&secret)
        });
        tried.await.unwrap_or(Verdict::Invalid)
    }

    /// Verifies a password now. Takes the time of one hash even if there is no such user.
    fn try_now(&self, secret: &[u8]) -> Verdict {
        let mut parts = secret.splitn(2, |byte| *byte == b':');
        let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut hashes = self.users.iter().filter(|(name, _)| name.as_bytes() == user).peekable();
        let is_known = hashes.peek().is_some();
        let others = self.users.iter().take(usize::from(!is_known));
        let is_right =
            hashes.chain(others).any(|(_, hash)| bcrypt::verify(password, hash).unwrap_or(false)) && is_known;
        let tag = hmac::sign(&self.key, secret);
        let mut verdicts = self.verdicts();
        let remembered = if is_right { &mut verdicts.valid } else { &mut verdicts.invalid };
        if remembered.len() == MAX_REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(tag);
        if is_right { Verdict::Valid } else { Verdict::Invalid }
    }

    fn remembered(&self, secret: &[u8]) -> Option<Verdict> {
        let verdicts = self.verdicts();
        let has = |tags: &VecDeque<Tag>| {
            let same = |tag: &Tag| hmac::verify(&self.key, secret, tag.as_ref()).is_ok();
            tags.iter().fold(false, |is_remembered, tag| is_remembered | same(tag))
        };
        if has(&verdicts.valid) {
            Some(Verdict::Valid)
        } else {
            has(&verdicts.invalid).then_some(Verdict::Invalid)
        }
    }

    fn verdicts(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
