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
        // Never 0, which is a turn that is free.
        let own = u64::from(fork::generation());
        let current = self.0.load(Relaxed);
        let free = current != own && self.0.compare_exchange(current, own, Acquire, Relaxed).is_ok();
        // Lazily: a guard that is dropped at once would end the turn of another thread.
        free.then(|| TurnGuard(self))
    }

    /// Waits for the turn, at most as long as `timeout`.
    pub(super) fn acquire_within(&self, timeout: Duration) -> Option<TurnGuard<'_>> {
        self.acquire_after(timeout, || std::thread::sleep(RETRY_INTERVAL))
    }

    /// Tries to acquire the turn until `timeout` has passed, and calls `pause` between attempts.
    fn acquire_after(&self, timeout: Duration, mut pause: impl FnMut()) -> Option<TurnGuard<'_>> {
        let deadline = Instant::now() + timeout;
        loop {
            let turn = self.acquire();
            if turn.is_some() || Instant::now() > deadline {
                return turn;
            }
            pause();
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
    use std::time::Duration;

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
    #[test]
    fn waiting_thread_acquires_the_turn_once_it_is_free() {
        let turn = RecoveryTurn::default();
        let mut holder = turn.acquire();
        let hour = Duration::from_secs(3600);
        let waited = turn.acquire_after(hour, || drop(holder.take().expect("the turn is free")));
        assert!(waited.is_some());
        assert!(turn.acquire_within(Duration::ZERO).is_none());
        drop(waited);
        assert!(turn.acquire_within(Duration::ZERO).is_some());
    }
}
