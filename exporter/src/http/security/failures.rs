//! Failed logins: their count, and a rate-limited log line.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use ictus::host::LogOnce;

use crate::http::slots::Peer;

/// Minimum interval between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Failures {
    count: AtomicU64,
    /// Failures since the last log line.
    unlogged: AtomicU64,
    log: LogOnce,
}

impl Failures {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    pub(super) fn add(&self, peer: Peer) {
        self.count.fetch_add(1, Relaxed);
        self.unlogged.fetch_add(1, Relaxed);
        if self.log.is_due(LOG_INTERVAL) {
            let count = self.unlogged.swap(0, Relaxed);
            log::warn!(
                "failed logins at the endpoint: {count}, the last from {peer}: its token or password is not in the \
                 credentials file"
            );
        }
    }
}
