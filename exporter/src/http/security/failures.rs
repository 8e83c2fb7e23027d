//! Failed logins: their count, and a rate-limited log line.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::http::places::Peer;

/// Minimum interval between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<FailureCounts>);

#[derive(Debug, Default)]
struct FailureCounts {
    count: u64,
    logged: Option<Instant>,
    since_logged: u64,
}

impl Failures {
    pub(super) fn count(&self) -> u64 {
        self.state(|state| state.count)
    }

    pub(super) fn add(&self, peer: Peer) {
        let now = Instant::now();
        let logged = self.state(|state| {
            state.count += 1;
            state.since_logged += 1;
            if state.logged.is_some_and(|logged| now.duration_since(logged) < LOG_INTERVAL) {
                return None;
            }
            state.logged = Some(now);
            Some(std::mem::take(&mut state.since_logged))
        });
        if let Some(count) = logged {
            log::warn!(
                "failed logins at the endpoint: {count}, the last from {peer}: its token or password is not in the \
                 credentials file"
            );
        }
    }

    fn state<T>(&self, change: impl FnOnce(&mut FailureCounts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
