//! Turns: limits the responses of one address that are prepared at a time.
//!
//! Requests of one address wait for each other; requests of other addresses do not wait for them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::slots::Peer;

/// Maximum number of responses prepared at a time for one address: half of the threads that prepare
/// them.
const MAX_TURNS: usize = 2;

#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Peer, Weak<Semaphore>>>>);

/// A turn, which ends when it is dropped.
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
    _turns: Arc<Semaphore>,
}

impl Turns {
    pub(super) async fn wait(&self, peer: Peer) -> Turn {
        let turns = self.turns_of(peer);
        // `None` only if the semaphore is closed, which never happens.
        Turn { _permit: turns.clone().acquire_owned().await.ok(), _turns: turns }
    }

    fn turns_of(&self, peer: Peer) -> Arc<Semaphore> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = all.get(&peer).and_then(Weak::upgrade) {
            return turns;
        }
        all.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(MAX_TURNS));
        all.insert(peer, Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{runtime::Builder, time::timeout};

    use super::{MAX_TURNS, Turns};
    use crate::http::slots::Peer;

    #[test]
    fn requests_of_one_address_wait_for_each_other_alone() {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let turns = Turns::default();
            let peer = |last: u8| Peer::from_ip([192, 0, 2, last].into());
            let mut guards = Vec::new();
            for _ in 0..MAX_TURNS {
                guards.push(turns.wait(peer(1)).await);
            }
            let patience = Duration::from_secs(1);
            assert!(timeout(patience, turns.wait(peer(1))).await.is_err());
            assert!(timeout(patience, turns.wait(peer(2))).await.is_ok());
            guards.pop();
            assert!(timeout(patience, turns.wait(peer(1))).await.is_ok());
            guards.clear();
            drop(turns.turns_of(peer(3)));
            assert_eq!(turns.0.lock().unwrap().len(), 1);
        });
    }
}
