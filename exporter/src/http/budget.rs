//! Budget: a bound on the bytes of responses that clients have not read yet.
//!
//! A body is charged once, however many clients receive it, and until the last of them has it. If
//! the budget is used up, the response to a request is 503.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use hyper::body::Bytes;

use super::slots::Peer;

/// The bound for all clients together.
const MAX_BYTES: usize = 40 << 20;
/// This many of the largest bodies are always admitted: a large exposition must not be refused for
/// its size.
const MIN_BODIES: usize = 4;

/// The bytes in flight of one server; clones share them. The default has no bound, for hosts that
/// run their own HTTP server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    shared: Option<Arc<BudgetState>>,
}

#[derive(Debug)]
struct BudgetState {
    max_bytes: usize,
    charged: Mutex<Charged>,
}

#[derive(Debug, Default)]
struct Charged {
    all: usize,
    /// The size of the largest body so far.
    largest: usize,
    by_peer: HashMap<Peer, usize>,
}

/// The charge of one body; dropping it returns the bytes to the budget.
#[derive(Debug)]
pub(crate) struct Charge {
    shared: Arc<BudgetState>,
    peer: Peer,
    bytes: usize,
}

/// The budget has no space for a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsedUp;

impl Budget {
    pub(super) fn new() -> Budget {
        Budget::with_max_bytes(MAX_BYTES)
    }

    pub(super) fn with_max_bytes(max_bytes: usize) -> Budget {
        Budget { shared: Some(Arc::new(BudgetState { max_bytes, charged: Mutex::default() })) }
    }

    /// Returns the account through which one client uses this budget.
    pub(super) fn account(&self, peer: Peer) -> Account {
        Account { budget: self.clone(), peer }
    }
}

/// A budget, and the peer to which its bytes are charged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    budget: Budget,
    peer: Peer,
}

impl Account {
    /// Checks whether the budget admits anything at all, before a body is created.
    pub(super) fn check(&self) -> Result<(), UsedUp> {
        match &self.budget.shared {
            Some(shared) => shared.admit(&shared.charged(), self.peer, 1),
            None => Ok(()),
        }
    }

    /// Charges a body, until the last reference to any of its bytes is dropped.
    pub(super) fn charge(&self, body: &Bytes) -> Result<Bytes, UsedUp> {
        self.charge_shared(body, &mut Weak::new())
    }

    /// Charges a body that is sent to several clients, as [`Account::charge`] does. The caller
    /// stores `charge` together with the body.
    pub(crate) fn charge_shared(&self, body: &Bytes, charge: &mut Weak<Charge>) -> Result<Bytes, UsedUp> {
        let Some(shared) = &self.budget.shared else { return Ok(body.clone()) };
        let current = charge.upgrade().filter(|charge| Arc::ptr_eq(&charge.shared, shared));
        let current = match current {
            Some(current) => current,
            None => {
                let new = Arc::new(shared.charge(self.peer, body.len())?);
                *charge = Arc::downgrade(&new);
                new
            }
        };
        Ok(Bytes::from_owner(InFlight { body: body.clone(), _charge: current }))
    }
}

impl BudgetState {
    fn charged(&self) -> MutexGuard<'_, Charged> {
        self.charged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits at most three quarters of the budget for one peer, so that a peer that does not read
    /// delays no other.
    fn admit(&self, charged: &Charged, peer: Peer, bytes: usize) -> Result<(), UsedUp> {
        let max_bytes = self.max_bytes.max(charged.largest.max(bytes).saturating_mul(MIN_BODIES));
        let of_peer = charged.by_peer.get(&peer).copied().unwrap_or_default();
        let fits = |charged: usize, max: usize| charged.saturating_add(bytes) <= max;
        let max_of_peer = if peer.is_shared() { max_bytes } else { max_bytes / 4 * 3 };
        if fits(charged.all, max_bytes) && fits(of_peer, max_of_peer) { Ok(()) } else { Err(UsedUp) }
    }

    fn charge(self: &Arc<BudgetState>, peer: Peer, bytes: usize) -> Result<Charge, UsedUp> {
        let mut charged = self.charged();
        self.admit(&charged, peer, bytes)?;
        charged.largest = charged.largest.max(bytes);
        charged.all += bytes;
        *charged.by_peer.entry(peer).or_default() += bytes;
        Ok(Charge { shared: self.clone(), peer, bytes })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut charged = self.shared.charged();
        charged.all -= self.bytes;
        if let Some(of_peer) = charged.by_peer.get_mut(&self.peer) {
            *of_peer -= self.bytes;
            if *of_peer == 0 {
                charged.by_peer.remove(&self.peer);
            }
        }
    }
}

/// The owner of a body in flight.
struct InFlight {
    body: Bytes,
    _charge: Arc<Charge>,
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use hyper::body::Bytes;

    use super::{Budget, UsedUp};
    use crate::http::slots::Peer;

    fn peer(last: u8) -> Peer {
        Peer::from_ip([192, 0, 2, last].into())
    }

    #[test]
    fn one_peer_cannot_exhaust_the_budget() {
        let budget = Budget::with_max_bytes(100);
        let (greedy, other) = (budget.account(peer(1)), budget.account(peer(2)));
        let body = Bytes::from_static(&[0; 25]);
        let charges: Vec<_> = (0..3).map(|_| greedy.charge(&body).unwrap()).collect();
        assert_eq!(greedy.charge(&body).unwrap_err(), UsedUp);
        assert_eq!(greedy.check(), Err(UsedUp));
        let last = other.charge(&body).unwrap();
        assert_eq!(other.check(), Err(UsedUp));
        drop(charges);
        assert_eq!((other.check(), greedy.check()), (Ok(()), Ok(())));
        drop(last);
        assert_eq!(budget.shared.unwrap().charged().by_peer.len(), 0);
    }

    #[test]
    fn shared_body_is_charged_once_until_its_last_byte_is_dropped() {
        let budget = Budget::with_max_bytes(100);
        let account = budget.account(peer(1));
        let (body, mut charge) = (Bytes::from_static(&[0; 25]), Weak::new());
        let mut charges: Vec<_> =
            (0..50).map(|_| account.charge_shared(&body, &mut charge).unwrap()).collect();
        let part = charges[0].split_to(1);
        charges.clear();
        assert_eq!(budget.shared.as_ref().unwrap().charged().all, 25);
        drop(part);
        assert_eq!(budget.shared.as_ref().unwrap().charged().all, 0);
        assert!(account.charge_shared(&body, &mut charge).is_ok());
    }

    #[test]
    fn large_bodies_are_admitted_four_at_a_time() {
        let account = Budget::with_max_bytes(10).account(Peer::default());
        let body = Bytes::from_static(&[0; 25]);
        let mut charges = Vec::new();
        while account.check().is_ok() {
            charges.push(account.charge(&body).unwrap());
        }
        assert_eq!(charges.len(), 4);
    }
}
