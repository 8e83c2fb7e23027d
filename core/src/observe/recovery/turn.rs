//! The turn to recover: one thread of a process at a time has it.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::{Duration, Instant},
};

use crate::sys::fork;

/// Interval at which a waiting thread tries to acquire the turn.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// Lets one thread at a time recover. A forked child does not wait for a thread of its parent.
#[derive(Debug, Default)]
pub(super) struct RecoveryTurn(AtomicU64);

pub(super) struct TurnGuard<'a>(&'a RecoveryTurn);

impl RecoveryTurn {
    /// Returns the turn, unless another thread has it.
    pub(super) fn acquire(&self) -> Option<TurnGuard<'_>> {
        let own = u64::from(fork::generation()) + 1;
        let current = self.0.load(Relaxed);
        let free = current != own && self.0.compare_exchange(current, own, Acquire, Relaxed).is_ok();
        // Lazily: a guard that is dropped at once would end the turn of another thread.
        free.then(|| TurnGuard(self))
    }

    /// Waits for the turn, at most as long as `timeout`.
    pub(super) fn acquire_within(&self, timeout: Duration) -> Option<TurnGuard<'_>> {
        let deadline = Instant::now() + timeout;
        loop {
            let turn = self.acquire();
            if turn.is_some() || Instant::now() > deadline {
                return turn;
            }
            std::thread::sleep(RETRY_INTERVAL);
        }
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::RecoveryTurn;

    #[test]
    fn failed_attempt_leaves_the_turn_to_its_holder() {
        let turn = RecoveryTurn::default();
        let holder = turn.acquire();
        assert!(turn.acquire().is_none());
        assert!(turn.acquire().is_none());
        drop(holder);
        assert!(turn.acquire().is_some());
    }
}
